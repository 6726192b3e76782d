package native_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"stepup/sidecar/protocol/native"
)

// document returns the OpenAPI document as JSON values.
var document = sync.OnceValue(func() map[string]any {
	text, err := os.ReadFile("openapi.yaml")
	if err != nil {
		panic(err)
	}
	var doc map[string]any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		panic(err)
	}
	return doc
})

// compiler has the document; the schemas of OpenAPI 3.1 are those of JSON Schema 2020-12.
var compiler = sync.OnceValue(func() *jsonschema.Compiler {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	text, err := json.Marshal(document())
	if err != nil {
		panic(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		panic(err)
	}
	if err := c.AddResource("openapi.json", doc); err != nil {
		panic(err)
	}
	return c
})

var compiling sync.Mutex

func validate(t testing.TB, schema, text string) error {
	t.Helper()
	compiling.Lock()
	defer compiling.Unlock()
	compiled, err := compiler().Compile("openapi.json#/components/schemas/" + schema)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return compiled.Validate(value)
}

func checkSchema(t testing.TB, schema, text string) {
	t.Helper()
	if err := validate(t, schema, text); err != nil {
		t.Errorf("%s is not a %s: %v", text, schema, err)
	}
}

// Every schema compiles, and every path is a route with exactly the methods it lists.
func TestOpenAPIDescribesTheRoutes(t *testing.T) {
	doc := document()
	for name := range doc["components"].(map[string]any)["schemas"].(map[string]any) {
		if _, err := compiler().Compile("openapi.json#/components/schemas/" + name); err != nil {
			t.Errorf("schema %s: %v", name, err)
		}
	}
	described := map[string]bool{}
	for path, item := range doc["paths"].(map[string]any) {
		for method := range item.(map[string]any) {
			described[strings.ToUpper(method)+" "+path] = true
		}
	}
	for _, r := range native.New(native.Config{Decider: decide(nil)}).Routes() {
		route := r.Method + " " + r.Path
		if !described[route] {
			t.Errorf("%s is not described", route)
		}
		delete(described, route)
	}
	for route := range described {
		t.Errorf("%s is described and not there", route)
	}
}

func TestOpenAPIIsServed(t *testing.T) {
	srv, _ := asked(t)
	resp, err := http.Get(srv.URL + "/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	want, _ := os.ReadFile("openapi.yaml")
	if got := read(t, resp); resp.StatusCode != 200 || got+"\n" != string(want) {
		t.Errorf("status %d, %d bytes, want the document of %d", resp.StatusCode, len(got), len(want))
	}
	if got := resp.Header.Get("Content-Type"); got != "application/yaml" {
		t.Errorf("Content-Type %q, want application/yaml", got)
	}
	checkUncached(t, resp)
}

// The schema of a question agrees with the parser, but for what a schema cannot say:
// syntax, duplicate names, the range of numbers, and how parts of a request agree.
func TestOpenAPIAgreesWithTheParser(t *testing.T) {
	checkSchema(t, "Question", whole)
	beyond := []string{"syntax", "twice", "double", "at most 64", "deep", "path", "segments", "differ in case", "client_ip", "end after", "valid JSON", "ends too early", "is empty:"}
	for _, row := range malformed {
		said := func(words string) bool { return strings.Contains(row.detail, words) }
		if containsAny(beyond, said) || strings.Contains(row.detail, "the body is empty") {
			continue
		}
		if err := validate(t, "Question", body(row.body)); err == nil {
			t.Errorf("%s: the schema takes what the parser refuses: %s", row.name, body(row.body))
		}
	}
}

func containsAny(words []string, said func(string) bool) bool {
	for _, w := range words {
		if said(w) {
			return true
		}
	}
	return false
}
