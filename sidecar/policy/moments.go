package policy

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// moments finds where Rego can change its mind while one number x moves: the age of a
// login, or the clock.
//
// Where every use of x is one side of a comparison, through sums and constant factors
// only, everything else that the code computes depends on x through the truth of those
// comparisons, and each changes at its root and nowhere else. So the roots of all of them
// are all the places at which any result can change; their boolean structure, negation,
// order and alternatives do not matter. Any other use of x is not understood, and then
// nothing is known. It errs only towards not knowing.
type moments struct {
	// symbols are the references that stand for x, with what they are of it. One that is
	// constant may also be used otherwise.
	symbols []symbol
	// forbidden are references that move with x in a way that is not followed.
	forbidden []ast.Ref
	// known reports whether a reference below data is one whose rules are looked at too,
	// or cannot depend on x.
	known func(ast.Ref) bool

	// lenient takes what does not mention x for a number: for one document it may be.
	lenient bool

	roots []int64
	lost  bool          // some use of x was not understood
	where *ast.Location // of the innermost expression of such a use, if it is known
}

type symbol struct {
	ref   ast.Ref
	value linear
}

// body looks at one body; its variables hold in it alone. Closures see those around them.
func (m *moments) body(body ast.Body, around scope) scope {
	vars := around.inner()
	m.bind(body, vars)
	for _, expr := range body {
		m.expr(expr, vars)
	}
	return vars
}

// rule looks at a rule, its else included.
func (m *moments) rule(rule *ast.Rule) {
	for ; rule != nil; rule = rule.Else {
		m.one(rule)
	}
}

// one looks at a rule without its else. What it yields must not be x itself.
func (m *moments) one(rule *ast.Rule) { m.head(rule.Head, m.body(rule.Body, nil)) }

func (m *moments) head(head *ast.Head, vars scope) {
	for _, arg := range head.Args {
		m.value(arg, vars)
	}
	for _, t := range head.Reference[1:] {
		m.value(t, vars)
	}
	for _, t := range []*ast.Term{head.Key, head.Value} {
		if t != nil {
			m.value(t, vars)
		}
	}
}

// A scope gives the variables that are x, or a sum with it.
type scope map[ast.Var]linear

func (s scope) inner() scope {
	in := make(scope, len(s))
	for v, l := range s {
		in[v] = l
	}
	return in
}

// bind finds the variables of a body that are linear in x, until there are no more: the
// order of expressions means nothing in Rego.
func (m *moments) bind(body ast.Body, vars scope) {
	for more := true; more; {
		more = false
		for _, expr := range body {
			if v, l, ok := m.binding(expr, vars); ok {
				vars[v], more = l, true
			}
		}
	}
}

// binding reads an expression as "variable = linear term in x", where the variable is new.
func (m *moments) binding(expr *ast.Expr, vars scope) (ast.Var, linear, bool) {
	if expr.Negated || len(expr.With) > 0 || !expr.IsCall() {
		return "", linear{}, false
	}
	operands := expr.Operands()
	target, value, ok := m.assignment(expr, operands, vars)
	if !ok || value.constant() {
		return "", linear{}, false
	}
	v, isVar := target.Value.(ast.Var)
	if _, bound := vars[v]; !isVar || bound {
		return "", linear{}, false
	}
	return v, value, true
}

// assignment splits `v = term`, `term = v` and `f(a, b, v)`.
func (m *moments) assignment(expr *ast.Expr, operands []*ast.Term, vars scope) (*ast.Term, linear, bool) {
	if expr.IsEquality() || expr.IsAssignment() {
		for i, t := range operands {
			if _, isVar := t.Value.(ast.Var); isVar && len(operands) == 2 {
				if l, ok := m.linear(operands[1-i], vars); ok {
					return t, l, true
				}
			}
		}
		return nil, linear{}, false
	}
	if len(operands) == 3 {
		l, ok := m.arithmetic(expr.Operator(), operands[:2], vars)
		return operands[2], l, ok
	}
	return nil, linear{}, false
}

// expr looks at one expression: as a comparison of linear terms, else for any use of x.
func (m *moments) expr(expr *ast.Expr, vars scope) {
	if m.lost {
		return
	}
	defer func() {
		if m.lost && m.where == nil {
			m.where = expr.Location
		}
	}()
	if len(expr.With) == 0 && expr.IsCall() && m.comparison(expr, vars) {
		return
	}
	switch terms := expr.Terms.(type) {
	case *ast.SomeDecl:
		for _, t := range terms.Symbols {
			m.value(t, vars)
		}
	case *ast.Every:
		m.value(terms.Domain, vars)
		m.body(terms.Body, vars)
	case *ast.Term:
		if !m.understoodAlone(terms, vars) {
			m.value(terms, vars)
		}
	case []*ast.Term:
		m.ref(terms[0].Value.(ast.Ref), vars)
		for _, t := range terms[1:] {
			m.value(t, vars)
		}
	}
	for _, w := range expr.With {
		m.lost = m.lost || m.overlaps(w.Target) || m.mentions(w.Value, vars)
	}
}

// understoodAlone is x as a statement, which holds for every number.
func (m *moments) understoodAlone(t *ast.Term, vars scope) bool {
	_, ok := m.linear(t, vars)
	return ok
}

// comparisons are the operators whose answer can change only where both sides are equal,
// or right after.
var comparisons = map[string]bool{
	"lt": true, "lte": true, "gt": true, "gte": true, "equal": true, "neq": true, "eq": true, "assign": true,
}

