package derive_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
)

// An engine decides: it is given a policy in a world once, and then asked about facts. It
// may be used by several goroutines at once.
type engine func(t testing.TB, p policy, w *world) decide

type decide func(f facts) answer

// An answer is what is judged of an access.Decision.
type answer struct {
	outcome access.Outcome
	code    access.Code // of the first reason; empty on allow
	stepUp  *access.StepUpAdvice
}

// A property is a promise about answers. It returns what is wrong, or nothing.
type property struct {
	name  string
	check func(c claim) string
}

// A claim is one answer with everything to judge it by.
type claim struct {
	policy
	facts
	truth
	got answer
}

// properties in the order in which they are worth reading.
func properties() []property {
	return []property{
		{"outcome", claim.wrongOutcome},
		{"reason", claim.wrongReason},
		{"obtainable", claim.notObtainable},
		{"minimal", claim.notMinimal},
		{"sufficient", claim.notSufficient},
		{"largest", claim.notLargest},
		{"values", claim.wrongValues},
		{"alternatives", claim.wrongAlternatives},
		{"request", claim.wrongRequest},
		{"closed loop", claim.deadEnd},
	}
}

// violations are the properties that the answer breaks, by name.
func (c claim) violations() map[string]string {
	broken := map[string]string{}
	for _, property := range properties() {
		if problem := property.check(c); problem != "" {
			broken[property.name] = problem
		}
	}
	return broken
}

func (c claim) wrongOutcome() string {
	if c.got.outcome != c.outcome {
		return fmt.Sprintf("got %v, want %v", c.got.outcome, c.outcome)
	}
	if (c.got.stepUp != nil) != (c.got.outcome == access.StepUp) {
		return fmt.Sprintf("got %v with step-up %+v", c.got.outcome, c.got.stepUp)
	}
	return ""
}

func (c claim) wrongReason() string {
	if c.got.outcome == c.outcome && c.got.code != c.code {
		return fmt.Sprintf("got %q, want %q", c.got.code, c.code)
	}
	return ""
}

// demanded returns the login that a step-up asks for at least; -1: none that is offered.
func (c claim) demanded() int {
	if c.got.stepUp == nil || len(c.got.stepUp.ACRValues) == 0 {
		return -1
	}
	return c.world.loginOf(c.got.stepUp.ACRValues[0])
}

// notObtainable: the provider offers the login, its level is the one that is named, and
// there is time to come back.
func (c claim) notObtainable() string {
	if c.got.stepUp == nil {
		return ""
	}
	for _, advice := range append([]access.StepUpAdvice{*c.got.stepUp}, c.got.stepUp.Alternatives...) {
		if advice.MaxAge != nil && *advice.MaxAge < floor {
			return fmt.Sprintf("max_age %d", *advice.MaxAge)
		}
		i := -1
		if len(advice.ACRValues) > 0 {
			i = c.world.loginOf(advice.ACRValues[0])
		}
		if i < 0 || c.world.vocabulary.Logins[i].Level != advice.Level {
			return fmt.Sprintf("level %q by %q is not offered", advice.Level, advice.ACRValues)
		}
	}
	return ""
}

// notMinimal: no login that stands earlier in the list would do.
func (c claim) notMinimal() string {
	if i := c.demanded(); i >= 0 && len(c.ways) > 0 && c.ways[0].login < i {
		return fmt.Sprintf("asks for login %d, but %d would do", i, c.ways[0].login)
	}
	return ""
}

// notSufficient: every login that is named is allowed at every age up to the max_age that
// is named with it.
func (c claim) notSufficient() string {
	if c.got.stepUp == nil {
		return ""
	}
	for _, advice := range append([]access.StepUpAdvice{*c.got.stepUp}, c.got.stepUp.Alternatives...) {
		named := append(slices.Clone(advice.ACRValues), strings.Fields(advice.AuthorizationRequest["acr_values"])...)
		slices.Sort(named)
		for _, acr := range slices.Compact(named) {
			if age, refused := c.firstRefusal(c.world.loginOf(acr), advice.MaxAge); refused {
				return fmt.Sprintf("login %q at %d s is refused, max_age %s", acr, age, told(advice.MaxAge))
			}
		}
	}
	return ""
}

func (c claim) firstRefusal(i int, maxAge *int64) (int64, bool) {
	if i < 0 {
		return 0, true
	}
	for _, age := range agesThatMatter(c.policy, c.facts) {
		if maxAge != nil && age > *maxAge {
			break
		}
		if !worksAt(c.policy, c.facts, i, age) {
			return age, true
		}
	}
	if maxAge != nil && *maxAge <= c.now && !worksAt(c.policy, c.facts, i, *maxAge) {
		return *maxAge, true
	}
	return 0, false
}

