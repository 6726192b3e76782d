package policies_test

import (
	"context"
	"encoding/json"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"stepup/policies"
)

func TestWhatLoads(t *testing.T) {
	for _, test := range []struct {
		call      string
		got, want any
	}{
		{"Library()", paths(policies.Library()), []string{
			"stepup/assurance/assurance.rego", "stepup/assurance/claims.rego", "stepup/assurance/levels.rego", "stepup/assurance/values.rego",
		}},
		{"LoginRule()", paths(policies.LoginRule()), []string{
			"stepup/login/login.rego", "stepup/login/proof.rego", "stepup/login/refresh.rego", "stepup/login/request.rego", "stepup/login/ways.rego",
		}},
		{"Demonstration()", paths(policies.Demonstration()), []string{"fabrikam/fabrikam.rego"}},
		{"Factors()", slices.Sorted(maps.Keys(policies.Factors())), []string{"custom", "duo", "otp", "pwd", "webauthn"}},
		{"Levels()", slices.Sorted(maps.Keys(policies.Levels())), []string{"mfa", "normal", "phr", "phrh"}},
	} {
		if diff := cmp.Diff(test.want, test.got); diff != "" {
			t.Errorf("%s: -want +got\n%s", test.call, diff)
		}
	}
}

// Every folder of data.stepup.vocabularies is a vocabulary, under its own name.
func TestVocabulariesAreTheFolders(t *testing.T) {
	folders, err := fs.ReadDir(policies.Tree(), "stepup/vocabularies")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, folder := range folders {
		if folder.IsDir() {
			want = append(want, folder.Name())
		}
	}
	got := slices.Sorted(maps.Keys(policies.Vocabularies()))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Vocabularies(): -want +got\n%s", diff)
	}
	for _, name := range []string{"auth0", "auth0-rule", "oidc", "stepup-demo"} {
		if !slices.Contains(got, name) {
			t.Errorf("Vocabularies(): got %q, want %q among them", got, name)
		}
	}
}

// The caller owns what it gets: writing to it changes nothing for the next one.
func TestDataIsTheCallersOwn(t *testing.T) {
	clear(policies.Levels())
	policies.Vocabularies()["oidc"].(map[string]any)["claims"] = nil
	if got := len(policies.Levels()); got != 4 {
		t.Errorf("Levels() after a caller cleared its own: got %d, want 4", got)
	}
	if policies.Vocabularies()["oidc"].(map[string]any)["claims"] == nil {
		t.Error("Vocabularies() after a caller wrote to its own: got no claims, want the shipped ones")
	}
}

