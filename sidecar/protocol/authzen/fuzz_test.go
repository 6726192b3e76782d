package authzen

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"stepup/sidecar/access"
)

// A witness allows everything and keeps what it was asked.
type witness struct{ asked []access.Request }

func (w *witness) Decide(_ context.Context, r access.Request) access.Decision {
	w.asked = append(w.asked, r)
	return access.Decision{Outcome: access.Allow, ID: "id"}
}

// FuzzEvaluations: no body panics. What is asked of the decider is complete, and has the
// token that the body says and nowhere else; of what is refused, nothing permits.
func FuzzEvaluations(f *testing.F) {
	for _, seed := range []string{
		`{"subject":{"type":"user","id":"a"},"action":{"name":"x"},"resource":{"type":"r","id":"i"},"context":{"token":"t"}}`,
		`{"subject":{"type":"user","id":"a","x":[{}]},"action":{"name":"x"},"evaluations":[{"resource":{"type":"r","id":"i"}},{},7,{"context":{"token":null}}]}`,
		`{"context":{"token":"t","id_token":"u"},"evaluations":[{"context":{}}],"options":{"evaluations_semantic":"deny_on_first_deny","y":1}}`,
		`{"subject":{"type":"robot","id":"a","properties":{"issuer":1}},"evaluations":[]}`,
		`{"token":1}`, `{"a":{"b":1,"b":2}}`, `null`, `[[[[`, `{"a":"\ud800"}`, "\xff", ``,
	} {
		f.Add([]byte(seed), "")
		f.Add([]byte(seed), "t")
	}
	f.Fuzz(func(t *testing.T, body []byte, header string) {
		w := &witness{}
		d := New(Config{Decider: w})
		b, err := readBatch(body, 5)
		if err != nil {
			if err.Error() == "" {
				t.Fatalf("%q is refused without a word", body)
			}
			return
		}
		if len(b.items) == 0 {
			if a, err := d.decide(t.Context(), b.question, "", header); a.Decision == (err != nil) {
				t.Fatalf("%q: %+v, %v", body, a, err)
			}
		}
		permitted := 0
		for _, a := range d.items(t.Context(), b, header) {
			if a.Decision {
				permitted++
			}
			if _, wrong := a.Context.(failed); a.Decision == wrong {
				t.Fatalf("%q: an error that permits: %+v", body, a)
			}
		}
		if len(b.items) > 0 && permitted != len(w.asked) {
			t.Fatalf("%q: %d permitted of %d asked", body, permitted, len(w.asked))
		}
		for _, r := range w.asked {
			checkAsked(t, body, header, r)
		}
	})
}

func checkAsked(t *testing.T, body []byte, header string, r access.Request) {
	t.Helper()
	token := r.Credential.Reveal()
	if r.Asserted.ID == "" || r.Asserted.Type == "" || r.Action.Name == "" || r.Resource.Type == "" || r.Resource.ID == "" {
		t.Fatalf("%q is asked incompletely: %+v", body, r)
	}
	if _, err := json.Marshal(r.Context); err != nil {
		t.Fatalf("%q has a context that is no JSON: %v", body, err)
	}
	if header != "" && token != header {
		t.Fatalf("%q is asked with the token %q instead of %q", body, token, header)
	}
	if token != "" && len(r.Asserted.Properties) > 0 {
		t.Fatalf("%q is asked with properties beside a token", body)
	}
	for name := range r.Context {
		if lower := strings.ToLower(name); lower == "token" || lower == "id_token" {
			t.Fatalf("%q lets a token into the context: %v", body, r.Context)
		}
	}
}
