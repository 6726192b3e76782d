package policy_test

import (
	"context"
	"encoding/json"
	"testing"

	"stepup/sidecar/access"
	"stepup/sidecar/policy"
	"stepup/sidecar/token"
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

// TestTiers is the table of what the analysis trusts: for how long an answer about a login of
// 100 s may be kept, and what was derived from logins that did not happen. Zero: for this
// second only.
func TestTiers(t *testing.T) {
	const forever = policy.Forever
	for _, row := range []struct {
		name            string
		rego            string
		answer, derived int64 // seconds from now; forever; 0: not known
	}{
		{"a level", `allow if "mfa" in input.assurance.levels`, forever, forever},
		{"age compared with a number", `allow if input.assurance.age <= 3600`, 3500, 3500},
		{"the other way round", `allow if 3600 >= input.assurance.age`, 3500, 3500},
		{"already too old", `allow if input.assurance.age <= 50`, forever, forever},
		{"by a name", "allow if { a := input.assurance.age; a < 300; a > 5 }", 200, 200},
		{"below not", `allow if not input.assurance.age > 150`, 50, 50},
		{"a hole", "allow if input.assurance.age <= 5\nallow if { 110 <= input.assurance.age; input.assurance.age <= 200 }", 10, 10},
		{"in a comprehension", `allow if count([x | x := 1; input.assurance.age > 150]) == 0`, 50, 50},
		{"in a partial set", "allow if count(problems) == 0\nproblems contains \"old\" if input.assurance.age > 150", 50, 50},
		{"in an else chain", "allow if limit == 1\nlimit := 1 if input.assurance.age < 150\nelse := 2", 50, 50},
		{"equal", `allow if input.assurance.age = 105`, 5, 5},
		{"of reasons only", "allow if false\nreasons contains \"old\" if input.assurance.age > 150", 50, 50},

		{"by a rule's name", "allow if age <= 300\nage := input.assurance.age", 200, 200},
		{"by the name of a name", "allow if left > 100\nleft := 300 - old\nold := input.assurance.age", 100, 100},
		{"by a name that has conditions", "allow if age <= 300\nage := input.assurance.age if input.assurance.age < 150", 50, 50},
		{"by a name in another package", `allow if data.q.age <= 300`, 200, 200},

		{"by one of two definitions", "allow if age <= 300\nage := input.assurance.age if input.token\nage := 5 if not input.token", 200, 0},
		{"by a name with a default", "allow if age <= 300\ndefault age := 5\nage := input.assurance.age if input.token", 0, 0},
		{"by a name with an else", "allow if age <= 300\nage := input.assurance.age if input.token\nelse := 7", 0, 0},
		{"a name as an argument", "allow if within(age)\nage := input.assurance.age\nwithin(x) if x <= 300", 200, 0},
		{"a name that is replaced", "allow if ok with data.p.age as 5\nok if age <= 300\nage := input.assurance.age", 0, 0},
		{"a package that is replaced", "allow if ok with data.q as {\"age\": 5}\nok if data.q.age <= 300", 0, 0},
		{"a name that is looked up", `allow if data.q[input.context.name] <= 300`, forever, 0},
		{"a name that is iterated", "allow if { some n; data.q[n] <= 300 }", 200, 0},
		{"a name below another", "allow if o.age <= 300\no.age := input.assurance.age", 200, 0},
		{"a name that is told", "allow if age <= 300\nage := input.assurance.age\nreasons contains sprintf(\"%d\", [age])", 0, 0},

		{"a limit by rule", "allow if input.assurance.age <= limit\nlimit := 300", 200, 0},
		{"a limit in data", `allow if input.assurance.age <= data.limit`, 200, 0},
		{"a limit as an argument", "allow if within(300)\nwithin(k) if input.assurance.age <= k", 200, 0},
		{"every", `allow if every m in [150, 300] { input.assurance.age < m }`, 50, 0},
		{"now and a claim", `allow if input.now - input.token.claims.auth_time < 300`, 200, 0},
		{"a moment to come", `allow if input.now < 1795428220`, 100, 0},

		// Whether a login that did happen is after a moment never changes; a login that is
		// imagined now moves with the clock.
		{"a moment of revocation", `allow if input.assurance.auth_time > 1795428000`, forever, 0},
		{"a moment of revocation by its claim", `allow if input.token.claims.auth_time > 1795428000`, forever, 0},

		{"with another age", `allow if ok with input.assurance.age as 5` + "\nok if input.assurance.age < 10", 0, 0},
		{"the whole input as an argument", `allow if object.get(input, ["assurance", "age"], 0) < 300`, 0, 0},
		{"walk", `allow if { walk(input, [p, v]); p == ["now"]; v > 0 }`, 0, 0},
		{"json.filter", `allow if json.filter(input, ["now"]).now > 0`, 0, 0},
		{"remainders", `allow if input.assurance.age % 2 == 0`, 0, 0},
		{"in a string", `allow if sprintf("%d", [input.assurance.age]) == "100"`, 0, 0},
		{"in a template string", `allow if $"{input.assurance.age}" == "100"`, 0, 0},
		{"a member of a set", `allow if input.assurance.age in {100, 200}`, 0, 0},
		{"a truth as a value", "allow if x == true\nx := input.assurance.age < 150", 0, 0},
		{"a clock of the day", `allow if time.clock(input.now * 1000000000)[0] < 18`, 0, 0},
		{"the built-in clock", `allow if time.now_ns() < 1795428220000000000`, 0, 0},
		{"obligations that tell the time", "allow if input.token\nobligations contains {\"at\": input.now}", 0, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := snapshot(t, rego(row.rego).with(files{"data.json": `{"limit": 300}`, "q.rego": "package q\n\nage := input.assurance.age\n"}))
			doc := alice("normal")
			doc.Now = 1795428120
			doc.Assurance.AuthTime = doc.Now - 100
			claims := *doc.Token
			claims.All = token.ClaimsOf(access.Object{"auth_time": json.Number("1795428020")})
			doc.Token = &claims
			until, known := s.LastsUntil(t.Context(), doc)
			wantLasting(t, "LastsUntil", until, known, doc.Now, row.answer)
			until, known = s.DerivedLastsUntil(doc)
			wantLasting(t, "DerivedLastsUntil", until, known, doc.Now, row.derived)
			if !s.Steady() {
				t.Error("Steady = false for a policy that reads nothing but its document")
			}
		})
	}
}

