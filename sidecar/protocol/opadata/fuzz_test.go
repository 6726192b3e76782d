package opadata

import (
	"testing"

	"stepup/sidecar/access"
)

// FuzzInput: no body panics; what is accepted names an action and a resource, and neither
// what only a token proves nor a header that is not forwarded reaches the policy.
func FuzzInput(f *testing.F) {
	for _, seed := range []string{
		`{"input":{"token":"a.b.c","action":{"name":"GET"},"resource":{"type":"route","id":"/x"},"context":{},"tenant":1}}`,
		`{"input":{"type":"http","var":{},"request":{"scheme":"http","method":"GET","host":"h","port":1,"path":"/x","headers":{"authorization":"Bearer a","accept":["x"]},"query":{"a":true}}}}`,
		`{"input":{"request":{"http":{"method":"GET","path":"/x","headers":{},"querystring":[]}}},"a.b/c":[{}]}`,
		`{"input":{"assurance":{},"now":1,"token":{}}}`, `{"Input":{}}`, `{"input":[]}`, `null`, `{"input":{"a":1e999}}`, "\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		q, err := parseEnvelope(body)
		if err != nil {
			return
		}
		r, err := q.complete("/input", "", nil, access.HeaderNames{"accept"})
		if err != nil {
			return
		}
		if r.Action.Name == "" || r.Resource.Type == "" || r.Resource.ID == "" || r.Door != Name {
			t.Fatalf("%q is accepted as %+v", body, r)
		}
		for _, name := range []string{"assurance", "now", "token", "id_token"} {
			if _, there := q.rest[name]; there {
				t.Fatalf("%q: %s reaches the policy", body, name)
			}
		}
		if r.HTTP == nil {
			return
		}
		for name := range r.HTTP.Headers {
			if name != "accept" {
				t.Fatalf("%q: the header %s reaches the policy", body, name)
			}
		}
	})
}

// FuzzPath: a path names one of two documents only if OPA's own reading of it would.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{"/a/b", "/a/b/allow", "//a///b/allow/", "/a%2Fb", "/a/%62/allow", "/a/b/Allow", "", "%", "/a/b/allow/%"} {
		f.Add(seed)
	}
	d := &Door{path: []string{"a", "b"}}
	f.Fuzz(func(t *testing.T, path string) {
		if d.named(path) == undefined {
			return
		}
		if d.named(path+"/x") != undefined || d.named("/x"+"/"+path) != undefined {
			t.Fatalf("%q and more is the same document", path)
		}
	})
}
