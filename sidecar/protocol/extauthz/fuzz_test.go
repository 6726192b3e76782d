package extauthz_test

import (
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"

	"stepup/sidecar/access"
	"stepup/sidecar/httpreq"
	"stepup/sidecar/protocol/extauthz"
)

// FuzzCheckRequest: whatever the bytes of a CheckRequest are, the answer is no error, and
// whole; and what is asked about is the canonical path, unless the operator chose.
func FuzzCheckRequest(f *testing.F) {
	for _, r := range []*authv3.CheckRequest{
		{}, get("/employees?a=b", map[string]string{"authorization": "Bearer a.b.c"}), raw("/a", "authorization", "Bearer a", "x-stepup-a", "b"),
	} {
		text, err := proto.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r := new(authv3.CheckRequest)
		if proto.Unmarshal(text, r) != nil {
			return
		}
		d := &decider{answer: access.Decision{Outcome: access.Allow}}
		answer, err := extauthz.New(extauthz.Config{Decider: d, Allow: access.HeaderNames{"x-stepup-*"}}).Check(t.Context(), r)
		if err != nil || (answer.GetOkResponse() == nil) != (d.asked == nil) || (answer.GetStatus().GetCode() == 0) != (d.asked != nil) {
			t.Fatalf("Check(%v) = %v, %v; asked %v", r, answer, err, d.asked)
		}
		if d.asked == nil {
			return
		}
		path, _, _ := strings.Cut(r.GetAttributes().GetRequest().GetHttp().GetPath(), "?")
		if d.asked.HTTP.Path != path || httpreq.WrongPath(path) != "" {
			t.Fatalf("asked about %q for the path %q", d.asked.HTTP.Path, path)
		}
		if len(r.GetAttributes().GetContextExtensions()) == 0 && (d.asked.Resource.ID != path || d.asked.Resource.Type != "route") {
			t.Fatalf("asked about %+v for the path %q", d.asked.Resource, path)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	door := extauthz.New(extauthz.Config{Decider: &decider{answer: access.Decision{Outcome: access.Allow}}, Allow: access.HeaderNames{"x-stepup-*"}})
	r := get("/employees/7", map[string]string{"authorization": "Bearer a.b.c"})
	b.ReportAllocs()
	for b.Loop() {
		if answer, err := door.Check(b.Context(), r); err != nil || answer.GetOkResponse() == nil {
			b.Fatal(answer, err)
		}
	}
}
