package derive_test

import (
	"maps"
	"slices"
	"testing"

	"stepup/sidecar/access"
)

// A mutant is the reference engine with one mistake.
type mutant struct {
	name    string
	mistake func(r *reference)
	breaks  string // a property that catches it, besides perhaps others
}

// mutants are mistakes that an engine could have. Each must be caught.
func mutants() []mutant {
	return []mutant{
		{"skips the first login", func(r *reference) {
			r.logins = func(w *world) []int { return upTo(len(w.vocabulary.Logins))[1:] }
		}, "minimal"},
		{"skips a login in the middle", func(r *reference) {
			r.logins = func(w *world) []int { return slices.Delete(upTo(len(w.vocabulary.Logins)), 2, 3) }
		}, "minimal"},
		{"skips the last login", func(r *reference) {
			r.logins = func(w *world) []int { return upTo(len(w.vocabulary.Logins) - 1) }
		}, "outcome"},
		{"tries the strongest first", func(r *reference) {
			r.logins = func(w *world) []int {
				all := upTo(len(w.vocabulary.Logins))
				slices.Reverse(all)
				return all
			}
		}, "minimal"},
		{"prefers the login that may be oldest", func(r *reference) { r.report = oldestFirst }, "minimal"},

		{"max_age one too large", func(r *reference) { r.lastAge = shifted(+1) }, "sufficient"},
		{"max_age one too small", func(r *reference) { r.lastAge = shifted(-1) }, "largest"},
		{"bisection", func(r *reference) { r.lastAge = bisect }, "sufficient"},
		{"asks at age 0 only", func(r *reference) { r.points = func(policy, facts) []int64 { return []int64{0} } }, "sufficient"},
		{"asks at the constants, not after them", func(r *reference) { r.points = constantsOnly }, "sufficient"},
		{"takes the last refusal for the first", func(r *reference) { r.lastAge = downward }, "sufficient"},
		{"never says that any age would do", func(r *reference) { r.lastAge = capped }, "largest"},
		{"max_age of the wrong login", func(r *reference) { r.report = ageOfLast }, "sufficient"},
		{"alternatives with the first login's max_age", func(r *reference) { r.report = ageOfFirst }, "alternatives"},
		{"the floor ignored", func(r *reference) { r.tooShort = func(*int64) bool { return false } }, "obtainable"},
		{"the floor one too high", func(r *reference) {
			r.tooShort = func(last *int64) bool { return last != nil && *last <= floor }
		}, "outcome"},
		{"too short a login ends the search", func(r *reference) { r.hasty = true }, "outcome"},

		{"stale claims kept", func(r *reference) { r.imagine = keepingStale(vocabulary.reads) }, "sufficient"},
		{"stale methods kept", func(r *reference) {
			r.imagine = keepingStale(func(v vocabulary) []string { return v.Methods })
		}, "sufficient"},
		{"stale login times kept", func(r *reference) {
			r.imagine = keepingStale(func(v vocabulary) []string { return v.AuthTime })
		}, "outcome"},
		{"the login time is not put into the claims", func(r *reference) { r.imagine = withoutTimeClaim }, "outcome"},
		{"a time claim that the vocabulary does not read is moved", func(r *reference) { r.imagine = moving("auth_time") }, "sufficient"},
		{"iat is moved to the login", func(r *reference) { r.imagine = moving("iat") }, "sufficient"},
		{"assurance is patched, not computed", func(r *reference) { r.imagine = keepingLevels }, "sufficient"},
		{"the login's level without what it implies", func(r *reference) { r.imagine = levelAlone }, "outcome"},
		{"the present scopes dropped", func(r *reference) { r.imagine = withScopesOf(false, true) }, "outcome"},
		{"the login's scopes dropped", func(r *reference) { r.imagine = withScopesOf(true, false) }, "outcome"},
		{"scopes that a request asks for are taken as granted", func(r *reference) { r.imagine = grantingAll }, "sufficient"},
		{"members after the first ignored", func(r *reference) {
			r.members = func(login) int { return 1 }
		}, "sufficient"},
		{"an unknown login time is fresh", func(r *reference) { r.imagine = fresh }, "sufficient"},

		{"machines are stepped up", func(r *reference) { r.machines = true }, "outcome"},
		{"too weak is told as too old", func(r *reference) {
			r.code = func(policy, facts, int) access.Code { return access.LoginTooOld }
		}, "reason"},
		{"a missing scope is told as too old", func(r *reference) { r.code = notTelling(access.ScopeInsufficient, access.LoginTooOld) }, "reason"},
		{"an unknown time is told as too old", func(r *reference) { r.code = notTelling(access.LoginTimeUnknown, access.LoginTooOld) }, "reason"},
		{"asks for a weaker login than the present one", func(r *reference) {
			r.ask = func(_ facts, ways []way) way { return ways[0] }
		}, "request"},
		{"asks for the strongest login, whether it holds or not", func(r *reference) {
			r.ask = func(_ facts, ways []way) way { return ways[len(ways)-1] }
		}, "sufficient"},
		{"asks without the token's scopes", func(r *reference) {
			r.scope = func(_ facts, l login) []string { return l.Scopes }
		}, "request"},
		{"asks without the login's scopes", func(r *reference) {
			r.scope = func(f facts, _ login) []string { return f.scopes }
		}, "closed loop"},
	}
}

// TestMutants shows that the proof has teeth: every mutant is caught, by the property that
// is named, and the reference engine by none.
func TestMutants(t *testing.T) {
	t.Parallel()
	const seed, policies = 20261123, 500
	claims := truths(generated(seed, policies))
	if i, broken := firstCaught(newReference(), claims, ""); i >= 0 {
		t.Fatalf("the reference engine breaks %v at answer %d", broken, i)
	}
	for _, m := range mutants() {
		r := newReference()
		m.mistake(&r)
		i, broken := firstCaught(r, claims, m.breaks)
		if i < 0 {
			t.Errorf("not caught by %q: %s", m.breaks, m.name)
		}
		t.Logf("%-56s at answer %4d: %s", m.name, i, broken[m.breaks])
	}
}

