package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/types"

	"stepup/policies"
)

// values finds definitions of allow that can give neither true nor false: every decision
// that comes to them is a fault. Where no package is named and several have a rule allow,
// one of them may be meant for something else, and it is a warning.
func (c *checker) values(ctx context.Context, schemas *ast.SchemaSet) error {
	if c.broken {
		return nil
	}
	compiler, err := c.compileTyped(ctx, c.rules, schemas, c.capabilities.opa)
	if err != nil || compiler.Failed() {
		return err // types are known of what compiles
	}
	a := newAuthor(c.rules)
	found, packages := a.allows(c.config.Package), a.packagesWithAllow(c.config.Package)
	severity := SeverityError
	if len(packages) > 1 {
		severity = SeverityWarning
	}
	for _, w := range found {
		whole := compiler.TypeEnv.GetByRef(ruleRef(w.module, w.rule))
		for r := w.rule; r != nil; r = r.Else {
			if other := otherThanTruth(r, whole); other != "" {
				c.found(severity, r.Location, "allow is %s here, and must be true or false: every decision that comes to this is the fault policy_contract", other)
			}
		}
	}
	return nil
}

// otherThanTruth says what a definition gives that is no truth, from its own value, or from
// the type of the whole rule; empty if it may give one.
func otherThanTruth(r *ast.Rule, whole types.Type) string {
	switch value := r.Head.Value; {
	case r.Head.RuleKind() == ast.MultiValue:
		return "a set"
	case value == nil:
		return ""
	case ast.IsConstant(value.Value):
		if _, ok := value.Value.(ast.Boolean); !ok {
			return "of type " + ast.ValueName(value.Value)
		}
		return ""
	}
	if whole == nil || mayBe(whole, types.B) {
		return ""
	}
	return kindName(whole)
}

// mayBe reports whether a value of a type may be of a kind.
func mayBe(t, kind types.Type) bool {
	if several, ok := t.(types.Any); ok {
		return len(several) == 0 || slices.ContainsFunc(several, func(one types.Type) bool { return mayBe(one, kind) })
	}
	return reflect.TypeOf(t) == reflect.TypeOf(kind)
}

// enumerated are the places of the document that have one of few values, by the schema.
func enumerated() (map[string][]string, error) {
	var schema member
	if err := json.Unmarshal(policies.AccessSchema(), &schema); err != nil {
		return nil, fmt.Errorf("reading the schema of the document: %w", err)
	}
	found := map[string][]string{}
	schema.collect(ast.InputRootRef, found)
	return found, nil
}

// A member is what a schema says of one.
type member struct {
	Enum       []string
	Properties map[string]member
}

func (m member) collect(at ast.Ref, found map[string][]string) {
	if len(m.Enum) > 0 {
		found[at.String()] = m.Enum
	}
	for name, inner := range m.Properties {
		inner.collect(at.Append(ast.StringTerm(name)), found)
	}
}

// never finds a comparison with a value that a member of the document never has.
func (r *reads) never(place ast.Ref, other *ast.Term) {
	text, ok := other.Value.(ast.String)
	if list := r.enums[place.String()]; ok && len(list) > 0 && !slices.Contains(list, string(text)) {
		r.find(other.Location, "%s is never %s: it is one of %s%s", place, text, listed(list), meant(string(text), list))
	}
}

// elements names the variables that stand for one of a list: some x in list, every x in
// list.
func (a *author) elements(w written, in names) {
	name := func(v, list *ast.Term) {
		variable, isVar := v.Value.(ast.Var)
		if place := a.place(w, list, in); isVar && place != nil && in[variable] == nil {
			in[variable] = place.Append(ast.Wildcard)
		}
	}
	ast.WalkExprs(w.rule, func(e *ast.Expr) bool {
		switch terms := e.Terms.(type) {
		case *ast.Every:
			name(terms.Value, terms.Domain)
		case *ast.SomeDecl:
			for _, t := range terms.Symbols {
				if call, ok := t.Value.(ast.Call); ok && len(call) >= 3 {
					name(call[len(call)-2], call[len(call)-1])
				}
			}
		}
		return false
	})
}

// isElement is one of the levels, whichever.
func isElement(place ast.Ref) bool {
	return len(place) == len(refLevels)+1 && place.HasPrefix(refLevels) && isVar(place[len(refLevels)])
}
