package policy

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// A definition is one rule as its author wrote it, with the module it stands in.
type definition struct {
	module *ast.Module
	rule   *ast.Rule
}

// way begins to tell of a definition.
func (d definition) way() Way {
	w := Way{Rule: headText(d.rule.Head), File: d.rule.Location.File, Line: d.rule.Location.Row}
	for _, a := range d.rule.Annotations {
		if w.Title == "" || a.Scope == "rule" {
			w.Title, w.Description = a.Title, oneLine(a.Description)
		}
	}
	return w
}

func headText(h *ast.Head) string {
	name := h.Ref().String()
	if h.Key != nil && h.Value == nil {
		return name + " contains " + h.Key.String()
	}
	return name
}

// definitions lists the rules at a place below data or inside it, in the order of file
// and line.
func (s *Snapshot) definitions(ref ast.Ref) []definition {
	var found []definition
	for _, m := range s.modules {
		for _, r := range m.Rules {
			if at := ruleRef(m, r); at.HasPrefix(ref) || ref.HasPrefix(at) {
				found = append(found, definition{m, r})
			}
		}
	}
	slices.SortFunc(found, func(a, b definition) int { return a.rule.Location.Compare(b.rule.Location) })
	return found
}

// ruleRef is where a rule stands below data, as far as it is known without input.
func ruleRef(m *ast.Module, r *ast.Rule) ast.Ref {
	at := slices.Clone(m.Package.Path)
	for i, t := range r.Head.Ref() {
		if v, ok := t.Value.(ast.Var); i == 0 && ok {
			t = ast.StringTerm(string(v))
		}
		at = append(at, t)
	}
	return at.ConstantPrefix()
}

// asked collects what a condition looks at: places of the input, its own and those of
// the functions it calls, and rules.
type asked struct {
	snapshot *Snapshot
	inputs   []ast.Ref
	rules    []ast.Ref
	seen     map[*ast.Rule]bool // functions
}

// expr looks through an expression of a definition.
func (a *asked) expr(d definition, x any) {
	var v *ast.GenericVisitor
	v = ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case ast.Ref:
			a.ref(d, x)
			for _, t := range x[1:] {
				v.Walk(t)
			}
			return true
		case ast.Var:
			a.ref(d, ast.Ref{ast.NewTerm(x)})
		}
		return false
	})
	v.Walk(x)
}

func (a *asked) ref(d definition, ref ast.Ref) {
	switch ref = a.resolve(d, ref); {
	case ref == nil:
	case ref[0].Equal(ast.InputRootDocument):
		a.inputs = append(a.inputs, ref.ConstantPrefix())
	case ref[0].Equal(ast.DefaultRootDocument):
		a.rule(ref.ConstantPrefix())
	}
}

// resolve gives a reference its full form, or nil if it is a variable or a built-in.
func (a *asked) resolve(d definition, ref ast.Ref) ast.Ref {
	head, ok := ref[0].Value.(ast.Var)
	if !ok || head.Equal(ast.InputRootDocument.Value) || head.Equal(ast.DefaultRootDocument.Value) {
		return ref
	}
	for _, i := range d.module.Imports {
		if path, ok := i.Path.Value.(ast.Ref); ok && i.Name().Equal(head) {
			return path.Concat(ref[1:])
		}
	}
	full := d.module.Package.Path.Append(ast.StringTerm(string(head))).Concat(ref[1:])
	if len(a.snapshot.definitions(full.ConstantPrefix())) == 0 {
		return nil
	}
	return full
}

func (a *asked) rule(ref ast.Ref) {
	for _, d := range a.snapshot.definitions(ref) {
		switch {
		case len(d.rule.Head.Args) > 0:
			a.function(d)
		case !slices.ContainsFunc(a.rules, func(r ast.Ref) bool { return r.Equal(ref) }):
			a.rules = append(a.rules, ref)
		}
	}
}

// function looks into a function: its way depends on its arguments, so only what it
// reads can be told.
func (a *asked) function(d definition) {
	for r := d.rule; r != nil && !a.seen[r]; r = r.Else {
		a.seen[r] = true
		a.expr(d, r.Body)
	}
}

// paths are the places of the input, each once.
func (a *asked) paths() []ast.Ref {
	slices.SortFunc(a.inputs, func(x, y ast.Ref) int { return strings.Compare(x.String(), y.String()) })
	var paths []ast.Ref
	for _, p := range a.inputs {
		if n := len(paths); n == 0 || !p.Equal(paths[n-1]) {
			paths = append(paths, p)
		}
	}
	return paths
}
