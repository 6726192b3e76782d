package docs_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"stepup/sidecar/cases"
	"stepup/sidecar/config"
	"stepup/sidecar/httpreq"
	"stepup/sidecar/policy"
	"stepup/sidecar/policy/fleet"
)

// checkRego compiles a block by itself, as strictly as stepup check does. Rules without a
// package are some of a larger policy; tests are checked with what they test.
func checkRego(t *testing.T, b block) {
	t.Helper()
	text := b.text
	if strings.HasSuffix(b.file(), "_test.rego") {
		return
	}
	pkg := "page"
	if m := packageName.FindStringSubmatch(text); m != nil {
		pkg = m[1]
	} else {
		text = "package page\n\n" + text
	}
	files := map[string]string{"page.rego": text}
	if !hasAllow.MatchString(text) {
		// A part of a package leaves its allow to another file.
		files["rest.rego"] = "package " + pkg + "\n\ndefault allow := false\n"
	}
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	findErrors(t, b.String(), dir)
}

var (
	packageName = regexp.MustCompile(`(?m)^package ([\w.]+)$`)
	hasAllow    = regexp.MustCompile(`(?m)^(default )?allow\b`)
)

// checkFolders checks what the reader has saved, tests included.
func (r *reader) checkFolders() {
	r.t.Helper()
	for dir := range r.folders {
		findErrors(r.t, "the files of "+filepath.Base(dir), dir)
	}
}

func findErrors(t *testing.T, name, dir string) {
	t.Helper()
	findings, err := policy.Check(context.Background(), dir, policy.Config{})
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	for _, f := range findings {
		if f.Severity == policy.SeverityError {
			t.Errorf("%s: %s", name, f)
		}
	}
}

// checkYAML loads a block as the configuration that it is, or as the case.
func checkYAML(t *testing.T, b block) {
	t.Helper()
	if name := b.file(); filepath.Base(filepath.Dir(name)) == "cases" {
		if _, err := cases.Parse(strings.TrimSuffix(filepath.Base(name), ".yaml"), []byte(b.text)); err != nil {
			t.Errorf("%s: %v", b, err)
		}
		return
	}
	if checkRoutes(t, b) {
		return
	}
	path := filepath.Join(t.TempDir(), "stepup.yaml")
	if err := os.WriteFile(path, []byte(b.text), 0o644); err != nil {
		t.Fatal(err)
	}
	c, warnings, err := config.Load(config.Options{File: path, Environ: variables(b.text)})
	if err != nil {
		t.Errorf("%s: %v", b, err)
		return
	}
	checkOPA(t, b, c)
	for _, w := range warnings {
		t.Errorf("%s: %s", b, w)
	}
}

// checkRoutes reads a block as the routes that it is, and reports whether it is such.
func checkRoutes(t *testing.T, b block) bool {
	t.Helper()
	read := map[string]func(string, []byte, bool) (*httpreq.Routes, error){
		"routes.yaml": httpreq.ReadTable, "openapi.yaml": httpreq.ReadOpenAPI,
	}[filepath.Base(b.file())]
	if read == nil {
		return false
	}
	if _, err := read(b.file(), []byte(b.text), true); err != nil {
		t.Errorf("%s: %v", b, err)
	}
	return true
}

// variables gives every ${NAME} of a configuration a value.
func variables(text string) []string {
	var list []string
	for _, m := range regexp.MustCompile(`\$\{(\w+)\}`).FindAllStringSubmatch(text, -1) {
		list = append(list, m[1]+"=/some/value")
	}
	return list
}

// checkOPA lets OPA's plugins read their part of a configuration, as stepup serve does.
func checkOPA(t *testing.T, b block, c *config.Config) {
	t.Helper()
	opa := fleet.Config{OPA: c.Policy.OPA}
	if c.Policy.Fetched() {
		p, err := policy.Receive(policy.Config{Package: c.Policy.Package})
		if err != nil {
			t.Fatal(err)
		}
		opa.Policies = p
	}
	f, err := fleet.New(context.Background(), opa)
	if err != nil {
		t.Errorf("%s: %v", b, err)
	}
	f.Stop(context.Background())
}

// checkJSON reads a block that nothing printed, and holds documents to their schema.
func checkJSON(t *testing.T, b block) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(b.text))
	if err != nil {
		t.Errorf("%s: %v", b, err)
		return
	}
	if m, _ := v.(map[string]any); m["assurance"] == nil || m["subject"] == nil {
		return
	}
	if err := documentSchema(t).Validate(v); err != nil {
		t.Errorf("%s: not a document that policies read: %v", b, err)
	}
}

func documentSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "policies", "schemas", "access", "input.json"))
	if err != nil {
		t.Fatal(err)
	}
	var schema any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("input.json", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("input.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}
