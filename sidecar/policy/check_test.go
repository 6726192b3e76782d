package policy_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"stepup/sidecar/policy"
)

// What a check finds, each as "file:line: part of the message".
func TestCheck(t *testing.T) {
	good := files{"p.rego": "package p\n\ndefault allow := false\n\nallow if \"mfa\" in input.assurance.levels\n"}
	for _, row := range []struct {
		name  string
		files files
		want  []string
	}{
		{"nothing", good, nil},
		{"free objects are free", rego(`allow if { input.token.claims.anything; input.context.amount < 5; input.request.headers.accept }`), nil},
		{"a member that is not there", rego(`allow if "mfa" in input.assurence.levels`),
			[]string{`p.rego:3:19: error: rego_type_error: undefined ref: input.assurence.levels; did you mean "assurance"?`}},
		{"a member of a member", rego(`allow if input.assurance.level == "mfa"`), []string{`p.rego:3: did you mean "levels"?`}},
		{"a member of another type", rego(`allow if input.now == "noon"`), []string{"p.rego:3: rego_type_error"}},
		{"in another package", good.with(files{"q.rego": "package q\n\nx if input.tokn"}), []string{"q.rego:3: undefined ref: input.tokn"}},
		{"in a function", rego("allow if f(1)\nf(x) if input.assurance.ages < x"), []string{"p.rego:4: undefined ref"}},
		{"two members", rego("allow if input.tokn\nallow if input.resourse"), []string{"p.rego:3: tokn", "p.rego:4: resourse"}},
		{"a test may build what it likes", good.with(files{"p_test.rego": "package p_test\n\ntest_x if not data.p.allow with input as {\"tokn\": 1}\n"}), nil},
		{"a test may use the shipped samples", good.with(files{"p_test.rego": "package p_test\n\nimport data.stepup.samples\n\ntest_x if not data.p.allow with input as samples.document([])\n"}), nil},
		{"but must compile", good.with(files{"p_test.rego": "package p_test\n\ntest_x if y\n"}), []string{"p_test.rego:3: rego_unsafe_var_error"}},
		{"a package of the login rule has its own schema", good.with(files{"l.rego": "# METADATA\n# schemas:\n#   - input: schema.login.input\npackage l\n\nx if input.session\n"}), nil},
		{"a schema of one's own, for data", files{
			"p.rego":           "# METADATA\n# schemas:\n#   - data.acl: schema.acl\npackage p\n\nallow if input.subject.id in data.acl.staf\n",
			"schemas/acl.json": `{"type": "object", "properties": {"staff": {"type": "array"}}}`,
		}, []string{`p.rego:6: did you mean "staff"?`}},
		{"unused variable", rego("allow if { x := 1; input.token }"), []string{"p.rego:3: assigned var x unused"}},
		{"unused import", rego("import data.q\nallow if input.token"), []string{"p.rego:3: unused"}},
		{"syntax in two files", files{"a.rego": "package a\n\nallow if {", "b.rego": "package b\n\nallow if {"}, []string{"a.rego:3", "b.rego:3"}},
		{"empty files", good.with(files{"b.rego": "", "c.rego": "# later\n", "d_test.rego": "\n"}), []string{
			"b.rego: error: rego_parse_error: empty module (this file is empty or has comments only: begin it with its package",
			"c.rego: error: rego_parse_error: empty module (this file is empty", "d_test.rego: error: rego_parse_error: empty module (this file is empty"}},
		{"an empty folder", files{}, []string{"no package here has a rule allow (found: none)"}},
		{"no rule allow", rego("alow := true"), []string{"no package here has a rule allow (found: p)"}},
		{"an unsafe built-in", rego(`allow if http.send({"url": "http://127.0.0.1", "method": "get"}).status_code == 200`), []string{"p.rego:3: policy.builtins"}},
		{"an unknown level", rego(`allow if "mfaa" in input.assurance.levels`), []string{`p.rego:3: "mfaa" is no level: the levels are normal, mfa, phr, phrh; did you mean "mfa"?`}},
		{"an unknown level below not and in a call", rego("allow if not \"nromal\" in input.assurance.levels\nallow if count([1 | \"high\" in input.assurance.levels]) > 0"),
			[]string{"p.rego:3: warning: a login of which nothing is known", `p.rego:3: did you mean "normal"?`, `p.rego:4: "high" is no level`}},
		{"a level of one's own", rego(`allow if "badge" in input.assurance.levels`).with(files{"stepup/levels/data.json": `{"badge": {}}`}),
			[]string{`p.rego:3: warning: no login of any vocabulary reaches the level "badge"`}},
		{"a shipped level", good.with(files{"stepup/levels/data.json": `{"mfa": {}}`}), []string{"data.stepup.levels.mfa"}},
		{"a rule of the library", good.with(files{"s.rego": "package stepup.login\n\nx := 1"}), []string{"s.rego:1: belong to the library"}},
		{"a file that is not loaded", good.with(files{"roles.json": "{}"}), []string{"roles.json: warning: this file is not loaded"}},
		{"names twice", good.with(files{"a/data.json": "{\"x\": 1,\n\"x\": 2}", "data.yml": "b: 1\nc: 2\nb: 3\n"}),
			[]string{`a/data.json:2: error: the name "x" is there twice`, `data.yml:3: error: the name "b" is there twice`}},
		{"broken data", good.with(files{"data.json": "{"}), []string{"data.json"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := folder(t, row.files)
			got, err := policy.Check(context.Background(), dir, policy.Config{})
			must(t, err)
			if len(got) != len(row.want) {
				t.Fatalf("Check: %d findings, want %d:\n%v", len(got), len(row.want), got)
			}
			for i, want := range row.want {
				text := strings.TrimPrefix(got[i].String(), dir+string(filepath.Separator))
				for _, part := range strings.SplitN(want, ": ", 2) {
					if !strings.Contains(text, part) {
						t.Errorf("finding %q, want %q in it", text, part)
					}
				}
			}
		})
	}
}

func TestCheckPackage(t *testing.T) {
	got, err := policy.Check(context.Background(), folder(t, rego("allow if input.token")), policy.Config{Package: "pp"})
	must(t, err)
	if len(got) != 1 || !strings.Contains(got[0].Message, `did you mean "p"?`) {
		t.Errorf("Check: %v, want the package missed", got)
	}
}

func TestCheckShippedPolicies(t *testing.T) {
	got, err := policy.Check(context.Background(), "../../policies/fabrikam", policy.Config{Package: "fabrikam"})
	must(t, err)
	if len(got) > 0 {
		t.Errorf("Check: %v, want nothing", got)
	}
}
