package derive_test

import (
	"slices"
	"strings"
	"testing"

	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
)

// The reference engine is the search as it is written down, over the oracle instead of
// Rego: the list in order, the breakpoints upward. Its steps can be exchanged one by one,
// which makes the mutants.
type reference struct {
	logins   func(w *world) []int                                             // those that are tried
	members  func(l login) int                                                // how many of a login's claim sets
	imagine  func(f facts, l login, member int, age int64) facts              // the candidate document
	points   func(p policy, f facts) []int64                                  // ages at which to ask, ascending
	lastAge  func(allows func(age int64) bool, points []int64) (*int64, bool) // of one login
	tooShort func(last *int64) bool
	hasty    bool // whether a login that is too short ends the search
	machines bool // whether they are asked to sign in
	code     func(p policy, f facts, login int) access.Code
	report   func(ways []way) []way
	ask      func(f facts, ways []way) way
	scope    func(f facts, l login) []string
}

func newReference() reference {
	return reference{
		logins:   func(w *world) []int { return upTo(len(w.vocabulary.Logins)) },
		members:  func(l login) int { return len(l.Claims) },
		imagine:  facts.imagine,
		points:   breakpoints,
		lastAge:  walk,
		tooShort: func(last *int64) bool { return last != nil && *last < floor },
		code:     lacking,
		report:   func(ways []way) []way { return ways },
		ask:      askNoWeaker,
		scope: func(f facts, l login) []string {
			return assurance.UniteScopes(f.scopes, strings.Fields(l.Request["scope"]), l.Scopes)
		},
	}
}

func (r reference) engine(_ testing.TB, p policy, _ *world) decide {
	return func(f facts) answer { return r.decide(p, f) }
}

func (r reference) decide(p policy, f facts) answer {
	if p.allow(f) {
		return answer{outcome: access.Allow}
	}
	if f.machine && !r.machines {
		return answer{code: access.NoUser}
	}
	ways, tooShort := r.search(p, f)
	switch {
	case len(ways) > 0:
		return answer{access.StepUp, r.code(p, f, ways[0].login), r.advise(f, r.report(ways))}
	case tooShort:
		return answer{code: access.WindowTooShort}
	case timeMissing(p, f):
		return answer{code: access.LoginTimeUnknown}
	}
	return answer{code: access.NotAllowed}
}

func (r reference) search(p policy, f facts) (ways []way, tooShort bool) {
	for _, i := range r.logins(f.world) {
		last, works := r.lastAge(r.asker(p, f, f.world.vocabulary.Logins[i]), r.points(p, f))
		switch {
		case works && r.tooShort(last):
			tooShort = true
			if r.hasty {
				return ways, tooShort
			}
		case works:
			ways = append(ways, way{i, last})
		}
	}
	return ways, tooShort
}

func (r reference) asker(p policy, f facts, l login) func(age int64) bool {
	return func(age int64) bool {
		for member := range r.members(l) {
			if !p.allow(r.imagine(f, l, member, age)) {
				return false
			}
		}
		return true
	}
}

// breakpoints are all constants of the policy and their neighbours.
func breakpoints(p policy, f facts) []int64 {
	points := []int64{0}
	for _, k := range p.ages(f) {
		points = append(points, k-1, k, k+1)
	}
	points = slices.DeleteFunc(points, func(age int64) bool { return age < 0 || age > f.now })
	slices.Sort(points)
	return slices.Compact(points)
}

// walk asks upward until the first refusal.
func walk(allows func(age int64) bool, points []int64) (*int64, bool) {
	for _, age := range points {
		if !allows(age) {
			last := age - 1
			return &last, age > 0
		}
	}
	return nil, true
}

func askNoWeaker(f facts, ways []way) way {
	for _, w := range ways {
		if w.holds(ways[0].last) && covers(f.world.implied(f.world.vocabulary.Logins[w.login].Level), f.login.levels) {
			return w
		}
	}
	return ways[0]
}

func (r reference) advise(f facts, ways []way) *access.StepUpAdvice {
	advice := r.advice(f, ways[0], r.ask(f, ways))
	for _, w := range ways[1:] {
		if w.holds(ways[0].last) {
			advice.ACRValues = append(advice.ACRValues, f.world.vocabulary.Logins[w.login].Request["acr_values"])
		}
		advice.Alternatives = append(advice.Alternatives, r.advice(f, w, w))
	}
	return &advice
}

func (r reference) advice(f facts, demanded, asked way) access.StepUpAdvice {
	logins := f.world.vocabulary.Logins
	request := map[string]string{
		"acr_values": logins[asked.login].Request["acr_values"],
		"scope":      strings.Join(r.scope(f, logins[asked.login]), " "),
	}
	if demanded.last != nil {
		request["max_age"] = told(demanded.last)
	}
	return access.StepUpAdvice{
		Level: logins[demanded.login].Level, MaxAge: demanded.last,
		ACRValues:            []string{logins[demanded.login].Request["acr_values"]},
		AuthorizationRequest: request,
	}
}

func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}
