package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"stepup/policies"
)

// givenInputs holds what tests give the deciding package as input to the schema of the
// document. Members may be missing, for a test says what it is about; but one that no
// document has, or of another type, is a test of something that never happens.
type givenInputs struct {
	*checker
	schema shape
	watch  []ast.Ref // the packages that could decide
	last   *ast.Term
}

// A shape is as much of a JSON Schema as the document's has.
type shape struct {
	Type       string           `json:"type"`
	Properties map[string]shape `json:"properties"` // nil: free
	Items      *shape           `json:"items"`
	Enum       []string         `json:"enum"`
}

func newGivenInputs(c *checker) (*givenInputs, error) {
	g := &givenInputs{checker: &checker{tree: c.tree}}
	for _, name := range c.deciding() {
		pkg, err := parsePackage(name)
		if err != nil {
			return nil, err
		}
		g.watch = append(g.watch, pkg)
	}
	if err := json.Unmarshal(policies.AccessSchema(), &g.schema); err != nil {
		return nil, fmt.Errorf("reading the schema of the document: %w", err)
	}
	return g, nil
}

// see looks at the input with which something of the policy is asked for.
func (g *givenInputs) see(asked ast.Ref, in *ast.Term, at *ast.Location) {
	if in == nil || in == g.last || !slices.ContainsFunc(g.watch, asked.HasPrefix) {
		return
	}
	g.last = in
	for _, odd := range g.schema.odd("input", in.Value) {
		g.find(at, "%s", odd)
	}
}

// odd says what a value has that the shape does not.
func (s shape) odd(path string, v ast.Value) []string {
	if have := typeOf(v); s.Type != "" && have != s.Type && (s.Type != "integer" || have != "number" || !isWhole(v)) {
		return []string{fmt.Sprintf("%s is %s in this test, and %s in every document", path, article(have), article(s.Type))}
	}
	switch v := v.(type) {
	case ast.String:
		if len(s.Enum) > 0 && !slices.Contains(s.Enum, string(v)) {
			return []string{fmt.Sprintf("%s is never %s; it is %s", path, v, strings.Join(s.Enum, " or "))}
		}
	case *ast.Array:
		return s.oddItems(path, v)
	case ast.Object:
		return s.oddMembers(path, v)
	}
	return nil
}

func (s shape) oddItems(path string, list *ast.Array) []string {
	var odd []string
	for i := 0; s.Items != nil && i < list.Len(); i++ {
		odd = append(odd, s.Items.odd(fmt.Sprintf("%s[%d]", path, i), list.Elem(i).Value)...)
	}
	return odd
}

func (s shape) oddMembers(path string, object ast.Object) []string {
	var odd []string
	object.Foreach(func(key, value *ast.Term) {
		name := strings.Trim(key.String(), `"`)
		member, known := s.Properties[name]
		switch {
		case s.Properties == nil:
		case known:
			odd = append(odd, member.odd(path+"."+name, value.Value)...)
		default:
			odd = append(odd, fmt.Sprintf("no document has %s.%s%s", path, name, meant(name, keys(s.Properties))))
		}
	})
	return odd
}

func typeOf(v ast.Value) string {
	switch v.(type) {
	case ast.String:
		return "string"
	case ast.Number:
		return "number"
	case ast.Boolean:
		return "boolean"
	case *ast.Array:
		return "array"
	case ast.Object:
		return "object"
	case ast.Null:
		return "null"
	}
	return "set"
}

func isWhole(v ast.Value) bool {
	number, _ := v.(ast.Number)
	_, ok := number.Int64()
	return ok
}

func article(kind string) string {
	switch kind {
	case "null":
		return kind
	case "integer":
		return "a whole number"
	case "array", "object":
		return "an " + kind
	}
	return "a " + kind
}