// comparison notes the root of a comparison of linear terms. It reports false for
// everything else.
func (m *moments) comparison(expr *ast.Expr, vars scope) bool {
	operands := expr.Operands()
	name := expr.Operator().String()
	if len(operands) == 3 {
		l, ok := m.arithmetic(expr.Operator(), operands[:2], vars)
		r, also := m.side(operands[2], vars)
		return ok && also && m.meet(l, r)
	}
	if !comparisons[name] || len(operands) != 2 {
		return false
	}
	l, ok := m.side(operands[0], vars)
	r, also := m.side(operands[1], vars)
	return ok && also && m.meet(l, r)
}

func (m *moments) meet(l, r linear) bool {
	if x, ok := l.root(r); ok {
		m.roots = append(m.roots, x)
	}
	return true
}

// linear reads a term as a linear term in x, or as a number.
func (m *moments) linear(t *ast.Term, vars scope) (linear, bool) {
	switch v := t.Value.(type) {
	case ast.Number:
		n, ok := number(v)
		if !ok {
			return linear{}, false
		}
		return constant(n), true
	case ast.Var:
		l, ok := vars[v]
		return l, ok
	case ast.Ref:
		return m.symbol(v)
	case ast.Call:
		ref, isRef := v[0].Value.(ast.Ref)
		if !isRef || len(v) != 3 {
			return linear{}, false
		}
		return m.arithmetic(ref, v[1:], vars)
	}
	return linear{}, false
}

// side reads a term as a linear term, or as some number where there is leniency.
func (m *moments) side(t *ast.Term, vars scope) (linear, bool) {
	if l, ok := m.linear(t, vars); ok || !m.lenient || m.mentions(t, vars) {
		return l, ok
	}
	return constant(integer(1)), true
}

func (m *moments) symbol(ref ast.Ref) (linear, bool) {
	for _, s := range m.symbols {
		if s.ref.Equal(ref) {
			return s.value, true
		}
	}
	return linear{}, false
}

// arithmetic reads a sum, a difference, or a product with a number.
func (m *moments) arithmetic(operator ast.Ref, operands []*ast.Term, vars scope) (linear, bool) {
	l, ok := m.side(operands[0], vars)
	r, also := m.side(operands[1], vars)
	if !ok || !also {
		return linear{}, false
	}
	switch operator.String() {
	case "plus":
		return l.plus(r), true
	case "minus":
		return l.minus(r), true
	case "mul":
		return product(l, r)
	}
	return linear{}, false
}

func product(l, r linear) (linear, bool) {
	switch {
	case r.constant():
		return l.times(r.offset), true
	case l.constant():
		return r.times(l.offset), true
	}
	return linear{}, false
}

// value looks for uses of x in a term that is used as a value: none is understood there,
// but in closures x may be compared.
func (m *moments) value(t *ast.Term, vars scope) {
	if m.lost {
		return
	}
	switch v := t.Value.(type) {
	case ast.Var:
		_, isX := vars[v]
		m.lost = m.lost || isX || v.Equal(ast.InputRootDocument.Value)
	case ast.Ref:
		m.ref(v, vars)
	case ast.Call:
		for _, arg := range v {
			m.value(arg, vars)
		}
	case *ast.ArrayComprehension:
		m.closure(v.Body, vars, v.Term)
	case *ast.SetComprehension:
		m.closure(v.Body, vars, v.Term)
	case *ast.ObjectComprehension:
		m.closure(v.Body, vars, v.Key, v.Value)
	case *ast.Array:
		v.Foreach(func(e *ast.Term) { m.value(e, vars) })
	case ast.Set:
		v.Foreach(func(e *ast.Term) { m.value(e, vars) })
	case ast.Object:
		v.Foreach(func(k, e *ast.Term) { m.value(k, vars); m.value(e, vars) })
	case ast.Null, ast.Boolean, ast.Number, ast.String:
	default:
		m.lost = true // a kind of term that this was not written for
	}
}

// closure looks at a comprehension. Its elements must not be x.
func (m *moments) closure(body ast.Body, around scope, elements ...*ast.Term) {
	vars := m.body(body, around)
	for _, t := range elements {
		m.value(t, vars)
	}
}

// ref looks at a reference: x is not to be in it, and below data only what is looked at
// by itself.
func (m *moments) ref(ref ast.Ref, vars scope) {
	switch {
	case ref[0].Equal(ast.InputRootDocument):
		m.lost = m.lost || m.overlaps(ast.NewTerm(ref))
	case ref[0].Equal(ast.DefaultRootDocument):
		m.lost = m.lost || !m.known(ref) || m.overlaps(ast.NewTerm(ref))
	default:
		m.lost = m.lost || !m.lenient && nondeterministic(ref)
	}
	for _, t := range ref[1:] {
		m.value(t, vars)
	}
}

// overlaps reports whether a reference reads x: at it, below it, or in an object above it.
func (m *moments) overlaps(t *ast.Term) bool {
	ref, ok := t.Value.(ast.Ref)
	if !ok {
		return t.Equal(ast.InputRootDocument)
	}
	prefix := ref.ConstantPrefix()
	for _, s := range m.symbols {
		if !s.value.constant() && overlap(s.ref, prefix) {
			return true
		}
	}
	return slices.ContainsFunc(m.forbidden, func(f ast.Ref) bool { return overlap(f, prefix) })
}

func overlap(a, b ast.Ref) bool { return a.HasPrefix(b) || b.HasPrefix(a) }

// mentions reports whether a term uses x at all.
func (m *moments) mentions(t *ast.Term, vars scope) bool {
	trial := &moments{symbols: m.symbols, forbidden: m.forbidden, known: m.known, lenient: m.lenient}
	trial.value(t, vars)
	return trial.lost || len(trial.roots) > 0
}
