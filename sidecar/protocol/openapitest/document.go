package openapitest

import (
	"encoding/json"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// A Document is an OpenAPI document. It is safe for concurrent use.
type Document struct {
	file string
	doc  map[string]any // as JSON values

	compiling sync.Mutex
	compiler  *jsonschema.Compiler
}

// Read reads a document. It panics where that cannot be read, so that a test may keep one in a
// [sync.OnceValue].
func Read(file string) *Document {
	text, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	d := &Document{file: file, compiler: jsonschema.NewCompiler()}
	if err := yaml.Unmarshal(text, &d.doc); err != nil {
		panic(err)
	}
	// The schemas of OpenAPI 3.1 are those of JSON Schema 2020-12.
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	if text, err = json.Marshal(d.doc); err != nil {
		panic(err)
	}
	whole, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		panic(err)
	}
	if err := d.compiler.AddResource("openapi.json", whole); err != nil {
		panic(err)
	}
	return d
}

// Schema returns one of the document's schemas; nil: it has none of that name.
func (d *Document) Schema(name string) any {
	all, _ := d.at(pointer("components", "schemas"))
	return all[name]
}

// Validate holds JSON to one of the document's schemas. Its error says what of it is not so.
func (d *Document) Validate(t testing.TB, schema, text string) error {
	t.Helper()
	compiled, err := d.compile("/components/schemas/" + schema)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return compiled.Validate(value)
}

// Check is Validate whose error is that of the test.
func (d *Document) Check(t testing.TB, schema, text string) {
	t.Helper()
	if err := d.Validate(t, schema, text); err != nil {
		t.Errorf("%s is not a %s: %v", text, schema, err)
	}
}

// compile returns the schema at a pointer.
func (d *Document) compile(pointer string) (*jsonschema.Schema, error) {
	d.compiling.Lock()
	defer d.compiling.Unlock()
	return d.compiler.Compile("openapi.json#" + pointer)
}
