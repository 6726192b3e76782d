package derive_test

import "slices"

// The grammar of the policies by which the derived step-up is proved: what they can say,
// as data. Printed it is Rego (print_test.go); a second evaluator says what it means
// without any Rego (oracle_test.go).
//
//	rules      one to three rules allow, each a conjunction
//	condition  scope, level, method, role of the subject, claim (equal, unequal, element),
//	           age by <=, <, !=, >=, > in several spellings, age within the resource's limit,
//	           hole (two bounds), now - claim <= k, auth_time > k, claim > k,
//	           not, all of, any of, limits by else, else chains of booleans, counted sets
type rules []allOf

// A condition holds for a document or does not; what is undefined does not.
type condition interface{ isCondition() }

type (
	hasScope  string // "x" in input.token.scopes
	hasLevel  string // "x" in input.assurance.levels
	hasMethod string // "x" in input.assurance.methods
	hasRole   string // "x" in data.roles[input.token.subject]

	// claimIs compares a claim with a text: == or !=. An absent claim is neither.
	claimIs struct{ claim, op, value string }
	// claimHas looks for an element of a claim that is a list.
	claimHas struct{ claim, value string }

	// age compares input.assurance.age with a number.
	age struct {
		op  string
		k   int64
		how spelling
	}
	// ageInLimits is age <= data.limits[input.resource.id].
	ageInLimits struct{}
	// hole is age <= until, or from <= age <= to.
	hole struct{ until, from, to int64 }
	// since is input.now - input.token.claims[claim] <= k.
	since struct {
		claim string
		k     int64
	}
	// loginAfter is input.assurance.auth_time > k: absolute, a moment of revocation.
	loginAfter struct{ k int64 }
	// claimAfter is the same of a raw claim.
	claimAfter struct {
		claim string
		k     int64
	}

	not   struct{ of condition }
	allOf []condition
	anyOf []allOf

	// limitByElse is age <= limit, where the limit is that of the first arm that holds.
	limitByElse struct {
		arms []limitArm
		last int64 // below 0: undefined when no arm holds
	}
	// elseChain is the value of the first arm that holds; undefined if none does.
	elseChain []boolArm
	// fewProblems is count(problems) <= atMost, each element of which has a body.
	fewProblems struct {
		problems []allOf
		atMost   int
	}
)

type limitArm struct {
	when  allOf
	limit int64
}

type boolArm struct {
	when  allOf
	value bool
}

func (hasScope) isCondition()    {}
func (hasLevel) isCondition()    {}
func (hasMethod) isCondition()   {}
func (hasRole) isCondition()     {}
func (claimIs) isCondition()     {}
func (claimHas) isCondition()    {}
func (age) isCondition()         {}
func (ageInLimits) isCondition() {}
func (hole) isCondition()        {}
func (since) isCondition()       {}
func (loginAfter) isCondition()  {}
func (claimAfter) isCondition()  {}
func (not) isCondition()         {}
func (allOf) isCondition()       {}
func (anyOf) isCondition()       {}
func (limitByElse) isCondition() {}
func (elseChain) isCondition()   {}
func (fewProblems) isCondition() {}

// A spelling is one way to write the same comparison of an age.
type spelling int

const (
	plain           spelling = iota // input.assurance.age <= 60
	flipped                         // 60 >= input.assurance.age
	byLocal                         // a := input.assurance.age; a <= 60
	inComprehension                 // count([1 | input.assurance.age <= 60]) == 1
	byObject                        // s := input.assurance; s.age <= 60
	byRule                          // limit := 60; input.assurance.age <= limit
	byFunction                      // within(60), within(k) if input.assurance.age <= k
	byEvery                         // every k in [60, 61] { input.assurance.age <= k }; <= and < only
	spellings
)

// parts returns the conditions that a condition is made of.
func parts(c condition) []condition {
	switch c := c.(type) {
	case not:
		return []condition{c.of}
	case allOf:
		return c
	case anyOf:
		return conditions(c...)
	case limitByElse:
		var whens []allOf
		for _, arm := range c.arms {
			whens = append(whens, arm.when)
		}
		return conditions(whens...)
	case elseChain:
		var whens []allOf
		for _, arm := range c {
			whens = append(whens, arm.when)
		}
		return conditions(whens...)
	case fewProblems:
		return conditions(c.problems...)
	}
	return nil
}

func conditions(bodies ...allOf) []condition {
	var list []condition
	for _, body := range bodies {
		list = append(list, body)
	}
	return list
}

// some reports whether the test is true of a condition or of something in it.
func some(c condition, test func(condition) bool) bool {
	return test(c) || slices.ContainsFunc(parts(c), func(part condition) bool { return some(part, test) })
}

func (r rules) some(test func(condition) bool) bool { return some(anyOf(r), test) }

// readsTime reports that a condition by itself depends on when the login was.
func readsTime(c condition) bool {
	switch c.(type) {
	case age, ageInLimits, hole, since, loginAfter, claimAfter, limitByElse:
		return true
	}
	return false
}

// comparesPlainly reports that a condition by itself uses the age in no other way than to
// compare it with a number that is written beside it.
func comparesPlainly(c condition) bool {
	switch c := c.(type) {
	case age:
		return c.how <= inComprehension
	case hole:
		return true
	}
	return false
}

// hidesTime reports that a condition by itself wraps a reading of time in an else chain,
// which partial evaluation leaves whole.
func hidesTime(c condition) bool {
	switch c.(type) {
	case elseChain, limitByElse:
		return slices.ContainsFunc(parts(c), func(part condition) bool { return some(part, readsTime) })
	}
	return false
}

// exact reports that the ages at which the policy's answer can change can be found: by
// partial evaluation where nothing hides them from it, or because every age is plainly
// compared with a number. Of other policies a smaller max_age is all that can be asked.
func (r rules) exact() bool {
	notPlain := func(c condition) bool { return readsTime(c) && !comparesPlainly(c) }
	return !r.some(hidesTime) || !r.some(notPlain)
}

// constants returns the ages at which the conditions can change their minds about a
// candidate made of these facts.
func (r rules) constants(f facts) []int64 {
	var ages []int64
	r.some(func(c condition) bool {
		ages = append(ages, constantsOf(c, f)...)
		return false
	})
	return ages
}

func constantsOf(c condition, f facts) []int64 {
	switch c := c.(type) {
	case age:
		return []int64{c.k}
	case ageInLimits:
		return []int64{f.world.limits[f.resource]}
	case hole:
		return []int64{c.until, c.from, c.to}
	case since:
		return []int64{c.k}
	case loginAfter:
		return []int64{f.now - c.k}
	case claimAfter:
		return []int64{f.now - c.k}
	case limitByElse:
		ages := []int64{c.last}
		for _, arm := range c.arms {
			ages = append(ages, arm.limit)
		}
		return ages
	}
	return nil
}
