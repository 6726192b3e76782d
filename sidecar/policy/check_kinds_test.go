package policy_test

import (
	"testing"

	"stepup/sidecar/policy"
)

// Two kinds of values are never compared: Rego answers by the kinds, and every number is
// below every text.
func TestCheckFindsComparisonsOfTwoKinds(t *testing.T) {
	for _, row := range []struct {
		name, body string
		want       []string
	}{
		{"age and a text", `allow if input.assurance.age <= "600"`, []string{"p.rego:3:10: error: <= compares a number with a text | every number is below every text"}},
		{"less than", `allow if input.assurance.age < "600"`, []string{"p.rego:3:10: error: < compares a number with a text"}},
		{"mirrored", `allow if "600" >= input.assurance.age`, []string{"p.rego:3:10: error: >= compares a text with a number"}},
		{"more than", `allow if "600" > input.assurance.age`, []string{"p.rego:3:10: error: > compares a text with a number"}},
		{"below not", `allow if not input.assurance.age > "600"`, []string{"error: > compares a number with a text"}},
		{"a difference", `allow if input.now - input.assurance.auth_time <= "600"`, []string{"error: <= compares a number or a set with a text"}},
		{"by a variable", "allow if {\n\tlimit := \"600\"\n\tinput.assurance.age <= limit\n}", []string{"p.rego:5:2: error: <= compares a number with a text"}},
		{"by a rule", "allow if input.assurance.age <= limit\n\nlimit := \"600\"", []string{"p.rego:3:10: error: <= compares a number with a text"}},
		{"by a table", "allow if input.assurance.age <= limits[input.resource.id]\n\nlimits := {\"/a\": \"600\", \"/b\": \"60\"}", []string{"p.rego:3:10: error: <= compares a number with a text"}},
		{"in a comprehension", `allow if count([1 | input.assurance.age <= "600"]) > 0`, []string{"error: <= compares a number with a text"}},
		{"a count", `allow if count(input.token.scopes) > "0"`, []string{"error: > compares a number with a text"}},
		{"a list and a number", `allow if input.token.scopes > 0`, []string{"error: > compares an array with a number"}},
		{"unequal", `allow if input.assurance.age != "600"`, []string{"error: != compares a number with a text | always true"}},
		{"equal", `allow if input.assurance.age == "600"`, []string{"warning | one of them only", "error: rego_type_error: match error"}},
		{"two in one rule", "allow if {\n\tinput.assurance.age <= \"600\"\n\tinput.now > \"1\"\n}", []string{"p.rego:4:2: error", "p.rego:5:2: error"}},
		{"in a rule that nobody asks", "allow if \"mfa\" in input.assurance.levels\n\nlate if input.now > \"1795428000\"", []string{"p.rego:5:9: error: > compares a number with a text"}},

		{"numbers", `allow if input.assurance.age <= 600`, nil},
		{"texts", `allow if input.subject.id < "m"`, nil},
		{"sets", `allow if {1} != {x | some x in input.token.scopes}`, nil},
		{"arrays", `allow if input.request.segments != ["a"]`, nil},
		{"what is not known", `allow if { input.context.amount < 1000; input.token.claims.rank <= "3" }`, nil},
		{"one of two kinds", "allow if input.assurance.age <= limits[input.resource.id]\n\nlimits := {\"/a\": 600, \"/b\": \"60\"}", nil},
	} {
		t.Run(row.name, func(t *testing.T) { wantFound(t, warnings(t, rego(row.body), policy.Config{}), row.want) })
	}
}
