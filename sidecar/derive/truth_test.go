package derive_test

import (
	"fmt"
	"slices"

	"stepup/sidecar/access"
)

// A policy is a Rego policy with what it means.
type policy struct {
	text  string // Rego, package p
	allow func(facts) bool
	// ages returns those at which the answer about a candidate may change, or just beside
	// which; it may return more.
	ages func(facts) []int64
	// exact: the engine can find these ages, so that it owes the largest max_age. Of other
	// policies it owes one that is sufficient.
	exact bool
}

func (r rules) policy() policy {
	return policy{text: r.rego(), allow: r.allow, ages: r.constants, exact: r.exact()}
}

// The floor of max_age: the time to come back from the provider.
const floor = 30

// truth is what must be answered, found by asking the oracle at all ages that matter.
type truth struct {
	outcome access.Outcome
	code    access.Code
	ways    []way // the logins that would do, in the vocabulary's order
}

// A way is a login that would do, and for how long: at every age if last is nil.
type way struct {
	login int
	last  *int64
}

// holds reports whether a way was found to allow at every age up to maxAge; nil: at any.
func (w way) holds(maxAge *int64) bool {
	return w.last == nil || (maxAge != nil && *maxAge <= *w.last)
}

func judge(p policy, f facts) truth {
	if p.allow(f) {
		return truth{outcome: access.Allow}
	}
	if f.machine {
		return truth{code: access.NoUser}
	}
	var t truth
	tooShort := false
	for i := range f.world.vocabulary.Logins {
		last, works := longest(p, f, i)
		switch {
		case works && last != nil && *last < floor:
			tooShort = true
		case works:
			t.ways = append(t.ways, way{i, last})
		}
	}
	t.outcome, t.code = t.conclude(p, f, tooShort)
	return t
}

func (t truth) conclude(p policy, f facts, tooShort bool) (access.Outcome, access.Code) {
	switch {
	case len(t.ways) > 0:
		return access.StepUp, lacking(p, f, t.ways[0].login)
	case tooShort:
		return access.Deny, access.WindowTooShort
	case timeMissing(p, f):
		return access.Deny, access.LoginTimeUnknown
	}
	return access.Deny, access.NotAllowed
}

// lacking says what the present login lacks of the one that would do: a level, or only a
// scope, or how lately it was.
func lacking(p policy, f facts, i int) access.Code {
	l := f.world.vocabulary.Logins[i]
	switch {
	case !covers(f.login.levels, f.world.implied(l.Level)):
		return access.LevelTooLow
	case !covers(f.scopes, l.Scopes) && worksAt(p, f, i, f.age()):
		return access.ScopeInsufficient
	case !f.world.timed():
		return access.LevelTooLow // nothing is left but how they signed in
	case f.login.authTime == 0:
		return access.LoginTimeUnknown
	}
	return access.LoginTooOld
}

// timeMissing reports that only the login time is missing, and no login can bring it: in a
// world without time some login would do, were it known to be of this moment.
func timeMissing(p policy, f facts) bool {
	if f.world.timed() {
		return false
	}
	return slices.ContainsFunc(f.world.vocabulary.Logins, func(l login) bool {
		for member := range l.Claims {
			dated := f.imagine(l, member, 0)
			dated.login.authTime = f.now
			if !p.allow(dated) {
				return false
			}
		}
		return true
	})
}

// longest returns the last age before the first refusal of a login, nil if there is none
// at any age that matters; works is false if it is refused at once.
func longest(p policy, f facts, i int) (last *int64, works bool) {
	for _, age := range agesThatMatter(p, f) {
		if worksAt(p, f, i, age) {
			continue
		}
		if age == 0 {
			return nil, false
		}
		before := age - 1
		if !worksAt(p, f, i, before) {
			panic(fmt.Sprintf("the ages that matter are too few: %d is refused as well as %d\n%s", before, age, p.text))
		}
		return &before, true
	}
	return nil, true
}

// worksAt asks the oracle about one age of a login: all its members must do.
func worksAt(p policy, f facts, i int, age int64) bool {
	l := f.world.vocabulary.Logins[i]
	for member := range l.Claims {
		if !p.allow(f.imagine(l, member, age)) {
			return false
		}
	}
	return true
}

// agesThatMatter returns ages from 0 to the epoch: all of the first 40 seconds, all near
// what the policy compares with, and a sample of the others. Ascending.
func agesThatMatter(p policy, f facts) []int64 {
	var ages []int64
	for age := range int64(41) {
		ages = append(ages, age)
	}
	for _, k := range p.ages(f) {
		ages = append(ages, k-2, k-1, k, k+1, k+2)
	}
	for k := int64(64); k <= 1<<20; k *= 2 {
		ages = append(ages, k-1, k, k+k/3, k+k/2)
	}
	ages = append(ages, f.now-1, f.now)
	ages = slices.DeleteFunc(ages, func(age int64) bool { return age < 0 || age > f.now })
	slices.Sort(ages)
	return slices.Compact(ages)
}

func covers(set, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(one string) bool { return !slices.Contains(set, one) })
}
