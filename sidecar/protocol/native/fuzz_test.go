package native

import (
	"encoding/json"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
)

// FuzzDecisionRequest: no body panics, and what is accepted, written out again as JSON,
// is accepted and means the same. What is refused says why.
func FuzzDecisionRequest(f *testing.F) {
	for _, seed := range []string{
		`{"token":"eyJ.a.b","action":{"name":"GET"},"resource":{"type":"route","id":"/employees"},"context":{},"request":{}}`,
		`{"action":{"name":"GET","properties":{"n":1e2,"m":[null,true,"\ud83d\ude00",{"a":-0}]}},"resource":{"type":"r","id":"i","properties":{}}}`,
		`{"action":{"name":"x"},"resource":{"type":"r","id":"i"},"request":{"method":"GET","scheme":"https","host":"h","path":"/a/%20","segments":["a","%20"],"query":{"q":["a"]},"headers":{"Accept":["x"],"Cookie":["y"]},"client_ip":"::1"}}`,
		`{"action":{"name":"x"},"resource":{"type":"r","id":"i"},"action":{}}`,
		`{"context":{"a":1e999}}`, `{"tokn":1}`, `null`, `[[[[`, `{"a":"\ud800"}`, "\xff", ``,
	} {
		f.Add([]byte(seed))
	}
	forward := []string{"accept"}
	f.Fuzz(func(t *testing.T, body []byte) {
		first, err := parse(fragment{Text: body}, question{}, forward)
		if err != nil {
			if err.Error() == "" {
				t.Fatalf("%q is refused without a word", body)
			}
			return
		}
		text := rewritten(t, first)
		again, err := parse(fragment{Text: text}, question{}, forward)
		if err != nil {
			t.Fatalf("%q is accepted and, written as %q, refused: %v", body, text, err)
		}
		same := cmp.Comparer(func(a, b access.Credential) bool { return a == b })
		if diff := cmp.Diff(first, again, same); diff != "" {
			t.Fatalf("%q and %q differ:\n%s", body, text, diff)
		}
	})
}

// FuzzBatch: no body panics, and every item is answered or refused.
func FuzzBatch(f *testing.F) {
	f.Add([]byte(`{"token":"t","requests":[{"action":{"name":"x"},"resource":{"type":"r","id":"i"}},{},null]}`))
	f.Add([]byte(`{"requests":[{"context":{"a":1e999}}],"context":{}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		b, err := readBatch(body, 5)
		if err != nil {
			return
		}
		if len(b.items) == 0 || len(b.items) > 5 {
			t.Fatalf("%q has %d items", body, len(b.items))
		}
		for _, item := range b.items {
			_, _ = parse(item, b.defaults, nil)
		}
	})
}

// rewritten writes a request as JSON by the standard library, which the parser does not
// use.
func rewritten(t *testing.T, r access.Request) []byte {
	t.Helper()
	body := map[string]any{
		"action":   entity(map[string]any{"name": r.Action.Name}, r.Action.Properties),
		"resource": entity(map[string]any{"type": r.Resource.Type, "id": r.Resource.ID}, r.Resource.Properties),
	}
	if r.Credential.Presented() {
		body["token"] = r.Credential.Reveal()
	}
	if r.Context != nil {
		body["context"] = r.Context
	}
	if r.HTTP != nil {
		body["request"] = requestMap(r.HTTP)
	}
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatalf("writing %+v: %v", r, err)
	}
	return text
}

func entity(o map[string]any, properties access.Object) map[string]any {
	if properties != nil {
		o["properties"] = properties
	}
	return o
}

func requestMap(r *access.HTTPRequest) map[string]any {
	headers := maps.Clone(r.Headers)
	for _, name := range r.Arrived {
		if _, forwarded := headers[name]; !forwarded {
			headers[name] = []string{}
		}
	}
	o := map[string]any{"headers": headers}
	for name, value := range map[string]string{"method": r.Method, "scheme": r.Scheme, "host": r.Host, "path": r.Path, "client_ip": r.ClientIP} {
		if value != "" {
			o[name] = value
		}
	}
	if r.Path != "" {
		o["segments"] = r.Segments
	}
	if r.Query != nil {
		o["query"] = r.Query
	}
	return o
}
