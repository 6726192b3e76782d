package policy_test

import (
	"context"
	"os"
	"testing"

	"stepup/sidecar/policy"
	"stepup/sidecar/token"
)

// What does not load, and what the error says.
func TestOpenRefuses(t *testing.T) {
	good := rego("allow := true")
	for _, row := range []struct {
		name  string
		files files
		says  []string
	}{
		{"nothing", files{}, []string{"no package p here (found: none)"}},
		{"another package", files{"x.rego": "package pp\n\nallow := true"}, []string{"found: pp", `did you mean "pp"?`}},
		{"no rule allow", rego("alow := true"), []string{"package p has no rule allow", `did you mean "alow"?`, "found packages: p"}},
		{"allow as data only", files{"p/data.json": `{"allow": true}`}, []string{"no package p"}},
		{"allow as data of a package", rego("x := 1").with(files{"p/data.json": `{"allow": true}`}), []string{"no rule allow"}},
		{"allow in a package below", rego("x := 1").with(files{"q.rego": "package p.q\n\nallow := true"}), []string{"no rule allow", "p, p.q"}},
		{"allow as a function", rego("allow(x) if x"), []string{"p.rego:3: allow must be a plain rule"}},
		{"allow as an object", rego(`allow["GET"] := true`), []string{"p.rego:3: allow must be a plain rule"}},
		{"tests alone", files{"p_test.rego": "package p\n\nallow := true"}, []string{"no package p"}},
		{"schemas alone", files{"schemas/p.rego": "package p\n\nallow := true"}, []string{"no package p"}},
		{"dot names alone", files{".p/p.rego": "package p\n\nallow := true", ".p.rego": "package p\n\nallow := true"}, []string{"no package p"}},

		{"syntax", rego("allow if {"), []string{"p.rego:3: rego_parse_error"}},
		{"an empty file", good.with(files{"b.rego": ""}), []string{"b.rego: rego_parse_error: empty module (this file is empty or has comments only: begin it with its package, "}},
		{"a file of comments", good.with(files{"b.rego": "# later\n"}), []string{"b.rego: rego_parse_error: empty module (this file is empty"}},
		{"Rego v0", rego(`allow { input.token }`), []string{"p.rego:3", "`if` keyword is required"}},
		{"unknown variable", rego("allow if x"), []string{"p.rego:3: rego_unsafe_var_error"}},
		{"two errors", rego("allow if x\nallow if y"), []string{"p.rego:3", "p.rego:4"}},
		{"broken data", good.with(files{"data.json": "{"}), []string{"data.json"}},
		{"a name twice", good.with(files{"data.json": "{\"blocked\": [\"alice\"],\n \"blocked\": []}"}), []string{"data.json: line 2", `"blocked" is there twice`}},
		{"a name twice, further down", good.with(files{"a/data.json": `{"x": [1, {"b": {"c": 1, "\u0063": 2}}]}`}), []string{"a/data.json: line 1", `"c" is there twice (/x/1/b/c)`}},
		{"a name twice in YAML", good.with(files{"a/data.yaml": "x:\n  - blocked: [alice]\n    blocked: []\n"}), []string{"a/data.yaml: line 3", `"blocked" is there twice (/x/0/blocked)`}},
		{"a name twice in flowing YAML", good.with(files{"data.yml": `{"blocked": ["alice"], blocked: []}`}), []string{"data.yml: line 1", `"blocked" is there twice`}},
		{"a number and its text as names in YAML", good.with(files{"data.yml": "1: a\n\"1\": b\n0x1: c\n"}), []string{`"1" is there twice`}},
		{"a truth and its text as names in YAML", good.with(files{"data.yml": "true: a\n\"true\": b\n"}), []string{`"true" is there twice`}},
		{"a name twice below an anchor", good.with(files{"data.yml": "a: &x {b: 1, b: 2}\nc: *x\n"}), []string{`"b" is there twice (/a/b)`}},
		{"two documents of YAML", good.with(files{"data.yml": "blocked: []\n---\nblocked: [alice]\n"}), []string{"data.yml", "more than one YAML document"}},
		{"bytes that are no UTF-8", good.with(files{"data.json": "{\"a\": \"\xff\"}"}), []string{"data.json", "UTF-8"}},
		{"two files with names twice", good.with(files{"a/data.json": `{"x": 1, "x": 1}`, "b/data.json": `{"y": 1, "y": 1}`}), []string{"a/data.json", "b/data.json"}},
		{"data twice", good.with(files{"data.json": `{"a": 1}`, "data.yaml": "a: 2\n"}), []string{"data"}},
		{"a rule and data of one name", rego("allow := true\nroles := {}").with(files{"p/roles/data.json": `{"a": 1}`}), []string{"p.rego:4", "conflict"}},

		{"http.send", rego(`allow if http.send({"url": "http://127.0.0.1", "method": "get"}).status_code == 200`),
			[]string{"p.rego:3: rego_type_error: undefined function http.send", "policy.builtins"}},
		{"http.send by with", rego("allow if f(1) with f as http.send\nf(x) := x"), []string{"http.send"}},
		{"opa.runtime", rego(`allow if opa.runtime().env.X`), []string{"opa.runtime"}},
		{"rand.intn", rego(`allow if rand.intn("x", 2) == 1`), []string{"rand.intn"}},

		{"a package of the library", good.with(files{"s.rego": "package stepup.assurance\n\nreading := {}"}), []string{"s.rego:1: package stepup.assurance", "belong to the library"}},
		{"a package below stepup", good.with(files{"s.rego": "package stepup.levels.x\n\ny := 1"}), []string{"s.rego:1"}},
		{"the package stepup", good.with(files{"s.rego": "package stepup\n\nlevels := {}"}), []string{"s.rego:1: package stepup"}},
		{"other data below stepup", good.with(files{"stepup/assurance/data.json": `{"reading": {}}`}), []string{"data.stepup.assurance"}},
		{"data at stepup", good.with(files{"stepup/data.json": `{"login": {}}`}), []string{"data.stepup.login"}},
		{"stepup as a number", good.with(files{"data.json": `{"stepup": 1}`}), []string{"data.stepup is not an object"}},
		{"a shipped level", good.with(files{"stepup/levels/data.json": `{"mfa": {}}`}), []string{"data.stepup.levels.mfa", "policy.may_redefine"}},
		{"a shipped vocabulary", good.with(files{"stepup/vocabularies/oidc/data.json": `{"claims": {}}`}), []string{"data.stepup.vocabularies.oidc", "policy.may_redefine"}},
		{"a vocabulary against the laws", good.with(files{"stepup/vocabularies/corp/data.json": `{"claims": {"lvl": {"2": "mfaa"}}, "methods": [], "auth_time": [], "absent": "none", "logins": []}`}),
			[]string{"data.stepup.vocabularies.corp", "mfaa"}},
		{"a login that reads back as another level", good.with(files{"stepup/vocabularies/corp/data.json": `{
			"claims": {"lvl": {"1": "normal", "2": "mfa"}}, "methods": [], "auth_time": ["auth_time"], "absent": "none",
			"logins": [{"level": "mfa", "claims": [{"lvl": "1"}], "request": {}}]}`}),
			[]string{"data.stepup.vocabularies.corp.logins[0].claims[0]", "read back"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, err := open(t, row.files)
			if wantText(t, err, row.says...); p != nil && p.Current() != nil {
				t.Errorf("a refused policy is active")
			}
		})
	}
}