// truths are all questions of the cases with what is true of them.
func truths(cases []generatedCase) []claim {
	var all []claim
	for _, c := range cases {
		for _, f := range c.present {
			all = append(all, claim{c.policy, f, judge(c.policy, f), answer{}})
		}
	}
	return all
}

// firstCaught returns the first question whose answer breaks a property, any if it is
// empty, and what is wrong; -1 if there is none.
func firstCaught(r reference, claims []claim, property string) (int, map[string]string) {
	for i, c := range claims {
		c.got = r.decide(c.policy, c.facts)
		broken := c.violations()
		if _, caught := broken[property]; caught || (property == "" && len(broken) > 0) {
			return i, broken
		}
	}
	return -1, nil
}

func oldestFirst(ways []way) []way {
	oldest := 0
	for i, w := range ways {
		if w.holds(ways[oldest].last) && told(w.last) != told(ways[oldest].last) {
			oldest = i
		}
	}
	return ways[oldest:]
}

func ageOfLast(ways []way) []way { return sameAge(ways, ways[len(ways)-1].last) }

func ageOfFirst(ways []way) []way { return sameAge(ways, ways[0].last) }

func sameAge(ways []way, last *int64) []way {
	ways = slices.Clone(ways)
	for i := range ways {
		ways[i].last = last
	}
	return ways
}

type search = func(allows func(age int64) bool, points []int64) (*int64, bool)

func shifted(by int64) search {
	return func(allows func(age int64) bool, points []int64) (*int64, bool) {
		last, works := walk(allows, points)
		if last != nil && *last > 0 {
			moved := *last + by
			last = &moved
		}
		return last, works
	}
}

// bisect believes that what is allowed is one interval from 0.
func bisect(allows func(age int64) bool, _ []int64) (*int64, bool) {
	if !allows(0) {
		return nil, false
	}
	low, high := int64(0), int64(1)<<26
	if allows(high) {
		return nil, true
	}
	for high-low > 1 {
		if middle := low + (high-low)/2; allows(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return &low, true
}

func constantsOnly(p policy, f facts) []int64 {
	points := append([]int64{0}, p.ages(f)...)
	points = slices.DeleteFunc(points, func(age int64) bool { return age < 0 })
	slices.Sort(points)
	return slices.Compact(points)
}

func downward(allows func(age int64) bool, points []int64) (*int64, bool) {
	if !allows(0) {
		return nil, false
	}
	for i := len(points) - 1; i >= 0; i-- {
		if allows(points[i]) && i == len(points)-1 {
			return nil, true
		}
		if allows(points[i]) {
			last := points[i+1] - 1
			return &last, true
		}
	}
	return nil, false
}

func capped(allows func(age int64) bool, points []int64) (*int64, bool) {
	last, works := walk(allows, points)
	if last == nil && works {
		day := int64(86400)
		last = &day
	}
	return last, works
}

type imagining = func(f facts, l login, member int, age int64) facts

func keepingStale(which func(v vocabulary) []string) imagining {
	return func(f facts, l login, member int, age int64) facts {
		imagined := f.imagine(l, member, age)
		for _, name := range which(f.world.vocabulary) {
			if _, written := imagined.claims[name]; !written && f.claims[name] != nil {
				imagined.claims[name] = f.claims[name]
			}
		}
		return imagined.read()
	}
}

func withoutTimeClaim(f facts, l login, member int, age int64) facts {
	imagined := f.imagine(l, member, age)
	for _, name := range f.world.vocabulary.AuthTime {
		delete(imagined.claims, name)
	}
	return imagined
}

// moving writes a claim of time that is not the vocabulary's to write.
func moving(name string) imagining {
	return func(f facts, l login, member int, age int64) facts {
		imagined := f.imagine(l, member, age)
		if !slices.Contains(f.world.vocabulary.AuthTime, name) {
			imagined.claims[name] = f.now - age
		}
		return imagined
	}
}

func keepingLevels(f facts, l login, member int, age int64) facts {
	imagined := f.imagine(l, member, age)
	imagined.login.levels = slices.Concat(f.login.levels, imagined.login.levels)
	return imagined
}

func levelAlone(f facts, l login, member int, age int64) facts {
	imagined := f.imagine(l, member, age)
	imagined.login.levels = []string{l.Level}
	return imagined
}

func withScopesOf(present, own bool) imagining {
	return func(f facts, l login, member int, age int64) facts {
		imagined := f.imagine(l, member, age)
		imagined.scopes = nil
		if present {
			imagined.scopes = append(imagined.scopes, f.scopes...)
		}
		if own {
			imagined.scopes = append(imagined.scopes, l.Scopes...)
		}
		return imagined
	}
}

func grantingAll(f facts, l login, member int, age int64) facts {
	imagined := f.imagine(l, member, age)
	imagined.scopes = append(slices.Clone(imagined.scopes), "read", "write")
	return imagined
}

func fresh(f facts, l login, member int, age int64) facts {
	imagined := f.imagine(l, member, age)
	if imagined.login.authTime == 0 && age < f.now {
		imagined.claims = maps.Clone(imagined.claims)
		imagined.login.authTime = f.now
	}
	return imagined
}

func notTelling(one, instead access.Code) func(p policy, f facts, login int) access.Code {
	return func(p policy, f facts, login int) access.Code {
		if code := lacking(p, f, login); code != one {
			return code
		}
		return instead
	}
}
