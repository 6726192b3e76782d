package derive_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
	"stepup/sidecar/pdp"
	policies "stepup/sidecar/policy"
)

// people is how many people each requirement is held against.
const people = 10

// TestRequirementsAreNeverStricter asks for the requirements of random policies, and then
// what each of many people would be asked for, at once or later: every login that would do for one of them,
// as brute force finds it, is required of nobody more strictly.
func TestRequirementsAreNeverStricter(t *testing.T) {
	t.Parallel()
	seed := seedOf(t)
	met, weaker := 0, 0
	for _, c := range generated(seed, policiesOf(t)) {
		loaded := loadPolicy(t, c.text, c.world)
		required := map[string][]access.StepUpAdvice{}
		best := map[string][]way{}
		for _, f := range c.people(seed) {
			logins, asked := required[f.resource]
			if !asked {
				before := f
				before.now = c.present[0].now
				logins = requirementsOf(t, loaded, before)
				required[f.resource] = logins
			}
			ways := waysOf(c.policy, f)
			best[f.resource] = append(best[f.resource], ways...)
			if problem := c.world.stricter(logins, ways); problem != "" {
				t.Errorf("policy %d, %s: %s\nrequired: %s\n%s", c.number, f.resource, problem, tellLogins(logins), claim{policy: c.policy, facts: f})
			}
		}
		for resource, logins := range required {
			if met++; !c.world.reached(logins, best[resource]) {
				weaker++
			}
		}
	}
	t.Logf("%d requirements, %d of them weaker than any of the people drawn", met, weaker)
}

// people are persons of the case's world at its moment and up to twelve days later.
// Nobody's own login matters, for all imagine another.
func (c generatedCase) people(seed uint64) []facts {
	g := newGenerator(seed, c.number, c.world)
	g.rules() // as the case was made
	all := make([]facts, people)
	for i := range all {
		all[i] = g.present()
		all[i].machine = false
		if i%2 == 1 {
			all[i].now += g.Int64N(1 << 20)
		}
	}
	return all
}

// waysOf are the logins that would do for one person, by brute force.
func waysOf(p policy, f facts) []way {
	var ways []way
	for i := range f.world.vocabulary.Logins {
		if last, works := longest(p, f, i); works && (last == nil || *last >= floor) {
			ways = append(ways, way{i, last})
		}
	}
	return ways
}

// requirementsOf asks the real decider. Its patience is endless, so that what it finds
// does not depend on the machine.
func requirementsOf(t testing.TB, loaded *policies.Policies, f facts) []access.StepUpAdvice {
	t.Helper()
	return requirementsWithin(t, loaded, f, time.Minute)
}

func requirementsWithin(t testing.TB, loaded *policies.Policies, f facts, patience time.Duration) []access.StepUpAdvice {
	t.Helper()
	const issuer = "https://idp.example/"
	d := pdp.New(pdp.Config{
		Policy: func() pdp.Policy { return loaded.Current() }, Issuers: []string{issuer},
		Now: func() time.Time { return time.Unix(f.now, 0) }, Deadline: time.Minute, Patience: patience,
	})
	req := f.request()
	answer, err := d.Require(context.Background(), access.RequirementQuestion{Action: req.Action, Resource: req.Resource, Issuer: issuer})
	if err != nil || len(answer.Issuers) != 1 {
		t.Fatalf("Require = %+v, %v; want one issuer", answer, err)
	}
	return answer.Issuers[0].Logins
}

// stricter says how requirements are stricter than the logins that would do for somebody:
// one of them is not among those that are required, or only for a shorter time.
func (w *world) stricter(required []access.StepUpAdvice, ways []way) string {
	for _, one := range ways {
		i := slices.IndexFunc(required, func(r access.StepUpAdvice) bool { return w.requires(r) == one.login })
		switch {
		case i < 0:
			return fmt.Sprintf("login %d would do, and is left out", one.login)
		case !(way{one.login, required[i].MaxAge}).holds(one.last):
			return fmt.Sprintf("login %d would do up to %s, and is required up to %s", one.login, told(one.last), told(required[i].MaxAge))
		}
	}
	return ""
}

// reached reports whether somebody reaches the first login that is required, for as long.
func (w *world) reached(required []access.StepUpAdvice, ways []way) bool {
	return len(required) == 0 || slices.ContainsFunc(ways, func(one way) bool {
		return one.login == w.requires(required[0]) && told(one.last) == told(required[0].MaxAge)
	})
}

// requires is the login that a requirement means.
func (w *world) requires(r access.StepUpAdvice) int {
	return w.loginOf(r.AuthorizationRequest["acr_values"])
}

func tellLogins(logins []access.StepUpAdvice) string {
	var all []string
	for _, login := range logins {
		all = append(all, tellAdvice(&login))
	}
	return strings.Join(all, "; ")
}

