package authzen

import (
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"stepup/sidecar/protocol/openapitest"
)

// document is the door's OpenAPI document, to which every answer in these tests is held.
var document = sync.OnceValue(func() *openapitest.Document { return openapitest.Read("openapi.yaml") })

func TestOpenAPIDescribesTheRoutes(t *testing.T) {
	document().CheckRoutes(t, New(Config{Decider: answers(permitted)}).Routes())
}

func TestOpenAPIIsServed(t *testing.T) {
	answer, err := http.Get(state{}.serve(t) + pathDocument)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	got, err := io.ReadAll(answer.Body)
	want, _ := os.ReadFile("openapi.yaml")
	if err != nil || answer.StatusCode != http.StatusOK || string(got) != string(want) {
		t.Errorf("answered %d with %d bytes, %v; want the document of %d", answer.StatusCode, len(got), err, len(want))
	}
}

// The schema of a question agrees with the parser, about whether required members are there and of
// their kind, and about where a token stands.
func TestOpenAPIAgreesWithTheParser(t *testing.T) {
	const wrongPlace = `{"token":"x",`
	for _, e := range endpoints() {
		if !e.asks() {
			continue
		}
		for _, question := range []string{e.question, `{"unknown":[{}],` + e.question[1:], `{"context":{"token":"x","seen":7},` + e.question[1:]} {
			if err := document().Takes(e.method, e.path, question); err != nil {
				t.Errorf("%s: the schema does not take %s: %v", e.path, question, err)
			}
		}
		refused := []string{wrongPlace + e.question[1:], `{"context":[],` + e.question[1:], `{"context":{"token":7},` + e.question[1:], `[]`, `null`}
		for _, pointer := range e.required {
			for _, value := range []any{7, nullMember, []any{}, ""} {
				refused = append(refused, with(t, e.question, pointer, value))
			}
			// What a batch does not give may stand in its items.
			if missing := with(t, e.question, pointer, nil); e.path != pathEvaluations || strings.Count(pointer, "/") > 1 {
				refused = append(refused, missing)
			}
		}
		for _, question := range refused {
			if err := document().Takes(e.method, e.path, question); err == nil {
				t.Errorf("%s: the schema takes what the parser refuses: %s", e.path, question)
			}
		}
	}
}
