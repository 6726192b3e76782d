package policy

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Places of the document that warnings are about.
var (
	refLevels  = ast.MustParseRef("input.assurance.levels")
	refMethods = ast.MustParseRef("input.assurance.methods")
	refClaims  = ast.MustParseRef("input.token.claims")
)

// names are the short names that hold in one rule: imports, and variables that are given
// a place of the document or of data. A variable that is given two is left out.
type names map[ast.Var]ast.Ref

// author reads rules as they are written, which is where a warning has to point to.
type author struct {
	placed map[string][]written // by place below data
}

// written is one definition of a rule; else parts are its own.
type written struct {
	module *ast.Module
	rule   *ast.Rule
}

func newAuthor(modules map[string]*ast.Module) *author {
	a := &author{placed: map[string][]written{}}
	for _, path := range keys(modules) {
		m := modules[path]
		for _, r := range m.Rules {
			at := ruleRef(m, r).String()
			a.placed[at] = append(a.placed[at], written{m, r})
		}
	}
	return a
}

// namesIn collects the short names of one rule, from what it is called with on.
func (a *author) namesIn(w written, given names) names {
	in := names{}
	for _, i := range w.module.Imports {
		if path, ok := i.Path.Value.(ast.Ref); ok {
			in[i.Name()] = path
		}
	}
	for v, ref := range given {
		in[v] = ref
	}
	twice := map[ast.Var]bool{}
	for range 3 { // a name of a name of a name
		ast.WalkExprs(w.rule, func(e *ast.Expr) bool {
			a.name(w, e, in, twice)
			return false
		})
	}
	return in
}

func (a *author) name(w written, e *ast.Expr, in names, twice map[ast.Var]bool) {
	if e.Negated || len(e.With) > 0 || !(e.IsAssignment() || e.IsEquality()) || len(e.Operands()) != 2 {
		return
	}
	v, isVar := e.Operand(0).Value.(ast.Var)
	ref := a.place(w, e.Operand(1), in)
	if !isVar || ref == nil || twice[v] {
		return
	}
	if had, named := in[v]; named && !had.Equal(ref) {
		delete(in, v)
		twice[v] = true
		return
	}
	in[v] = ref
}

// place gives the place that a term names; nil if it names none.
func (a *author) place(w written, t *ast.Term, in names) ast.Ref {
	switch v := t.Value.(type) {
	case ast.Var:
		return a.full(w, ast.Ref{t}, in)
	case ast.Ref:
		return a.full(w, v, in)
	}
	return nil
}

// full gives a reference its full form; nil if its head is a variable or a built-in.
func (a *author) full(w written, ref ast.Ref, in names) ast.Ref {
	head, ok := ref[0].Value.(ast.Var)
	switch {
	case !ok:
		return nil
	case ref[0].Equal(ast.InputRootDocument), ref[0].Equal(ast.DefaultRootDocument):
		return ref
	}
	if at, named := in[head]; named {
		return at.Concat(ref[1:])
	}
	full := w.module.Package.Path.Append(ast.StringTerm(string(head)))
	if len(a.placed[full.String()]) == 0 {
		return nil
	}
	return full.Concat(ref[1:])
}

// defined lists the definitions of the rule that a reference asks, or asks an element of.
func (a *author) defined(ref ast.Ref) []written {
	prefix := ref.ConstantPrefix()
	for n := len(prefix); n > 1; n-- {
		if found := a.placed[prefix[:n].String()]; len(found) > 0 {
			return found
		}
	}
	return nil
}

// allows lists the definitions of allow in the packages that may decide.
func (a *author) allows(pkg string) []written {
	var found []written
	for _, at := range keys(a.placed) {
		for _, w := range a.placed[at] {
			isAllow := ruleRef(w.module, w.rule).Equal(w.module.Package.Path.Append(ast.StringTerm(outAllow)))
			if isAllow && (pkg == "" || packageName(w.module.Package.Path) == pkg) {
				found = append(found, w)
			}
		}
	}
	return found
}

// calls calls back for every call in a node, statement or nested.
func calls(node any, see func(at *ast.Location, call []*ast.Term)) {
	ast.WalkExprs(node, func(e *ast.Expr) bool {
		if terms, ok := e.Terms.([]*ast.Term); ok {
			see(e.Location, terms)
		}
		return false
	})
	ast.WalkTerms(node, func(t *ast.Term) bool {
		if call, ok := t.Value.(ast.Call); ok {
			see(t.Location, call)
		}
		return false
	})
}

// operator is the name of what a call calls.
func operator(call []*ast.Term) string { return call[0].Value.String() }

// isNumber reads a term as a number.
func isNumber(t *ast.Term) (ast.Number, bool) {
	n, ok := t.Value.(ast.Number)
	return n, ok
}

func among(name string, list ...string) bool { return slices.Contains(list, name) }
