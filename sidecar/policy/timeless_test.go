package policy_test

import (
	"context"
	"testing"

	"stepup/sidecar/policy"
)

// A policy is timeless only if nothing that decides can see a clock, however it hides.
func TestTimeless(t *testing.T) {
	for _, row := range []struct {
		name string
		rego string
		want bool
	}{
		{"a level", `allow if "mfa" in input.assurance.levels`, true},
		{"no input at all", `allow := true`, true},
		{"the login time, which stands in the token", `allow if input.assurance.auth_time > 1795000000`, true},
		{"a claim", `allow if input.token.claims.auth_time > 0`, true},
		{"other members called now and age", `allow if { input.context.now; input.context.assurance.age; input.token.claims.now }`, true},
		{"a clock that nothing reaches", "allow if input.token\nold if input.assurance.age > 60", true},
		{"arithmetic on a time of the request", `allow if time.clock(input.context.at)[0] < 18`, true},
		{"every over methods", `allow if every m in input.assurance.methods { m != "sms" }`, true},

		{"age", `allow if input.assurance.age <= 3600`, false},
		{"now", `allow if input.now < 1795431600`, false},
		{"the built-in clock", `allow if time.now_ns() > 0`, false},
		{"by another name", `allow if { a := input.assurance; a.age < 300 }`, false},
		{"by a variable", `allow if { k := "age"; input.assurance[k] < 300 }`, false},
		{"by iteration", `allow if { some k, v in input.assurance; v == 0 }`, false},
		{"by iteration over input", `allow if { some k; input[k] == 0 }`, false},
		{"by a string key", `allow if input["assurance"]["age"] < 300`, false},
		{"whole input as an argument", `allow if object.get(input, ["assurance", "age"], 0) < 300`, false},
		{"walk", `allow if { walk(input, [p, v]); p == ["now"]; v > 0 }`, false},
		{"json.filter", `allow if json.filter(input, ["now"]).now > 0`, false},
		{"below not", `allow if not input.assurance.age > 5`, false},
		{"in a rule", "allow if fresh\nfresh if input.assurance.age < 60", false},
		{"in the second definition of a rule", "allow if ok\nok if input.token\nok if input.now > 5", false},
		{"in else", `allow if input.resource.id == "/" else := true if input.now > 5`, false},
		{"in else of another rule", "allow if r == 2\nr := 1 if input.token.x else := 2 if input.now > 5", false},
		{"in a function", "allow if fresh(600)\nfresh(n) if input.assurance.age < n", false},
		{"as the argument of a function", "allow if fresh(input.assurance.age)\nfresh(n) if n < 5", false},
		{"in a default function's body", "allow if f(1)\ndefault f(_) := false\nf(x) if x < input.now", false},
		{"in a comprehension", `allow if count([x | x := input.assurance.age; x > 5]) == 0`, false},
		{"in a set comprehension in a head", "allow if s[5]\ns := {x | x := input.now}", false},
		{"in a partial set", "allow if count(problems) == 0\nproblems contains \"old\" if input.assurance.age > 5", false},
		{"in a partial object", "allow if o.x\no.x if input.now > 5", false},
		{"in the key of a reference", `allow if data.days[input.now]`, false},
		{"in every", `allow if every m in [1, 2] { input.assurance.age > m }`, false},
		{"in the domain of every", `allow if every m in [input.now] { m > 1 }`, false},
		{"as a value", "allow if x\nx := input.assurance.age < 5", false},
		{"in a string", `allow if sprintf("%d", [input.now]) == "5"`, false},
		{"in a template string", `allow if $"{input.now}" == "5"`, false},
		{"in the value of with", `allow if ok with input.context.at as input.now` + "\nok if input.context.at > 5", false},
		{"a rule by with", "allow if r with data.q as data.p.age\nr if data.q > 5\nage := input.assurance.age", false},
		{"a built-in by with", "allow if h with data.p.g as io.jwt.decode_verify\nh if g(\"x\", {})[0]\ng(x, y) := [true]", false},
		{"a function by with", "allow if f(1) with data.p.g as data.p.h\nf(x) if g(x) > 0\ng(x) := x\nh(x) := input.now - x", false},
		{"any rule of the package", "allow if { some r; data.p.facts[r] == 5 }\nfacts.now := input.now", false},
		{"a dynamic package", "allow if data[input.context.pkg].x\nx if input.now > 5", false},
		{"another package", "allow if data.q.fresh", false},
		{"an import", "import data.q.fresh as young\nallow if young", false},
		{"an import of input", "import input.assurance as a\nallow if a.age < 5", false},
		{"decoding with verification", `allow if io.jwt.decode_verify(input.context.t, {"secret": "x"})[0]`, false},
		{"certificates", `allow if crypto.x509.parse_and_verify_certificates(input.context.c)[0]`, false},
		{"reasons alone", "allow if input.token\nreasons contains \"old\" if input.assurance.age > 60", false},
		{"obligations alone", "allow if input.token\nobligations := [{\"at\": input.now}]", false},
		{"headers alone", "allow if input.token\nheaders[\"x-age\"] := sprintf(\"%d\", [input.assurance.age])", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := rego(row.rego).with(files{"q.rego": "package q\n\nfresh if input.assurance.age < 5\n"})
			if got := snapshot(t, f).Timeless(); got != row.want {
				t.Errorf("Timeless: %v, want %v", got, row.want)
			}
		})
	}
}

func TestTimelessWithGivenBuiltins(t *testing.T) {
	p, err := policy.Open(context.Background(), policy.Config{
		Path: folder(t, rego(`allow if rand.intn("x", 2) == 1`)), Package: "p", Builtins: []string{"rand.intn"},
	})
	must(t, err)
	if p.Current().Timeless() {
		t.Error("Timeless: true for a policy that draws lots")
	}
}