// wantLasting compares with seconds from now. An end that is earlier by one is as right: the
// second before and the second after a number are both told.
func wantLasting(t *testing.T, call string, until int64, known bool, now, want int64) {
	t.Helper()
	got := until
	if until != policy.Forever {
		got = until - now
	}
	if !known {
		got = 0
	}
	if got != want && got != want+1 {
		t.Errorf("%s = %d s from now, want %d", call, got, want)
	}
}

// A policy that asks the world outside is not steady, however it does.
func TestSteady(t *testing.T) {
	given := []string{"rand.intn", "http.send", "uuid.rfc4122", "opa.runtime", "net.lookup_ip_addr"}
	for name, rules := range map[string]string{
		"lots":             `allow if rand.intn("x", 2) == 1`,
		"a request":        `allow if http.send({"method": "get", "url": "https://a.example"}).status_code == 200`,
		"in another rule":  "allow if ok\nok if rand.intn(\"x\", 2) == 1",
		"in an output":     "allow if input.token\nobligations contains {\"id\": uuid.rfc4122(\"x\")}",
		"the environment":  `allow if opa.runtime().env.X == "1"`,
		"names of hosts":   `allow if count(net.lookup_ip_addr("a.example")) > 0`,
		"by with":          "allow if h with data.p.g as rand.intn\nh if g(\"x\", 2) == 1\ng(x, y) := 1",
		"certificates":     `allow if crypto.x509.parse_and_verify_certificates(input.context.c)[0]`,
		"a signature made": `allow if io.jwt.encode_sign({"alg": "HS256"}, {}, {"kty": "oct", "k": "eA"}) == "x"`,
	} {
		p, err := policy.Open(context.Background(), policy.Config{Path: folder(t, rego(rules)), Package: "p", Builtins: given})
		must(t, err)
		if p.Current().Steady() {
			t.Errorf("%s: Steady = true", name)
		}
	}
}
