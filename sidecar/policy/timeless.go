package policy

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// timeless reports that nothing reachable from the outputs can change with the clock.
//
// Reachable is meant widely: every rule that any reference could select, whatever its
// variables turn out to be, through functions, else, comprehensions and with. Among all
// that no reference may touch a clock and no built-in may be mentioned that answers
// differently from call to call. So it errs only towards false.
func timeless(compiler *ast.Compiler, outputs []ast.Ref) bool {
	w := ruleWalk{compiler: compiler, input: readsAny(clocks()), builtin: nondeterministic, seen: map[*ast.Rule]bool{}}
	for _, ref := range outputs {
		w.ref(ref)
	}
	return !w.found
}

// steady reports that nothing reachable from the outputs depends on anything but the
// document and the policy's own data.
func steady(compiler *ast.Compiler, outputs []ast.Ref) bool {
	w := ruleWalk{compiler: compiler, builtin: unsteady, seen: map[*ast.Rule]bool{}}
	for _, ref := range outputs {
		w.ref(ref)
	}
	return !w.found
}

// clocks are the members of the document that change by themselves. The age of an
// unknown login is the clock's too, so it is not told apart.
func clocks() []ast.Ref {
	return []ast.Ref{ast.MustParseRef("input.now"), ast.MustParseRef("input.assurance.age")}
}

// readsAny asks whether reading at a reference reads one of some places: at it, below it,
// or in an object above it.
func readsAny(places []ast.Ref) func(ast.Ref) bool {
	return func(ref ast.Ref) bool {
		prefix := ref.ConstantPrefix()
		return slices.ContainsFunc(places, func(place ast.Ref) bool { return overlap(place, prefix) })
	}
}

// A ruleWalk goes through all that can be reached from some references, until one of its
// questions is answered with yes. A question that is nil is never asked.
type ruleWalk struct {
	compiler *ast.Compiler
	input    func(ast.Ref) bool // about a reference to the input
	builtin  func(ast.Ref) bool // about any that is neither input nor data
	seen     map[*ast.Rule]bool
	found    bool
}

func (w *ruleWalk) ref(ref ast.Ref) {
	switch {
	case w.found:
	case ref[0].Equal(ast.InputRootDocument):
		w.found = w.input != nil && w.input(ref)
	case ref[0].Equal(ast.DefaultRootDocument):
		w.rules(ref)
	default:
		w.found = w.builtin != nil && w.builtin(ref)
	}
}

func (w *ruleWalk) rules(ref ast.Ref) {
	options := ast.RulesOptions{IncludeHiddenModules: true}
	for _, rule := range w.compiler.GetRulesDynamicWithOpts(ref, options) {
		for ; rule != nil && !w.seen[rule]; rule = rule.Else {
			w.seen[rule] = true
			w.rule(rule)
		}
	}
}

// rule looks at all that stands in a rule: head, body, and whatever is nested in them.
func (w *ruleWalk) rule(rule *ast.Rule) {
	var v *ast.GenericVisitor
	v = ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.Rule:
			return x != rule // an else is visited by itself
		case ast.Ref:
			w.ref(x)
			for i, t := range x {
				if _, named := t.Value.(ast.Var); i > 0 || !named {
					v.Walk(t)
				}
			}
			return true
		case ast.Var:
			if x.Equal(ast.InputRootDocument.Value) {
				w.ref(ast.Ref{ast.InputRootDocument})
			}
		}
		return w.found
	})
	v.Walk(rule)
	// What stands in a rule's name is not visited: p[input.x] := 1. The compiler moves it
	// into the body; this does not rest on that.
	for _, t := range rule.Head.Reference[min(1, len(rule.Head.Reference)):] {
		v.Walk(t)
	}
}

// nondeterministic reports whether the reference names such a built-in, called or only
// handed on with the keyword with. Checking certificates looks at a clock of its own,
// which OPA does not tell.
func nondeterministic(ref ast.Ref) bool {
	name := ref.String()
	b, ok := ast.BuiltinMap[name]
	return ok && b.IsNondeterministic() || strings.HasPrefix(name, "crypto.x509.parse_and_verify_")
}

// ofTheDocument are the built-ins that OPA calls nondeterministic although their only clock
// is the one that they are given: the document's now.
var ofTheDocument = map[string]bool{"time.now_ns": true, "io.jwt.decode_verify": true}

// unsteady reports whether the reference names a built-in that asks the world outside.
func unsteady(ref ast.Ref) bool { return nondeterministic(ref) && !ofTheDocument[ref.String()] }
