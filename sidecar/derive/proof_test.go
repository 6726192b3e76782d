package derive_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"stepup/sidecar/access"
)

// engines are held to the properties, each in every test below. The product's own stands
// here beside the reference.
func engines() map[string]engine {
	return map[string]engine{
		"reference": newReference().engine,
		"product":   product,
	}
}

// tokens is how many tokens each policy is asked about.
const tokens = 8

// A generatedCase is a policy with tokens that are present when it is asked.
type generatedCase struct {
	number uint64
	world  *world
	policy
	rules   rules
	present []facts
}

// generated makes cases from a seed, the worlds in turn.
func generated(seed uint64, count int) []generatedCase {
	all := worlds()
	cases := make([]generatedCase, count)
	for i := range cases {
		cases[i] = newCase(seed, uint64(i), all[i%len(all)])
	}
	return cases
}

func newCase(seed, number uint64, w *world) generatedCase {
	g := newGenerator(seed, number, w)
	r := g.rules()
	c := generatedCase{number: number, world: w, policy: r.policy(), rules: r}
	for range tokens {
		c.present = append(c.present, g.present())
	}
	return c
}

// seedOf returns DERIVE_SEED, a number or "random", and prints it; policiesOf DERIVE_POLICIES.
// Without it the seed is always the same: a run is red for what was changed, not for what
// it happened to draw. New policies are drawn by `make soak`.
func seedOf(t *testing.T) uint64 {
	seed := uint64(1)
	switch text := os.Getenv("DERIVE_SEED"); text {
	case "":
	case "random":
		seed = rand.Uint64()
	default:
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("DERIVE_SEED: %v", err)
		}
	}
	t.Logf("to repeat: DERIVE_SEED=%d DERIVE_POLICIES=%d go test -run '^%s$' ./sidecar/derive", seed, policiesOf(t), t.Name())
	return seed
}

func policiesOf(t *testing.T) int {
	text := os.Getenv("DERIVE_POLICIES")
	if text == "" {
		return 500
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("DERIVE_POLICIES: %v", err)
	}
	return n
}

// TestProof asks every engine about random policies and holds each answer to the
// properties.
func TestProof(t *testing.T) {
	cases := generated(seedOf(t), policiesOf(t))
	for name, open := range engines() {
		t.Run(name, func(t *testing.T) { prove(t, open, cases) })
	}
	t.Run("cases are of all kinds", func(t *testing.T) { wantAllKinds(t, cases) })
}

// prove splits the cases among as many goroutines as help.
func prove(t *testing.T, open engine, cases []generatedCase) {
	for part := range slices.Chunk(cases, (len(cases)+3)/4) {
		t.Run(fmt.Sprintf("from %d", part[0].number), func(t *testing.T) {
			t.Parallel()
			for _, c := range part {
				c.prove(t, open)
			}
		})
	}
}

func (c generatedCase) prove(t *testing.T, open engine) {
	t.Helper()
	decide := open(t, c.policy, c.world)
	for _, f := range c.present {
		judged := claim{c.policy, f, judge(c.policy, f), decide(f)}
		for property, problem := range judged.violations() {
			t.Errorf("policy %d, not %s: %s\n%s", c.number, property, problem, judged)
		}
	}
}

// String tells all there is to know of an answer.
func (c claim) String() string {
	return fmt.Sprintf("got: %v %s %s\nwant: %v %s: %s\nworld: %s, subject %s, resource %s, machine %t, scopes %q, claims %v, now %d\nlogin: %+v, age %d\n%s",
		c.got.outcome, c.got.code, tellAdvice(c.got.stepUp), c.outcome, c.code, c.tell(c.ways),
		c.world.name, c.subject, c.resource, c.machine, c.scopes, c.claims, c.now, c.login, c.age(), c.text)
}

func tellAdvice(advice *access.StepUpAdvice) string {
	if advice == nil {
		return ""
	}
	text := fmt.Sprintf("%s of max_age %s by %q, asking %v", advice.Level, told(advice.MaxAge), advice.ACRValues, advice.AuthorizationRequest)
	for _, alternative := range advice.Alternatives {
		text += "; or " + tellAdvice(&alternative)
	}
	return text
}

// wantAllKinds keeps the generator from decaying: all outcomes, all codes, ages named and
// not, and all of the grammar occur.
func wantAllKinds(t *testing.T, cases []generatedCase) {
	kinds := map[string]int{}
	count := func(kind string) { kinds[kind]++ }
	for _, c := range cases {
		for _, f := range c.present {
			kindsOf(judge(c.policy, f), count)
		}
		c.rules.some(func(one condition) bool { count(fmt.Sprintf("%T", one)); return false })
		count(fmt.Sprintf("exact: %t", c.exact))
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		t.Logf("%-40s %d", kind, kinds[kind])
	}
	if len(cases) < 500 {
		return
	}
	for _, kind := range wantKinds() {
		if kinds[kind] == 0 {
			t.Errorf("no case of %s", kind)
		}
	}
}

func kindsOf(want truth, count func(kind string)) {
	count("outcome " + want.outcome.String())
	if want.code != "" {
		count(fmt.Sprintf("%v %s", want.outcome, want.code))
	}
	if len(want.ways) > 0 {
		count(fmt.Sprintf("step_up with max_age: %t", want.ways[0].last != nil))
		count(fmt.Sprintf("step_up to login %d", want.ways[0].login))
		count(fmt.Sprintf("step_up with alternatives: %t", len(want.ways) > 1))
	}
}

func wantKinds() []string {
	kinds := []string{"outcome allow", "outcome deny", "outcome step_up", "exact: true", "exact: false"}
	for _, code := range []access.Code{access.LevelTooLow, access.LoginTooOld, access.LoginTimeUnknown, access.ScopeInsufficient} {
		kinds = append(kinds, "step_up "+string(code))
	}
	for _, code := range []access.Code{access.NoUser, access.WindowTooShort, access.NotAllowed, access.LoginTimeUnknown} {
		kinds = append(kinds, "deny "+string(code))
	}
	for _, c := range []condition{
		hasScope(""), hasLevel(""), hasMethod(""), hasRole(""), claimIs{}, claimHas{}, age{}, ageInLimits{}, hole{}, since{},
		loginAfter{}, claimAfter{}, not{}, allOf{}, anyOf{}, limitByElse{}, elseChain{}, fewProblems{},
	} {
		kinds = append(kinds, fmt.Sprintf("%T", c))
	}
	return kinds
}

// TestAgesThatMatter checks the ages at which the truth is sought against all ages there
// are, up to some hours: between two that matter nothing changes.
func TestAgesThatMatter(t *testing.T) {
	t.Parallel()
	for _, c := range generated(seedOf(t), 18) {
		f := c.present[0]
		for i := range c.world.vocabulary.Logins {
			last, works := longest(c.policy, f, i)
			for age := range int64(9000) {
				if want := works && (last == nil || age <= *last); want && !worksAt(c.policy, f, i, age) {
					t.Errorf("policy %d, login %d: refused at %d, but last is %s\n%s", c.number, i, age, told(last), c.text)
				}
			}
		}
	}
}
