package policy

import "github.com/open-policy-agent/opa/v1/ast"

// A truth is what is known of a condition without a document.
type truth int

const (
	maybe truth = iota
	yes
	no
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

func (t truth) not() truth {
	switch t {
	case yes:
		return no
	case no:
		return yes
	}
	return maybe
}

// same is what two agree on.
func (t truth) same(u truth) truth {
	if t == u {
		return t
	}
	return maybe
}

// bodyWithout says whether a body holds when nothing is known of one matter.
func (a *absences) bodyWithout(m matter, body ast.Body, s stand) truth {
	all := yes
	for _, e := range body {
		switch a.exprWithout(m, e, s) {
		case no:
			return no
		case maybe:
			all = maybe
		}
	}
	return all
}

func (a *absences) exprWithout(m matter, e *ast.Expr, s stand) truth {
	if len(e.With) > 0 {
		return maybe
	}
	t := a.termsWithout(m, e, s)
	if e.Negated {
		return t.not()
	}
	return t
}

func (a *absences) termsWithout(m matter, e *ast.Expr, s stand) truth {
	switch terms := e.Terms.(type) {
	case *ast.Term:
		return a.statementWithout(m, terms, s)
	case *ast.SomeDecl:
		for _, t := range terms.Symbols {
			if call, ok := t.Value.(ast.Call); ok {
				return a.callWithout(m, call, s)
			}
		}
	case []*ast.Term:
		return a.callWithout(m, terms, s)
	}
	return maybe
}

func (a *absences) statementWithout(m matter, t *ast.Term, s stand) truth {
	if call, ok := t.Value.(ast.Call); ok {
		return a.callWithout(m, call, s)
	}
	if t.Equal(ast.BooleanTerm(true)) {
		return yes
	}
	place := a.place(s.w, t, s.in)
	if place.HasPrefix(ast.DefaultRootRef) {
		return a.ruleWithout(m, place, s, nil)
	}
	return maybe
}

func (a *absences) callWithout(m matter, call []*ast.Term, s stand) truth {
	name := operator(call)
	if holds, _, ok := a.ofTime(call, s); ok {
		if m == timeMatter {
			return holds
		}
		return maybe
	}
	switch {
	case name == ast.Member.Name && len(call) == 3:
		if about, ok := matterOf(a.place(s.w, call[2], s.in)); ok && about == m && m != claimsMatter {
			return no
		}
		if a.elementsWithout(m, call[2], s) == no {
			return no
		}
	case comparisons[name] && len(call) == 3:
		return a.countedWithout(m, call, s)
	default:
		if fn := a.place(s.w, call[0], s.in); fn.HasPrefix(ast.DefaultRootRef) {
			return a.ruleWithout(m, fn, s, call[1:])
		}
	}
	return maybe
}

// countedWithout knows what some or none of them mean.
func (a *absences) countedWithout(m matter, call []*ast.Term, s stand) truth {
	list, more := a.size(call)
	if list == nil || more == 0 {
		return maybe
	}
	some := a.elementsWithout(m, list, s)
	if about, ok := matterOf(a.place(s.w, list, s.in)); ok && about == m && m != claimsMatter {
		some = no
	}
	switch {
	case some == no && more > 0:
		return no
	case some == yes && more < 0 && a.none(call):
		return no
	}
	return maybe
}

// none reports that a comparison of how many there are asks for none.
func (a *absences) none(call []*ast.Term) bool {
	for _, t := range call[1:] {
		if n, ok := isNumber(t); ok {
			return n.Equal(ast.Number("0")) && among(operator(call), "equal", "eq", "lte", "gte") ||
				n.Equal(ast.Number("1")) && among(operator(call), "lt", "gt")
		}
	}
	return true
}

// elementsWithout says whether a list has any element.
func (a *absences) elementsWithout(m matter, list *ast.Term, s stand) truth {
	switch v := list.Value.(type) {
	case *ast.ArrayComprehension:
		return a.bodyWithout(m, v.Body, s)
	case *ast.SetComprehension:
		return a.bodyWithout(m, v.Body, s)
	case *ast.ObjectComprehension:
		return a.bodyWithout(m, v.Body, s)
	}
	if place := a.place(s.w, list, s.in); place.HasPrefix(ast.DefaultRootRef) {
		return a.ruleWithout(m, place, s, nil)
	}
	return maybe
}

// ruleWithout says whether a rule is true, or has an element.
func (a *absences) ruleWithout(m matter, place ast.Ref, s stand, args []*ast.Term) truth {
	all := a.defined(place)
	if s.depth++; s.depth > maxRulesDeep || len(all) == 0 {
		return maybe
	}
	result := no
	for _, w := range all {
		at := stand{w: w, in: a.namesIn(w, a.given(w.rule, s, args)), depth: s.depth}
		switch a.chainWithout(m, w, at) {
		case yes:
			return yes
		case maybe:
			result = maybe
		}
	}
	return result
}

// chainWithout follows a definition along its else.
func (a *absences) chainWithout(m matter, w written, s stand) truth {
	if w.rule.Default {
		return yields(w.rule).same(no) // it is what it is only if nothing else is
	}
	for r := w.rule; r != nil; r = r.Else {
		switch a.bodyWithout(m, r.Body, s) {
		case yes:
			return yields(r)
		case maybe:
			return maybe
		}
	}
	return no
}