// What is wrong with a configuration is told without looking at the policy.
func TestOpenConfig(t *testing.T) {
	dir := folder(t, rego("allow := true"))
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	use := func(u policy.Use) policy.Config {
		return policy.Config{Path: dir, Package: "p", Issuers: []policy.Use{u}}
	}
	for _, row := range []struct {
		name   string
		config policy.Config
		says   []string
	}{
		{"no package", policy.Config{Path: dir}, []string{"policy.package is not set"}},
		{"not a package", policy.Config{Path: dir, Package: "p[x]"}, []string{"policy.package", `"p[x]"`}},
		{"text of a query", policy.Config{Path: dir, Package: "p; true"}, []string{"policy.package"}},
		{"with data", policy.Config{Path: dir, Package: "data.p"}, []string{`leave out "data."`}},
		{"the library's", policy.Config{Path: dir, Package: "stepup.assurance"}, []string{"belongs to the library"}},
		{"no such path", policy.Config{Path: dir + "/x", Package: "p"}, []string{"policy.path", "/x"}},
		{"no such path, counted from here", policy.Config{Path: "mypolicy", Package: "p"}, []string{"policy.path: there is no " + here + "/mypolicy (a relative policy.path counts from the folder where stepup was started)"}},
		{"a file", policy.Config{Path: dir + "/p.rego", Package: "p"}, []string{"neither a folder nor a bundle"}},
		{"unknown built-in", policy.Config{Path: dir, Package: "p", Builtins: []string{"http.sent"}}, []string{"policy.builtins", `"http.sent"`, `did you mean "http.send"?`}},
		{"unknown vocabulary", use(policy.Use{Issuer: "https://a.example/", Vocabulary: "authO"}), []string{`issuer "https://a.example/"`, "authO"}},
		{"unknown level", use(policy.Use{Issuer: "https://a.example/", Vocabulary: "oidc", Levels: map[string]string{"mfaa": "c1"}}), []string{`issuer "https://a.example/"`, "mfaa"}},
		{"unknown ceiling", use(policy.Use{Issuer: "https://a.example/", Vocabulary: "oidc", MaxLevel: "high"}), []string{`issuer "https://a.example/"`, "high"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := policy.Open(context.Background(), row.config)
			wantText(t, err, row.says...)
		})
	}
}

