package policy

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/types"
)

// ordered are the comparisons that OPA lets compare a value of one kind with one of
// another. It types == by itself.
var ordered = map[string]string{"lt": "<", "lte": "<=", "gt": ">", "gte": ">=", "neq": "!="}

// A kind is what every value is of exactly one of.
type kind struct {
	name string
	of   types.Type
}

func kinds() []kind {
	return []kind{
		{"null", types.Nl}, {"a boolean", types.B}, {"a number", types.N}, {"a text", types.S},
		{"an array", types.NewArray(nil, types.A)},
		{"an object", types.NewObject(nil, types.NewDynamicProperty(types.A, types.A))},
		{"a set", types.NewSet(types.A)},
	}
}

// comparisons finds comparisons of two kinds, which Rego takes and answers by the kinds
// alone: age <= "600" lets everybody in. The compiler is asked once for each kind, with
// comparisons declared to take nothing else: what it refuses every time has no kind in
// common. So its own inference, by schema, rules and built-ins, decides; what it does not
// know, such as the caller's context, is let be.
func (c *checker) comparisons(ctx context.Context, schemas *ast.SchemaSet) error {
	refused := map[string][]*ast.Error{}
	for _, k := range kinds() {
		compiler, err := c.compileTyped(ctx, c.rules, schemas, comparing(c.capabilities.opa, k.of))
		if err != nil {
			return err
		}
		for _, e := range compiler.Errors {
			if detail, sign := compared(e); detail != nil {
				at := fmt.Sprint(e.Location.String(), sign)
				refused[at] = append(refused[at], e)
			}
		}
	}
	for _, at := range slices.Sorted(maps.Keys(refused)) {
		if list := refused[at]; len(list) >= len(kinds()) {
			c.twoKinds(list[0])
		}
	}
	return nil
}

// comparing declares that comparisons take two values of one type only.
func comparing(all *ast.Capabilities, of types.Type) *ast.Capabilities {
	narrow := *all
	narrow.Builtins = slices.Clone(all.Builtins)
	for i, b := range narrow.Builtins {
		if ordered[b.Name] != "" {
			own := *b
			own.Decl = types.NewFunction(types.Args(of, of), types.B)
			narrow.Builtins[i] = &own
		}
	}
	return &narrow
}

// compared gives the types of the two sides of a comparison that the compiler refused, and
// its sign; nil if it is about something else.
func compared(e *ast.Error) (*ast.ArgErrDetail, string) {
	name, _, _ := strings.Cut(e.Message, ":")
	detail, ok := e.Details.(*ast.ArgErrDetail)
	if sign := ordered[name]; ok && sign != "" && len(detail.Have) >= 2 && e.Location != nil {
		return detail, sign
	}
	return nil, ""
}

func (c *checker) twoKinds(e *ast.Error) {
	detail, sign := compared(e)
	const found = "%s compares %s with %s, which is answered by the kinds alone, whatever the values: "
	if sign == "!=" {
		c.find(e.Location, found+"it is always true; compare values of one kind", sign, kindName(detail.Have[0]), kindName(detail.Have[1]))
		return
	}
	c.find(e.Location, found+"in Rego every number is below every text, and so on; compare values of one kind", sign, kindName(detail.Have[0]), kindName(detail.Have[1]))
}

// kindName names the kind of a type in our words, or the several that it may be.
func kindName(t types.Type) string {
	if several, ok := t.(types.Any); ok && len(several) > 0 {
		var names []string
		for _, one := range several {
			names = append(names, kindName(one))
		}
		return strings.Join(names, " or ")
	}
	for _, k := range kinds() {
		if reflect.TypeOf(t) == reflect.TypeOf(k.of) {
			return k.name
		}
	}
	return types.Sprint(t)
}