// TestStricterIsSeen changes requirements that hold, each in a way that makes them
// stricter than somebody needs.
func TestStricterIsSeen(t *testing.T) {
	w := chain()
	age := func(n int64) *int64 { return &n }
	basic := access.StepUpAdvice{Level: "basic", AuthorizationRequest: map[string]string{"acr_values": "urn:basic"}}
	strong := access.StepUpAdvice{Level: "strong", MaxAge: age(300), AuthorizationRequest: map[string]string{"acr_values": "urn:strong"}}
	for name, row := range map[string]struct {
		required []access.StepUpAdvice
		ways     []way
		stricter bool
	}{
		"nothing would do":        {nil, nil, false},
		"the same":                {[]access.StepUpAdvice{basic, strong}, []way{{0, nil}, {1, age(300)}}, false},
		"older than needed":       {[]access.StepUpAdvice{strong}, []way{{1, age(299)}}, false},
		"any age":                 {[]access.StepUpAdvice{basic}, []way{{0, age(60)}}, false},
		"weaker than needed":      {[]access.StepUpAdvice{basic, strong}, []way{{1, age(300)}}, false},
		"a login left out":        {[]access.StepUpAdvice{strong}, []way{{0, nil}, {1, age(300)}}, true},
		"all logins left out":     {nil, []way{{1, age(300)}}, true},
		"an age that is too low":  {[]access.StepUpAdvice{strong}, []way{{1, age(301)}}, true},
		"an age where none is so": {[]access.StepUpAdvice{strong}, []way{{1, nil}}, true},
	} {
		if got := w.stricter(row.required, row.ways); (got != "") != row.stricter {
			t.Errorf("%s: stricter = %q, want some: %t", name, got, row.stricter)
		}
	}
}

// TestRequirementsAreExact asks for the requirements of policies that are conjunctions of
// what a person has and how they signed in: they are what the person is asked for who has
// all of it.
func TestRequirementsAreExact(t *testing.T) {
	t.Parallel()
	seed, reachable := seedOf(t), 0
	all := worlds()
	for _, w := range all {
		w.roles = map[string][]string{"alice": {"admin", "staff"}, "bob": {"staff"}}
	}
	for number := range uint64(policiesOf(t)) / 4 {
		g := newGenerator(seed, number, all[number%uint64(len(all))])
		r := rules{g.conjunction()}
		f := g.entitled()
		want := waysOf(r.policy(), f)
		logins := requirementsOf(t, loadPolicy(t, r.rego(), g.world), f)
		if problem := g.world.differs(logins, want); problem != "" {
			t.Errorf("policy %d: %s\n%s", number, problem, claim{policy: r.policy(), facts: f})
		}
		if len(want) > 0 {
			reachable++
		}
	}
	if number := policiesOf(t) / 4; reachable < number/3 {
		t.Errorf("only %d of %d policies can be met", reachable, number)
	}
}

// conjunction demands what [generator.entitled] has, a level, a method and ages.
func (g generator) conjunction() allOf {
	b := allOf{hasScope(pick(g, "read", "write", "funds", "vault"))}
	b = g.maybe(b, 50, func() condition { return hasRole(pick(g, "admin", "staff")) })
	b = g.maybe(b, 50, func() condition { return claimIs{"tenant", "==", "red"} })
	b = g.maybe(b, 50, func() condition { return claimHas{"groups", "eng"} })
	b = g.maybe(b, 70, func() condition { return hasLevel(g.level()) })
	b = g.maybe(b, 20, func() condition { return hasMethod(pick(g, "pwd", "otp", "sms", "hwk")) })
	b = g.maybe(b, 80, func() condition { return g.age("<=", "<") })
	b = g.maybe(b, 20, func() condition { return g.age("<=", "<", "!=") })
	return g.maybe(b, 20, func() condition { return ageInLimits{} })
}

// entitled is somebody who may do everything.
func (g generator) entitled() facts {
	f := g.present()
	f.machine = false
	f.subject = "alice"
	f.scopes = []string{"read", "write", "funds", "vault"}
	f.claims["tenant"], f.claims["groups"] = "red", []string{"eng", "ops"}
	return f.read()
}

// differs compares requirements with the logins that would do.
func (w *world) differs(required []access.StepUpAdvice, ways []way) string {
	same := slices.EqualFunc(required, ways, func(r access.StepUpAdvice, one way) bool {
		l := w.vocabulary.Logins[one.login]
		scope := assurance.UniteScopes(strings.Fields(l.Request["scope"]), l.Scopes)
		return w.requires(r) == one.login && r.Level == l.Level && told(r.MaxAge) == told(one.last) &&
			slices.Equal(r.ACRValues, []string{l.Request["acr_values"]}) && len(r.Alternatives) == 0 &&
			slices.Equal(strings.Fields(r.AuthorizationRequest["scope"]), scope) &&
			(one.last == nil) == (r.AuthorizationRequest["max_age"] == "")
	})
	if same {
		return ""
	}
	return fmt.Sprintf("got %s, want %s", tellLogins(required), claim{facts: facts{world: w}}.tell(ways))
}

// TestRequirementsInNoTime has no time to look at anything: then every login of the issuer
// may do, at any age.
func TestRequirementsInNoTime(t *testing.T) {
	t.Parallel()
	g := newGenerator(3, 0, chain())
	f := g.entitled()
	loaded := loadPolicy(t, rules{{hasLevel("hard"), age{"<=", 60, plain}}}.rego(), f.world)
	got := requirementsWithin(t, loaded, f, time.Nanosecond)
	if problem := f.world.differs(got, []way{{0, nil}, {1, nil}, {2, nil}, {3, nil}}); problem != "" {
		t.Error(problem)
	}
}