// Every file of the folder is embedded, so none was left out for its name, and nothing
// lies there that OPA would read as data by accident.
func TestTreeHoldsOnlyWhatBelongsThere(t *testing.T) {
	data := map[string]bool{}
	err := fs.WalkDir(policies.Tree(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		switch {
		case strings.HasSuffix(name, ".rego"), strings.HasSuffix(name, ".md"):
		case strings.HasPrefix(name, "schemas/") && entry.Name() == "input.json":
		case strings.HasPrefix(name, "stepup/") && entry.Name() == "data.json":
			data[name] = true
		default:
			t.Errorf("%s is neither policy, schema, text nor data of the library", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(data), 2+len(policies.Vocabularies()); got != want {
		t.Errorf("files of data: got %d (%v), want %d", got, data, want)
	}
}

// Folder is package, every package says which schema its input has, and every package
// and rule outside tests has a title and a description.
func TestEveryRuleIsAnnotated(t *testing.T) {
	modules, err := parseAll()
	if err != nil {
		t.Fatal(err)
	}
	schema := map[string]string{
		"fabrikam":         "schema.access.input",
		"stepup.samples":   "schema.access.input",
		"stepup.assurance": "schema.assurance.input",
		"stepup.login":     "schema.login.input",
	}
	packages := map[string]*ast.Annotations{}
	for name, module := range modules {
		pkg := strings.TrimPrefix(module.Package.Path.String(), "data.")
		if want := strings.ReplaceAll(name[:strings.LastIndex(name, "/")], "/", "."); strings.TrimSuffix(pkg, "_test") != want {
			t.Errorf("%s: package %s, want %s as its folder says", name, pkg, want)
		}
		if strings.HasSuffix(pkg, "_test") != strings.HasSuffix(name, "_test.rego") {
			t.Errorf("%s: package %s; tests are in packages and files that end in _test", name, pkg)
		}
		if strings.HasSuffix(pkg, "_test") {
			continue
		}
		described := map[string]bool{}
		for _, a := range module.Annotations {
			if a.Title == "" || a.Description == "" {
				t.Errorf("%s: an annotation without title or description", a.Location)
			}
			if a.Scope == "package" {
				packages[pkg] = a
				continue
			}
			described[a.GetTargetPath().String()] = true
		}
		for _, rule := range module.Rules {
			if !described[rule.Ref().GroundPrefix().String()] {
				t.Errorf("%s: the rule %s has no annotation", rule.Location, rule.Ref())
			}
		}
	}
	for pkg, a := range packages {
		if len(a.Schemas) != 1 || a.Schemas[0].Path.String() != "input" || a.Schemas[0].Schema.String() != schema[pkg] {
			t.Errorf("package %s: schemas %v, want input: %s", pkg, a.Schemas, schema[pkg])
		}
	}
	if len(packages) != len(schema) {
		t.Errorf("annotated packages: got %d, want %d", len(packages), len(schema))
	}
}

// What the samples build is a document by the schema, so that a test which uses them
// cannot misspell a member.
func TestSamplesFollowTheSchema(t *testing.T) {
	schema := compile(t, policies.AccessSchema())
	parts := []string{
		`samples.person("alice")`, `samples.machine("billing")`, `samples.token(["openid"], {"department": "hr"})`,
		`samples.login("normal", 0)`, `samples.login("phr", 60)`, `samples.request("GET", "/employees/7")`,
	}
	documents := []string{"samples.document([])", "samples.document([" + strings.Join(parts, ", ") + "])"}
	for _, part := range parts {
		documents = append(documents, "samples.document(["+part+"])")
	}
	for _, document := range documents {
		if err := schema.Validate(evaluate(t, document)); err != nil {
			t.Errorf("%s: %v", document, err)
		}
	}
}

func TestSchemasAreSchemas(t *testing.T) {
	for name, text := range map[string][]byte{
		"access": policies.AccessSchema(), "assurance": policies.AssuranceSchema(), "login": policies.LoginSchema(),
	} {
		schema := compile(t, text)
		if err := schema.Validate(map[string]any{"unheard_of": true}); err == nil {
			t.Errorf("schema %s: accepts a member it does not name", name)
		}
	}
}

// The token that stepup.assurance reads is the token of the document.
func TestTokenIsTheSameInBothSchemas(t *testing.T) {
	if diff := cmp.Diff(property(t, policies.AccessSchema(), "token"), property(t, policies.AssuranceSchema(), "token")); diff != "" {
		t.Errorf("token in schema.access.input (-) and schema.assurance.input (+):\n%s", diff)
	}
}

func property(t *testing.T, schema []byte, name string) any {
	t.Helper()
	var object struct{ Properties map[string]any }
	if err := json.Unmarshal(schema, &object); err != nil || object.Properties[name] == nil {
		t.Fatalf("no property %q (%v)", name, err)
	}
	return object.Properties[name]
}

func compile(t *testing.T, text []byte) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func evaluate(t *testing.T, expression string) any {
	t.Helper()
	modules, err := parseAll()
	if err != nil {
		t.Fatal(err)
	}
	options := []func(*rego.Rego){
		rego.Query("x := " + expression), rego.Imports([]string{"data.stepup.samples"}),
		rego.Store(inmem.NewFromObject(map[string]any{"stepup": map[string]any{
			"levels": policies.Levels(), "vocabularies": policies.Vocabularies(), "factors": policies.Factors(),
		}})),
	}
	for _, module := range modules {
		options = append(options, rego.ParsedModule(module))
	}
	results, err := rego.New(options...).Eval(context.Background())
	if err != nil || len(results) != 1 {
		t.Fatalf("%s: %d results, %v", expression, len(results), err)
	}
	return results[0].Bindings["x"]
}

func parseAll() (map[string]*ast.Module, error) {
	modules := map[string]*ast.Module{}
	return modules, fs.WalkDir(policies.Tree(), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".rego") {
			return err
		}
		text, err := fs.ReadFile(policies.Tree(), name)
		if err != nil {
			return err
		}
		modules[name], err = ast.ParseModuleWithOpts(name, string(text), ast.ParserOptions{ProcessAnnotation: true})
		return err
	})
}

func paths(modules []policies.Module) []string {
	var list []string
	for _, m := range modules {
		list = append(list, m.Path)
	}
	return list
}