// notLargest: where the breakpoints can be found max_age is the last age before the first
// refusal, and where there is none no max_age is named.
func (c claim) notLargest() string {
	i := slices.IndexFunc(c.ways, func(w way) bool { return w.login == c.demanded() })
	if i < 0 {
		return ""
	}
	got, want := c.got.stepUp.MaxAge, c.ways[i].last
	if c.exact && told(got) != told(want) {
		return fmt.Sprintf("got max_age %s, want %s", told(got), told(want))
	}
	return ""
}

func told(maxAge *int64) string {
	if maxAge == nil {
		return "none"
	}
	return strconv.FormatInt(*maxAge, 10)
}

// wrongValues: acr_values are those of the logins that hold up to max_age, weakest first.
// Of a policy that is not exact the engine need not know all that hold.
func (c claim) wrongValues() string {
	if c.got.stepUp == nil {
		return ""
	}
	want := []string{}
	for _, w := range c.ways {
		if w.holds(c.got.stepUp.MaxAge) {
			want = append(want, c.world.vocabulary.Logins[w.login].Request["acr_values"])
		}
	}
	if got := c.got.stepUp.ACRValues; !inOrder(got, want) || (c.exact && len(got) != len(want)) {
		return fmt.Sprintf("got %q, want %q", got, want)
	}
	return ""
}

// inOrder reports whether got is want with some left out.
func inOrder(got, want []string) bool {
	for _, one := range got {
		i := slices.Index(want, one)
		if i < 0 {
			return false
		}
		want = want[i+1:]
	}
	return true
}

// wrongAlternatives: alternatives are other logins that would do, weakest first, each with
// its own max_age and without alternatives.
func (c claim) wrongAlternatives() string {
	if c.got.stepUp == nil || len(c.ways) == 0 {
		return ""
	}
	rest := c.ways[1:]
	for _, alternative := range c.got.stepUp.Alternatives {
		i := slices.IndexFunc(rest, func(w way) bool { return c.isWay(alternative, w) })
		if i < 0 || len(alternative.Alternatives) > 0 {
			return fmt.Sprintf("%s of max_age %s is not one of %s", alternative.Level, told(alternative.MaxAge), c.tell(rest))
		}
		rest = rest[i+1:]
	}
	return ""
}

func (c claim) isWay(advice access.StepUpAdvice, w way) bool {
	return len(advice.ACRValues) > 0 && c.world.loginOf(advice.ACRValues[0]) == w.login &&
		(!c.exact || told(advice.MaxAge) == told(w.last))
}

func (c claim) tell(ways []way) string {
	var all []string
	for _, w := range ways {
		all = append(all, fmt.Sprintf("%s (login %d) of max_age %s", c.world.vocabulary.Logins[w.login].Level, w.login, told(w.last)))
	}
	return strings.Join(all, ", ")
}

// wrongRequest: the request asks for the weakest login that is no weaker than the present
// one and holds for as long, else for the one that is demanded; with the scopes of the
// token and of the login together, and for the max_age.
func (c claim) wrongRequest() string {
	if c.got.stepUp == nil || len(c.ways) == 0 {
		return ""
	}
	request := c.got.stepUp.AuthorizationRequest
	i := c.world.loginOf(request["acr_values"])
	if c.exact && i != c.asked() {
		return fmt.Sprintf("asks for login %d, want %d", i, c.asked())
	}
	if i < 0 {
		return fmt.Sprintf("asks for no login that is offered: %v", request)
	}
	l := c.world.vocabulary.Logins[i]
	want := assurance.UniteScopes(c.scopes, strings.Fields(l.Request["scope"]), l.Scopes)
	if got := strings.Fields(request["scope"]); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		return fmt.Sprintf("got scope %q, want %q", got, want)
	}
	if maxAge := c.got.stepUp.MaxAge; (maxAge == nil) != (request["max_age"] == "") || (maxAge != nil && request["max_age"] != told(maxAge)) {
		return fmt.Sprintf("got max_age %q in the request, want %s", request["max_age"], told(maxAge))
	}
	return ""
}

// deadEnd: who follows the request, at a provider that grants exactly the scopes that it
// asks for, is then allowed.
func (c claim) deadEnd() string {
	if c.got.stepUp == nil {
		return ""
	}
	request := c.got.stepUp.AuthorizationRequest
	i := c.world.loginOf(request["acr_values"])
	if i < 0 {
		return fmt.Sprintf("asks for no login that is offered: %v", request)
	}
	l := c.world.vocabulary.Logins[i]
	for member := range l.Claims {
		back := c.imagine(l, member, 0)
		back.scopes = strings.Fields(request["scope"])
		if !c.allow(back) {
			return fmt.Sprintf("%v is followed and refused", request)
		}
	}
	return ""
}

func (c claim) asked() int {
	for _, w := range c.ways {
		if w.holds(c.ways[0].last) && covers(c.world.implied(c.world.vocabulary.Logins[w.login].Level), c.login.levels) {
			return w.login
		}
	}
	return c.ways[0].login
}
