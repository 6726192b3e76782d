package extauthz

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"stepup/sidecar/access"
	"stepup/sidecar/keep"
)

// headers are what the requests of these tests have: the first value mostly.
var headers = map[string][]string{
	":method": {"GET", "POST"}, ":path": {"/a", "/b"}, ":authority": {"a.example", "b.example"}, ":scheme": {"https"},
	"authorization": {"Bearer a.b.c", "Bearer a.b.d", "Basic eA==", "DPoP a.b.c"},
	"x-seen":        {"1", "2"}, "accept": {"text/html", "*/*"}, "user-agent": {"a", "b", "\xff"}, "x-request-id": {"1", "2"},
	"X-Seen": {"3"}, "x_stepup_user": {"eve"}, "x-stepup-user": {"eve"}, "no token": {"1"},
}

func pick(r *rand.Rand, values ...string) string { return values[r.IntN(len(values))*(r.IntN(12)/11)] }

// someCheck is a request that may well be refused.
func someCheck(r *rand.Rand) *authv3.CheckRequest {
	http := &authv3.AttributeContext_HttpRequest{
		Id: fmt.Sprint(r.IntN(9)), Method: pick(r, "GET", "POST", "get"), Path: pick(r, "/a", "/a?q=1", "/b", "/a/../b"),
		Host: pick(r, "a.example", "b.example"), Scheme: pick(r, "https", "http", "ftp"), Query: pick(r, "", "q"), Fragment: pick(r, "", "f"),
		Headers: map[string]string{},
	}
	attributes := &authv3.AttributeContext{
		Source:  &authv3.AttributeContext_Peer{Address: &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{Address: pick(r, "192.0.2.1", "192.0.2.2", "pipe")}}}},
		Request: &authv3.AttributeContext_Request{Http: http, Time: timestamppb.Now()},
	}
	raw := &corev3.HeaderMap{}
	inRaw := r.IntN(4) == 0
	for name, values := range headers {
		often := 38 // of 40
		if len(values) == 1 {
			often = 2
		}
		if r.IntN(40) >= often {
			continue
		}
		if value := pick(r, values...); !inRaw {
			http.Headers[name] = value
		} else {
			raw.Headers = append(raw.Headers, &corev3.HeaderValue{Key: name, RawValue: []byte(value), Value: pick(r, "", "x")})
			http.HeaderMap = raw
		}
	}
	if r.IntN(40) == 0 {
		http.Headers["x-seen"] = "1" // in both forms, perhaps
	}
	if r.IntN(4) == 0 {
		attributes.ContextExtensions = map[string]string{"other": fmt.Sprint(r.IntN(3)), pick(r, actionExtension, resourceTypeExtension, resourceIDExtension, "stepup.unknown"): pick(r, "x", "y", "")}
	}
	return &authv3.CheckRequest{Attributes: attributes}
}

// TestOneKeyOneQuestion holds the key of requests to what it is for: two that have the same are
// the same question, or are both refused.
func TestOneKeyOneQuestion(t *testing.T) {
	d := New(Config{Decider: &counting{}, Allow: access.HeaderNames{"x-stepup-*"}, Forward: access.HeaderNames{"x-seen"}})
	type asked struct {
		request access.Request
		refused bool // by what of several is told by chance
	}
	known, again, taken := map[keep.Digest]asked{}, 0, 0
	r := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		check := someCheck(r)
		request, err := d.parse(check)
		got := asked{request, err != nil}
		if err != nil {
			got.request = access.Request{}
		} else {
			taken++
		}
		key, _ := d.sight(check)
		if before, is := known[key]; is {
			again++
			if !reflect.DeepEqual(before, got) {
				t.Fatalf("one key, two questions:\n%+v\n%+v\n%v", before, got, check)
			}
		}
		known[key] = got
	}
	if again < 100 || taken < 100 {
		t.Errorf("%d keys came again and %d requests were taken: that proves little", again, taken)
	}
}

// What nobody reads makes no other key: Envoy gives each request an id and a time.
func TestWhatMakesNoKey(t *testing.T) {
	d := New(Config{Decider: &counting{}, Forward: access.HeaderNames{"x-seen"}})
	check := func(n int) *authv3.CheckRequest {
		return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{
			Time: timestamppb.Now(),
			Http: &authv3.AttributeContext_HttpRequest{
				Id: fmt.Sprint(n), Method: "GET", Path: "/a", Host: "a.example", Scheme: "https",
				Headers: map[string]string{"x-request-id": fmt.Sprint(n), "user-agent": fmt.Sprint(n), "x-seen": "1"},
			},
		}}}
	}
	first, _ := d.sight(check(1))
	if second, _ := d.sight(check(2)); first != second {
		t.Error("two requests that differ in their ids only have two keys")
	}
}

// counting answers with what it is given, each time under another id, and counts.
type counting struct {
	asked  []access.Request
	answer access.Decision
}

func (c *counting) Decide(_ context.Context, r access.Request) access.Decision {
	c.asked = append(c.asked, r)
	d := c.answer
	d.ID = fmt.Sprintf("id-%d", len(c.asked))
	return d
}

// TestKeptChecksAreDecidedAnew asks a door that keeps what it read and one that does not about
// the same again and again, while the answer changes in everything that is written: each time
// both say the same, and of refusals nothing is kept.
func TestKeptChecksAreDecidedAnew(t *testing.T) {
	keeping, fresh := &counting{}, &counting{}
	cfg := Config{Allow: access.HeaderNames{"x-stepup-*"}, Decider: fresh}
	anew := New(cfg)
	cfg.Decider, cfg.Known = keeping, keep.New[*Check](1<<20, keep.Counters{})
	kept := New(cfg)
	allow := access.Decision{Outcome: access.Allow, Revision: "r", Assurance: access.Assurance{Level: "normal"}, Headers: map[string]string{"x-stepup-user": "alice"}}
	other, level, headers := allow, allow, allow
	other.Revision, level.Assurance.Level, headers.Headers = "s", "mfa", map[string]string{"x-stepup-user": "bob"}
	deny := access.Decision{Outcome: access.Deny, Reasons: []access.Reason{access.Because(access.NotAllowed)}, Revision: "r"}
	fault := access.Decision{Outcome: access.Indeterminate, Reasons: []access.Reason{access.Because(access.NotReady)}}
	for n, answer := range []access.Decision{deny, fault, allow, allow, other, other, allow, level, allow, headers, deny, allow, fault, allow} {
		check := &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
			Id: fmt.Sprint(n), Method: "GET", Path: "/a", Host: "a.example", Scheme: "https",
			Headers: map[string]string{"authorization": "Bearer a.b.c", "x-request-id": fmt.Sprint(n), "x_stepup_user": "eve"},
		}}}}
		keeping.answer, fresh.answer = answer, answer
		got, _ := kept.Check(t.Context(), check)
		want, _ := anew.Check(t.Context(), check)
		if !proto.Equal(got, want) {
			t.Fatalf("question %d: kept %v\nfresh %v", n, got, want)
		}
		if had, wants := cfg.Known.Len() > 0, n > 1; had != wants {
			t.Errorf("question %d: something is kept %t, want %t", n, had, wants)
		}
	}
	for i, r := range keeping.asked {
		r.Note = nil
		if !reflect.DeepEqual(r, fresh.asked[i]) {
			t.Errorf("asked about %+v, want %+v", r, fresh.asked[i])
		}
	}
}