func TestOpenAdds(t *testing.T) {
	corp := `{"claims": {"lvl": {"1": "normal", "2": "badge"}}, "methods": [], "auth_time": ["auth_time"], "absent": "none",
		"logins": [{"level": "badge", "claims": [{"lvl": "2"}], "request": {"acr_values": "2"}}]}`
	p, err := policy.Open(context.Background(), policy.Config{
		Package: "p",
		Path: folder(t, rego(`allow if data.stepup.vocabularies.corp.claims.lvl["2"] == "badge"`).with(files{
			"stepup/levels/data.yaml":            "badge: {implies: [normal]}\n",
			"stepup/vocabularies/corp/data.json": corp,
		})),
		Issuers: []policy.Use{{Issuer: "https://corp.example/", Vocabulary: "corp", MaxLevel: "badge"}},
	})
	must(t, err)
	if got, err := p.Current().Evaluate(context.Background(), alice()); err != nil || !got.Allow {
		t.Errorf("Evaluate: %+v, %v; the added vocabulary is not there as data", got, err)
	}
	doc := alice()
	doc.Token.Vocabulary.Name = "corp"
	doc.Token.All = token.ClaimsOf(map[string]any{"lvl": "2"})
	got, err := p.Current().Assure(context.Background(), doc)
	if want := "badge"; err != nil || got.Assurance.Level != want {
		t.Errorf("Assure: level %q, %v, want %q", got.Assurance.Level, err, want)
	}
}

// What looks like a name twice and is none.
func TestOpenTakesNamesOfSeveralObjects(t *testing.T) {
	for name, f := range map[string]files{
		"JSON":      {"data.json": `{"a": {"x": 1}, "b": {"x": 1}, "X": [{"x": 1}, {"x": 2}]}`},
		"YAML":      {"data.yaml": "---\na: {x: 1}\nb:\n  - x: 1\n  - x: 2\nyes: 1\n\"true\": 2\n"},
		"an anchor": {"data.yaml": "a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  x: 3\nc: *a\n"},
		"notes":     {"roles.json": `{"a": 1, "a": 2}`},
	} {
		if _, err := open(t, rego("allow := true").with(f)); err != nil {
			t.Errorf("Open with %s: %v", name, err)
		}
	}
}

func TestOpenMayRedefine(t *testing.T) {
	f := rego("allow := true").with(files{"stepup/levels/data.json": `{"mfa": {"implies": ["normal"]}}`})
	if _, err := policy.Open(context.Background(), policy.Config{Path: folder(t, f), Package: "p", MayRedefine: []string{"mfa"}}); err != nil {
		t.Errorf("Open: %v, want leave to redefine mfa", err)
	}
}

func TestOpenGivesBuiltinsBack(t *testing.T) {
	f := rego(`allow if rand.intn("x", 1) == 0`)
	if _, err := policy.Open(context.Background(), policy.Config{Path: folder(t, f), Package: "p", Builtins: []string{"rand.intn"}}); err != nil {
		t.Errorf("Open: %v, want rand.intn to be given back", err)
	}
}

func TestOpenDemonstration(t *testing.T) {
	p, err := policy.Open(context.Background(), policy.Config{})
	must(t, err)
	got, err := p.Current().Evaluate(context.Background(), alice("normal", "mfa"))
	if err != nil || !got.Allow {
		t.Errorf("Evaluate: %+v, %v, want mfa to see the employees", got, err)
	}
	if got, err := p.Current().Evaluate(context.Background(), alice("normal")); err != nil || got.Allow {
		t.Errorf("Evaluate: %+v, %v, want normal not to see the employees", got, err)
	}
	if got := p.Status().Kind; got != policy.KindDemonstration {
		t.Errorf("Status: kind %q, want %q", got, policy.KindDemonstration)
	}
}
