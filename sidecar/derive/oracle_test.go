package derive_test

import (
	"fmt"
	"slices"
)

// allow is the second evaluator: what the rules mean for some facts, with nothing of Rego
// in it. Where Rego says undefined it says false.
func (r rules) allow(f facts) bool { return holds(anyOf(r), f) }

func holds(c condition, f facts) bool {
	switch c := c.(type) {
	case hasScope:
		return slices.Contains(f.scopes, string(c))
	case hasLevel:
		return slices.Contains(f.login.levels, string(c))
	case hasMethod:
		return slices.Contains(f.login.methods, string(c))
	case hasRole:
		return slices.Contains(f.world.roles[f.subject], string(c))
	case claimIs:
		return claimCompares(f.claims[c.claim], c.op, c.value)
	case claimHas:
		list, _ := f.claims[c.claim].([]string)
		return slices.Contains(list, c.value)
	case age:
		return compare(f.age(), c.op, c.k)
	case ageInLimits:
		limit, listed := f.world.limits[f.resource]
		return listed && f.age() <= limit
	case hole:
		return f.age() <= c.until || (c.from <= f.age() && f.age() <= c.to)
	case since:
		at, there := f.claims[c.claim].(int64)
		return there && f.now-at <= c.k
	case loginAfter:
		return f.login.authTime > c.k
	case claimAfter:
		at, there := f.claims[c.claim].(int64)
		return there && at > c.k
	case not:
		return isDefined(c.of, f) && !holds(c.of, f)
	case allOf:
		return !slices.ContainsFunc(c, func(one condition) bool { return !holds(one, f) })
	case anyOf:
		return slices.ContainsFunc(c, func(body allOf) bool { return holds(body, f) })
	case limitByElse:
		limit := limitFor(c, f)
		return limit >= 0 && f.age() <= limit
	case elseChain:
		i := slices.IndexFunc(c, func(arm boolArm) bool { return holds(arm.when, f) })
		return i >= 0 && c[i].value
	case fewProblems:
		return countOf(c.problems, f) <= c.atMost
	}
	panic(fmt.Sprintf("no meaning of %T", c))
}

// isDefined reports that what a condition compares or looks into is there. Rego takes the
// operands of a call out of a negation, so that `not "x" in input.token.claims.y` is
// undefined without the claim, as is the condition itself; == alone is no call.
func isDefined(c condition, f facts) bool {
	there := true
	switch c := c.(type) {
	case hasRole:
		_, there = f.world.roles[f.subject]
	case claimIs:
		there = c.op == "==" || f.claims[c.claim] != nil
	case claimHas:
		there = f.claims[c.claim] != nil
	case ageInLimits:
		_, there = f.world.limits[f.resource]
	case since:
		there = f.claims[c.claim] != nil
	case claimAfter:
		there = f.claims[c.claim] != nil
	case limitByElse:
		there = limitFor(c, f) >= 0
	}
	return there
}

func claimCompares(have any, op, value string) bool {
	if have == nil {
		return false
	}
	return (have == any(value)) == (op == "==")
}

func limitFor(c limitByElse, f facts) int64 {
	for _, arm := range c.arms {
		if holds(arm.when, f) {
			return arm.limit
		}
	}
	return c.last
}

func countOf(bodies []allOf, f facts) int {
	n := 0
	for _, body := range bodies {
		if holds(body, f) {
			n++
		}
	}
	return n
}

func compare(a int64, op string, b int64) bool {
	switch op {
	case "<=":
		return a <= b
	case "<":
		return a < b
	case "!=":
		return a != b
	case ">=":
		return a >= b
	case ">":
		return a > b
	}
	panic("no comparison " + op)
}
