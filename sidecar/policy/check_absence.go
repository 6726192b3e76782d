package policy

import (
	"maps"
	"math/big"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// An absence is a login of which something is not known: it has no level, no method, no
// time. A policy that then says yes where it would say no to somebody of whom it knows,
// lets in those it knows least about.
//
// The walk begins at each allow and goes wherever a condition asks, along with which way
// it counts: for the answer, or against it under `not`, in a list of problems that must be
// empty, in an else that yields false. A condition that the absence makes true while it
// counts for, or false while it counts against, is warned of; unless another condition of
// the same rule refuses that absence, because then nobody comes in by it. What cannot be
// told is not warned of.
type absences struct {
	*checker
	*author
	told map[string]bool // by place and matter: a rule may be reached more than once
}

// The matters of which nothing may be known.
type matter string

const (
	levelsMatter  matter = "levels"
	methodsMatter matter = "methods"
	timeMatter    matter = "time"
	claimsMatter  matter = "claims"
)

var matters = []matter{levelsMatter, methodsMatter, timeMatter, claimsMatter}

// A stand is where the walk is: in a rule, with a sign, and with the absences that are
// refused beside it.
type stand struct {
	w       written
	in      names
	sign    int // +1 counts for the answer, -1 against; 0 cannot be told
	refused map[matter]bool
	depth   int
}

const maxRulesDeep = 12

func (c *checker) absences() {
	if c.library == nil || c.broken {
		return
	}
	a := absences{checker: c, author: newAuthor(c.rules), told: map[string]bool{}}
	a.definitions(a.allows(c.config.Package), stand{sign: 1}, nil)
}

// definitions walks the definitions of one rule.
func (a *absences) definitions(all []written, from stand, args []*ast.Term) {
	if from.depth++; from.depth > maxRulesDeep || from.sign == 0 {
		return
	}
	otherwise := slices.ContainsFunc(all, func(w written) bool { return w.rule.Default && yields(w.rule) == yes })
	for _, w := range all {
		given := a.given(w.rule, from, args)
		for r := w.rule; r != nil; r = r.Else {
			s := from
			s.w, s.in = written{w.module, r}, a.namesIn(w, given)
			s.sign *= a.counts(r, len(all), otherwise)
			a.body(r.Body, s)
		}
	}
}

// given names the parameters of a function by what they are given.
func (a *absences) given(r *ast.Rule, from stand, args []*ast.Term) names {
	given := names{}
	for i, arg := range r.Head.Args {
		if v, ok := arg.Value.(ast.Var); ok && i < len(args) {
			if ref := a.place(from.w, args[i], from.in); ref != nil {
				given[v] = ref
			}
		}
	}
	return given
}

// counts tells which way the body of a definition counts for what asks the rule: one that
// yields false counts against it, where otherwise something else would yield true.
func (a *absences) counts(r *ast.Rule, definitions int, otherwise bool) int {
	switch value := yields(r); {
	case r.Default:
		return 0
	case value == yes:
		return 1
	case value == no && (otherwise || laterYes(r.Else)):
		return -1
	case value == maybe && definitions == 1 && r.Else == nil:
		return 1 // whatever it is, without the body there is nothing
	}
	return 0
}

func laterYes(r *ast.Rule) bool { return r != nil && (yields(r) == yes || laterYes(r.Else)) }

// yields is the value of a definition whose body holds, as far as it is a truth. Of a
// partial rule it is an element.
func yields(r *ast.Rule) truth {
	switch value := r.Head.Value; {
	case value == nil, value.Equal(ast.BooleanTerm(true)):
		return yes
	case value.Equal(ast.BooleanTerm(false)):
		return no
	}
	return maybe
}

func (a *absences) body(body ast.Body, s stand) {
	if s.sign > 0 {
		s.refused = maps.Clone(s.refused)
		if s.refused == nil {
			s.refused = map[matter]bool{}
		}
		for _, m := range matters {
			s.refused[m] = s.refused[m] || a.bodyWithout(m, body, s) == no
		}
	}
	for _, e := range body {
		a.expr(e, s)
	}
}

func (a *absences) expr(e *ast.Expr, s stand) {
	if len(e.With) > 0 {
		return // of another document
	}
	if e.Negated {
		s.sign = -s.sign
	}
	switch terms := e.Terms.(type) {
	case *ast.SomeDecl:
		for _, t := range terms.Symbols {
			a.statement(e, t, s)
		}
	case *ast.Every:
		place := a.place(s.w, terms.Domain, s.in)
		if m, ok := matterOf(place); ok && m != timeMatter {
			a.judge(e.Location, m, place, yes, s) // of nothing everything is true
		}
		a.body(terms.Body, s)
	case *ast.Term:
		a.statement(e, terms, s)
	case []*ast.Term:
		a.call(e, terms, s)
	}
}

// statement is a term that stands for its own truth.
func (a *absences) statement(e *ast.Expr, t *ast.Term, s stand) {
	if call, ok := t.Value.(ast.Call); ok {
		a.call(e, call, s)
		return
	}
	place := a.place(s.w, t, s.in)
	switch {
	case place.HasPrefix(refClaims):
		a.judge(t.Location, claimsMatter, place, no, s)
	case place.HasPrefix(ast.DefaultRootRef):
		a.definitions(a.defined(place), s, nil)
	}
}

func (a *absences) call(e *ast.Expr, call []*ast.Term, s stand) {
	name := operator(call)
	if holds, age, ok := a.ofTime(call, s); ok {
		a.judge(e.Location, timeMatter, refAge, holds, s)
		a.floor(e.Location, age, s)
		return
	}
	a.claims(e, call, s)
	switch {
	case name == ast.Member.Name && len(call) == 3:
		a.member(e, call[2], s)
	case comparisons[name] && len(call) == 3:
		a.counted(e, call, s)
	default:
		if fn := a.place(s.w, call[0], s.in); fn.HasPrefix(ast.DefaultRootRef) {
			a.definitions(a.defined(fn), s, call[1:])
		}
	}
}

// member is `x in list`, which nothing is in when the list is empty.
func (a *absences) member(e *ast.Expr, list *ast.Term, s stand) {
	place := a.place(s.w, list, s.in)
	if m, ok := matterOf(place); ok && m != claimsMatter {
		a.judge(e.Location, m, place, no, s)
	}
	a.elements(list, s)
}

// counted is a comparison of how many there are.
func (a *absences) counted(e *ast.Expr, call []*ast.Term, s stand) {
	list, more := a.size(call)
	if list == nil {
		return
	}
	if m, ok := matterOf(a.place(s.w, list, s.in)); ok && m != timeMatter && more != 0 {
		a.judge(e.Location, m, a.place(s.w, list, s.in), truthOf(more < 0), s)
		return
	}
	s.sign *= more
	a.elements(list, s)
}

// size reads `count(list) > 0` and its like: +1 if more of them make it true, -1 if fewer
// do, 0 if either may.
func (a *absences) size(call []*ast.Term) (*ast.Term, int) {
	name, left, right := operator(call), call[1], call[2]
	if _, ok := isNumber(left); ok {
		left, right, name = right, left, flipped[name]
	}
	if empty, ok := right.Value.(ast.Set); ok && empty.Len() == 0 && among(name, "equal", "eq") {
		return left, -1
	}
	counting, ok := left.Value.(ast.Call)
	n, isN := isNumber(right)
	if !ok || !isN || operator(counting) != ast.Count.Name || len(counting) != 2 {
		return nil, 0
	}
	zero := n.Equal(ast.Number("0"))
	switch {
	case among(name, "gt", "gte"), zero && name == "neq", !zero && among(name, "equal", "eq"):
		return counting[1], 1
	case among(name, "lt", "lte"), zero && among(name, "equal", "eq"):
		return counting[1], -1
	}
	return counting[1], 0
}

var flipped = map[string]string{"lt": "gt", "gt": "lt", "lte": "gte", "gte": "lte", "equal": "equal", "eq": "eq", "neq": "neq"}

// elements walks what puts elements into a list: a partial rule, or a comprehension.
func (a *absences) elements(list *ast.Term, s stand) {
	switch v := list.Value.(type) {
	case *ast.ArrayComprehension:
		a.body(v.Body, s)
	case *ast.SetComprehension:
		a.body(v.Body, s)
	case *ast.ObjectComprehension:
		a.body(v.Body, s)
	default:
		if place := a.place(s.w, list, s.in); place.HasPrefix(ast.DefaultRootRef) {
			a.definitions(a.defined(place), s, nil)
		}
	}
}

// claims looks for claims in a call that is undefined without them. Right below `not` that
// refuses, but for `==`: what a function is called with is looked up before it is negated.
func (a *absences) claims(e *ast.Expr, call []*ast.Term, s stand) {
	if e.Negated && !among(operator(call), "equal", "eq") {
		return
	}
	for _, t := range call[1:] {
		if place := a.place(s.w, t, s.in); len(place) > len(refClaims) && place.HasPrefix(refClaims) {
			a.judge(e.Location, claimsMatter, place, no, s)
		}
	}
}

// judge warns of a condition about something of which nothing is known.
func (a *absences) judge(at *ast.Location, m matter, place ast.Ref, holds truth, s stand) {
	opens := s.sign > 0 && holds == yes || s.sign < 0 && holds == no
	key := string(m) + at.String() + place.String()
	if !opens || s.refused[m] || a.told[key] {
		return
	}
	a.told[key] = true
	switch m {
	case timeMatter:
		a.warn(at, "this also lets in a login of unknown time, which counts as infinitely old; add the oldest age that is accepted: input.assurance.age <= 3600")
	case claimsMatter:
		a.warn(at, "a token without %s is let in by this, since what is absent is not true; ask for what has to be there, not for what must not", place)
	case levelsMatter, methodsMatter:
		a.warn(at, "a login of which nothing is known has no %s and is let in by this; ask for what is needed: \"normal\" in input.assurance.levels", m)
	}
}

// floor warns of an age that no person can meet.
func (a *absences) floor(at *ast.Location, age func(int64) truth, s stand) {
	wanted := truthOf(s.sign > 0)
	key := "floor" + at.String()
	if s.sign == 0 || age(0) != wanted || a.told[key] {
		return
	}
	for seconds := int64(1); seconds <= shortest; seconds++ {
		if got := age(seconds); got != wanted && got != maybe {
			a.told[key] = true
			a.warn(at, "a login is refused here when it is %d s old, and a person needs up to %d s to come back from signing in: nobody is stepped up for it; accept at least input.assurance.age <= %d",
				seconds, shortest, shortest)
			return
		}
	}
}

// shortest is the shortest max_age that anybody is asked to meet.
const shortest = 30

func matterOf(place ast.Ref) (matter, bool) {
	switch {
	case place.Equal(refLevels):
		return levelsMatter, true
	case place.Equal(refMethods):
		return methodsMatter, true
	case len(place) > len(refClaims) && place.HasPrefix(refClaims):
		return claimsMatter, true
	}
	return "", false
}

// ofTime reads a comparison of the login's time with numbers: whether it holds for an
// unknown time, and for each age, where that does not depend on the hour. It reports false
// for everything else.
func (a *absences) ofTime(call []*ast.Term, s stand) (truth, func(int64) truth, bool) {
	if !comparisons[operator(call)] || operator(call) == "assign" || len(call) != 3 {
		return maybe, nil, false
	}
	early, ok := a.difference(call, s, 1e9)
	late, also := a.difference(call, s, 2e9)
	if !ok || !also || early.constant() {
		return maybe, nil, false
	}
	at := func(l linear, x int64) truth {
		value := new(big.Rat).Add(new(big.Rat).Mul(l.slope, integer(x)), l.offset)
		return truthOf(compare(operator(call), value.Sign()))
	}
	age := func(x int64) truth { return at(late, x).same(at(early, x)) }
	return at(late, 2e9).same(at(early, 1e9)), age, true
}

// difference is the left side less the right, as a linear term in the age.
func (a *absences) difference(call []*ast.Term, s stand, now int64) (linear, bool) {
	vars := scope{}
	for v, ref := range s.in {
		if l, ok := (&moments{symbols: timesAt(now)}).symbol(ref); ok {
			vars[v] = l
		}
	}
	m := &moments{symbols: timesAt(now)}
	l, ok := m.linear(a.spelled(call[1], s), vars)
	r, also := m.linear(a.spelled(call[2], s), vars)
	if !ok || !also {
		return linear{}, false
	}
	return l.minus(r), true
}

// spelled writes a reference by a short name in full.
func (a *absences) spelled(t *ast.Term, s stand) *ast.Term {
	switch v := t.Value.(type) {
	case ast.Ref:
		if full := a.full(s.w, v, s.in); full != nil {
			return ast.NewTerm(full)
		}
	case ast.Call:
		terms := make(ast.Call, len(v))
		terms[0] = v[0]
		for i := 1; i < len(v); i++ {
			terms[i] = a.spelled(v[i], s)
		}
		return ast.NewTerm(terms)
	}
	return t
}

// timesAt are the places that tell times, at a given hour.
func timesAt(now int64) []symbol {
	return []symbol{{refAge, itself()}, {refAuthTime, before(now)}, {refNow, constant(integer(now))}}
}

func compare(operator string, sign int) bool {
	switch operator {
	case "lt":
		return sign < 0
	case "lte":
		return sign <= 0
	case "gt":
		return sign > 0
	case "gte":
		return sign >= 0
	case "neq":
		return sign != 0
	}
	return sign == 0
}
