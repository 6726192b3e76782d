package native_test

import (
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"stepup/sidecar/protocol/native"
	"stepup/sidecar/protocol/openapitest"
)

// document is the door's OpenAPI document.
var document = sync.OnceValue(func() *openapitest.Document { return openapitest.Read("openapi.yaml") })

func validate(t testing.TB, schema, text string) error {
	t.Helper()
	return document().Validate(t, schema, text)
}

func checkSchema(t testing.TB, schema, text string) {
	t.Helper()
	document().Check(t, schema, text)
}

func TestOpenAPIDescribesTheRoutes(t *testing.T) {
	document().CheckRoutes(t, native.New(native.Config{Decider: decide(nil)}).Routes())
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
