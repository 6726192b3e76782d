package native_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
	"stepup/sidecar/protocol/native"
)

// decide is a Decider made of a function.
type decide func(context.Context, access.Request) access.Decision

func (f decide) Decide(ctx context.Context, r access.Request) access.Decision { return f(ctx, r) }

// denied is what the decider of most tests answers.
func denied() access.Decision {
	return access.Decision{ID: "d-1", Revision: "folder@1", Assurance: access.NoAssurance(),
		Reasons: []access.Reason{access.Because(access.NotAllowed)}}
}

// serve starts the door on a real server on loopback.
func serve(t testing.TB, d protocol.Decider, change ...func(*native.Config)) *httptest.Server {
	t.Helper()
	cfg := native.Config{Decider: d}
	for _, c := range change {
		c(&cfg)
	}
	e := protocol.NewEcho(protocol.Config{})
	protocol.Mount(e, native.Name, native.New(cfg).Routes()...)
	srv := httptest.NewServer(document().Witness(t, e))
	t.Cleanup(srv.Close)
	return srv
}

// asked starts the door and gives what it was asked last.
func asked(t testing.TB, change ...func(*native.Config)) (*httptest.Server, *[]access.Request) {
	t.Helper()
	var requests []access.Request
	srv := serve(t, decide(func(_ context.Context, r access.Request) access.Decision {
		requests = append(requests, r)
		return denied()
	}), change...)
	return srv, &requests
}

func post(t testing.TB, url, body string) *http.Response {
	t.Helper()
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func read(t testing.TB, resp *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	text, ended := strings.CutSuffix(string(body), "\n")
	if !ended {
		t.Errorf("the answer does not end its line: %q", body)
	}
	return text
}

// problem checks that an answer is a problem document that says no, and returns it.
func problem(t testing.TB, resp *http.Response, status int) protocol.Document {
	t.Helper()
	text := read(t, resp)
	if resp.StatusCode != status {
		t.Fatalf("status %d, want %d: %s", resp.StatusCode, status, text)
	}
	if got := resp.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type %q, want application/problem+json", got)
	}
	checkUncached(t, resp)
	checkSchema(t, "Problem", text)
	var doc protocol.Document
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if doc.Status != status {
		t.Errorf("member status %d, want %d", doc.Status, status)
	}
	return doc
}

func checkUncached(t testing.TB, resp *http.Response) {
	t.Helper()
	if got := resp.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q, want no-store", got)
	}
}

const whole = `{"token": "eyJ.a.b", "action": {"name": "GET", "properties": {"n": 12345678901234567890, "f": 1.50}},
 "resource": {"type": "route", "id": "/employees", "properties": {"deep": {"l": [1, null, true, "x", {}]}}},
 "context": {"ticket": "T-1"},
 "request": {"method": "GET", "scheme": "https", "host": "intranet.fabrikam.example", "path": "/employees/7",
   "segments": ["employees", "7"], "query": {"q": ["a", "b"]},
   "headers": {"Accept": ["text/html"], "Cookie": ["secret=1"], "X-Request-Id": []}, "client_ip": "203.0.113.7"}}`

func TestRequestIsReadWhole(t *testing.T) {
	srv, requests := asked(t, func(c *native.Config) { c.Forward = []string{"accept", "x-request-id"} })
	if resp := post(t, srv.URL+"/v1/decision", whole); resp.StatusCode != 200 {
		t.Fatalf("status %d: %s", resp.StatusCode, read(t, resp))
	}
	want := access.Request{
		Door:       "native",
		Credential: access.NewCredential("eyJ.a.b"),
		Action:     access.Action{Name: "GET", Properties: access.Object{"n": json.Number("12345678901234567890"), "f": json.Number("1.50")}},
		Resource: access.Resource{Type: "route", ID: "/employees", Properties: access.Object{
			"deep": access.Object{"l": []any{json.Number("1"), nil, true, "x", access.Object{}}}}},
		Context: access.Object{"ticket": "T-1"},
		HTTP: &access.HTTPRequest{Method: "GET", Scheme: "https", Host: "intranet.fabrikam.example", Path: "/employees/7",
			Segments: []string{"employees", "7"}, Query: map[string][]string{"q": {"a", "b"}},
			Headers: map[string][]string{"accept": {"text/html"}, "x-request-id": {}}, ClientIP: "203.0.113.7",
			Arrived: []string{"accept", "cookie", "x-request-id"}},
	}
	if diff := cmp.Diff([]access.Request{want}, *requests, sameCredential); diff != "" {
		t.Errorf("request differs (-want +got):\n%s", diff)
	}
}

func manyHeaders(n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf(`"x-%d":[]`, i)
	}
	return strings.Join(names, ",")
}

var sameCredential = cmp.Comparer(func(a, b access.Credential) bool { return a == b })

func TestAccepted(t *testing.T) {
	q := func(more string) string {
		return `{"action":{"name":"GET"},"resource":{"type":"r","id":"i"}` + more + `}`
	}
	rows := []struct {
		name, body string
		check      func(access.Request) bool
	}{
		{"no token", q(``), func(r access.Request) bool { return !r.Credential.Presented() }},
		{"a token that is none, for the verifier to refuse", q(`,"token":"x"`), func(r access.Request) bool { return r.Credential.Reveal() == "x" }},
		{"no request", q(``), func(r access.Request) bool { return r.HTTP == nil }},
		{"an empty request is none", q(`,"request":{}`), func(r access.Request) bool { return r.HTTP == nil }},
		{"an empty context", q(`,"context":{}`), func(r access.Request) bool { return r.Context != nil && len(r.Context) == 0 }},
		{"null inside a free object", q(`,"context":{"a":null,"b":[null]}`), func(r access.Request) bool { v, ok := r.Context["a"]; return ok && v == nil }},
		{"segments come from the path", q(`,"request":{"path":"/a/b"}`), func(r access.Request) bool { return cmp.Equal(r.HTTP.Segments, []string{"a", "b"}) }},
		{"the root has no segments", q(`,"request":{"path":"/","segments":[]}`), func(r access.Request) bool { return len(r.HTTP.Segments) == 0 }},
		{"a slash at the end is an empty segment", q(`,"request":{"path":"/a/","segments":["a",""]}`), func(r access.Request) bool { return len(r.HTTP.Segments) == 2 }},
		{"an escape that is needed", q(`,"request":{"path":"/a%20b%C3%A9"}`), func(r access.Request) bool { return r.HTTP.Path == "/a%20b%C3%A9" }},
		{"no header is forwarded unless listed", q(`,"request":{"headers":{"cookie":["a"]}}`), func(r access.Request) bool { return len(r.HTTP.Headers) == 0 }},
		{"an IPv6 address", q(`,"request":{"client_ip":"2001:db8::1"}`), func(r access.Request) bool { return r.HTTP.ClientIP == "2001:db8::1" }},
		{"escaped names are the names they spell", `{"\u0061ction":{"name":"GET"},"resource":{"type":"r","id":"i"}}`, func(r access.Request) bool { return r.Action.Name == "GET" }},
		{"a surrogate pair", q(`,"context":{"a":"\ud83d\ude00"}`), func(r access.Request) bool { return r.Context["a"] == "😀" }},
		{"numbers at the edge of a double", q(`,"context":{"a":[1.7976931348623157e308,5e-324,-0,0e999]}`), func(r access.Request) bool { return len(r.Context["a"].([]any)) == 4 }},
		{"32 levels", q(`,"context":{"a":` + strings.Repeat("[", 30) + strings.Repeat("]", 30) + `}`), func(r access.Request) bool { return true }},
		{"white space around", " \r\n\t" + q(``) + "\n", func(r access.Request) bool { return true }},
		{"names that differ in case inside a free object", q(`,"context":{"a":1,"A":2}`), func(r access.Request) bool { return len(r.Context) == 2 }},
	}
	srv, requests := asked(t)
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			*requests = nil
			resp := post(t, srv.URL+"/v1/decision", row.body)
			if resp.StatusCode != 200 {
				t.Fatalf("%s: status %d: %s", row.body, resp.StatusCode, read(t, resp))
			}
			if !row.check((*requests)[0]) {
				t.Errorf("%s: asked %+v", row.body, (*requests)[0])
			}
		})
	}
}

const secret = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"

// malformed is what must be refused with 400 and be explained so. In a body, A and R
// stand for a good action and resource, and S for a token.
var malformed = []struct{ name, body, detail string }{
	// not one JSON object
	{"nothing", ``, "the body is empty"},
	{"white space", " \n", "the body is empty"},
	{"null", `null`, "the body must be an object, not null"},
	{"array", `[]`, "the body must be an object, not an array"},
	{"string", `"x"`, "the body must be an object, not a string"},
	{"number", `1`, "the body must be an object, not a number"},
	{"boolean", `true`, "the body must be an object, not a boolean"},
	{"two objects", `{A,R}{A,R}`, "the body must end after its first JSON value"},
	{"text after the object", `{A,R} x`, "the body must end after its first JSON value"},
	{"comma after the object", `{A,R},`, "the body must end after its first JSON value"},
	{"null byte after the object", "{A,R}\x00", "the body must end after its first JSON value"},
	{"brace after the object", `{A,R}}`, "the body must end after its first JSON value"},
	{"cut off", `{A,R`, "the body ends too early"},
	{"cut off in a string", `{A,R,"token":"S`, "the body ends too early"},
	{"cut off in an array", `{A,R,"context":{"a":[1`, "the body ends too early"},
	{"cut off after a name", `{A,R,"token"`, "the body ends too early"},
	// not JSON
	{"byte order mark", "\ufeff{A,R}", "not valid JSON at byte 0"},
	{"UTF-16", "{\x00}\x00", "not valid JSON at byte 1"},
	{"comment", `{A,R/*x*/}`, "not valid JSON"},
	{"line comment", "{A,R}//", "must end after"},
	{"comma at the end", `{A,R,}`, "not valid JSON"},
	{"comma at the beginning", `{,A,R}`, "not valid JSON"},
	{"two commas", `{A,,R}`, "not valid JSON"},
	{"no comma", `{A R}`, "not valid JSON"},
	{"no colon", `{"action" {"name":"GET"},R}`, "not valid JSON"},
	{"equals sign", `{"action"={"name":"GET"},R}`, "not valid JSON"},
	{"single quotes", `{'action':{},R}`, "not valid JSON"},
	{"name without quotes", `{action:{},R}`, "not valid JSON"},
	{"name is a number", `{1:2}`, "not valid JSON"},
	{"array closed by a brace", `{A,R,"context":{"a":[1}}`, "not valid JSON"},
	{"comma at the end of an array", `{A,R,"context":{"a":[1,]}}`, "not valid JSON"},
	{"control character in a string", "{A,R,\"context\":{\"a\":\"\n\"}}", "not valid JSON"},
	{"tab in a string", "{A,R,\"context\":{\"a\":\"\t\"}}", "not valid JSON"},
	{"unknown escape", `{A,R,"context":{"a":"\x41"}}`, "not valid JSON"},
	{"short unicode escape", `{A,R,"context":{"a":"\u12"}}`, "not valid JSON"},
	{"invalid UTF-8", "{A,R,\"context\":{\"a\":\"\xff\"}}", "not valid JSON"},
	{"overlong UTF-8", "{A,R,\"context\":{\"a\":\"\xc0\xaf\"}}", "not valid JSON"},
	{"surrogate in UTF-8", "{A,R,\"context\":{\"a\":\"\xed\xa0\x80\"}}", "not valid JSON"},
	{"invalid UTF-8 in a name", "{A,R,\"context\":{\"\xff\":1}}", "not valid JSON"},
	{"lone high surrogate", `{A,R,"context":{"a":"\ud800"}}`, "not valid JSON"},
	{"lone low surrogate", `{A,R,"context":{"a":"\udc00"}}`, "not valid JSON"},
	{"surrogates in the wrong order", `{A,R,"context":{"a":"\udc00\ud800"}}`, "not valid JSON"},
	{"lone surrogate in a name", `{A,R,"context":{"\ud800":1}}`, "not valid JSON"},
	{"leading zero", `{A,R,"context":{"a":01}}`, "not valid JSON"},
	{"plus sign", `{A,R,"context":{"a":+1}}`, "not valid JSON"},
	{"no digit before the point", `{A,R,"context":{"a":.5}}`, "not valid JSON"},
	{"no digit after the point", `{A,R,"context":{"a":1.}}`, "not valid JSON"},
	{"no digit in the exponent", `{A,R,"context":{"a":1e}}`, "not valid JSON"},
	{"hexadecimal", `{A,R,"context":{"a":0x1}}`, "not valid JSON"},
	{"NaN", `{A,R,"context":{"a":NaN}}`, "not valid JSON"},
	{"Infinity", `{A,R,"context":{"a":-Infinity}}`, "not valid JSON"},
	{"True", `{A,R,"context":{"a":True}}`, "not valid JSON"},
	{"half a literal", `{A,R,"context":{"a":tru}}`, "not valid JSON"},
	// numbers that a double cannot hold
	{"too large", `{A,R,"context":{"a":1e999}}`, "/context/a must be a number within the range of a double"},
	{"header with a line break", `{A,R,"request":{"headers":{"x-a\r\nevil":["x"]}}}`, "/request/headers must have names that are tokens"},
	{"header with a space", `{A,R,"request":{"headers":{"x a":["x"]}}}`, "/request/headers must have names that are tokens"},
	{"header that folds to another", `{A,R,"request":{"headers":{"x-\u212a":["x"]}}}`, "/request/headers must have names that are tokens"},
	{"header with a long name", `{A,R,"request":{"headers":{"` + strings.Repeat("x", 129) + `":[]}}}`, "/request/headers must have names that are tokens"},
	{"too many headers", `{A,R,"request":{"headers":{` + manyHeaders(129) + `}}}`, "/request/headers must have at most 128 names"},
	{"resource id too long", `{A,"resource":{"type":"r","id":"` + strings.Repeat("x", 8193) + `"}}`, "/resource/id must be at most 8192 bytes long"},
	{"too long", `{A,R,"context":{"a":1.` + strings.Repeat("9", 63) + `}}`, "/context/a must be a number of at most 64 characters"},
	{"zero with an exponent out of range", `{A,R,"context":{"a":0e99999999999999999999}}`, "/context/a must be a number within the range of a double"},
	{"too large, negative, in an array", `{A,R,"context":{"a":[0,-1e309]}}`, "/context/a/1 must be a number within the range of a double"},
	{"too small", `{A,R,"context":{"a":1e-999}}`, "/context/a must be a number that a double can tell from zero"},
	{"too many digits", `{A,R,"context":{"a":` + strings.Repeat("9", 400) + `}}`, "/context/a must be a number of at most 64 characters"},
	// names
	{"duplicate", `{A,R,"action":{"name":"PUT"}}`, "/action is given twice"},
	{"duplicate token", `{A,R,"token":"S","token":"S"}`, "/token is given twice"},
	{"duplicate in a member", `{"action":{"name":"GET","name":"PUT"},R}`, "/action/name is given twice"},
	{"duplicate, spelt with an escape", `{"action":{"name":"GET","n\u0061me":"PUT"},R}`, "/action/name is given twice"},
	{"duplicate, deep in a free object", `{A,R,"context":{"a":[{"b":1,"b":2}]}}`, "/context/a/0/b is given twice"},
	{"duplicate of the same value", `{A,R,"context":{"a":1,"a":1}}`, "/context/a is given twice"},
	{"duplicate in properties", `{"action":{"name":"x","properties":{"k":1,"k":2}},R}`, "/action/properties/k is given twice"},
	{"wrong case", `{A,R,"Token":"S"}`, `/Token is not a known member: did you mean "token"?`},
	{"wrong case inside", `{"action":{"Name":"GET"},R}`, `/action/Name is not a known member: did you mean "name"?`},
	{"misspelt", `{A,R,"tokn":"S"}`, `/tokn is not a known member: did you mean "token"?`},
	{"unknown", `{A,R,"options":{}}`, `/options is not a known member: leave it out`},
	{"unknown in resource", `{A,"resource":{"type":"r","id":"i","owner":"x"}}`, `/resource/owner is not a known member`},
	{"unknown in request", `{A,R,"request":{"body":"x"}}`, `/request/body is not a known member`},
	{"empty name", `{A,R,"":1}`, `/ is not a known member`},
	{"name with a slash", `{A,R,"a/b":1}`, `/a~1b is not a known member`},
	{"token as a name", `{A,R,"S":1}`, `/… is not a known member: leave it out`},
	// members that are not taken
	{"subject", `{A,R,"subject":{"type":"user","id":"alice"}}`, "/subject is not taken from the request: the subject comes from the token"},
	{"id_token alone", `{A,R,"id_token":"S"}`, "/token is required"},
	{"id_token null", `{A,R,"token":"S","id_token":null}`, "/id_token must be a string"},
	{"dpop", `{A,R,"dpop":{"proof":"S"}}`, "/dpop is not supported yet"},
	{"requests", `{A,R,"requests":[]}`, "/v1/decisions"},
	// kinds
	{"token null", `{A,R,"token":null}`, "/token must be a string, not null"},
	{"token number", `{A,R,"token":1}`, "/token must be a string, not a number"},
	{"token array", `{A,R,"token":["S"]}`, "/token must be a string, not an array"},
	{"token object", `{A,R,"token":{"value":"S"}}`, "/token must be a string, not an object"},
	{"token empty", `{A,R,"token":""}`, "/token must not be empty"},
	{"action string", `{"action":"GET",R}`, "/action must be an object, not a string"},
	{"action null", `{"action":null,R}`, "/action must be an object, not null"},
	{"action array", `{"action":[{"name":"GET"}],R}`, "/action must be an object, not an array"},
	{"action name boolean", `{"action":{"name":true},R}`, "/action/name must be a string, not a boolean"},
	{"action name null", `{"action":{"name":null},R}`, "/action/name must be a string, not null"},
	{"action properties array", `{"action":{"name":"x","properties":[]},R}`, "/action/properties must be an object, not an array"},
	{"action properties null", `{"action":{"name":"x","properties":null},R}`, "/action/properties must be an object, not null"},
	{"resource string", `{A,"resource":"/employees"}`, "/resource must be an object, not a string"},
	{"resource id number", `{A,"resource":{"type":"r","id":7}}`, "/resource/id must be a string, not a number"},
	{"context array", `{A,R,"context":[]}`, "/context must be an object, not an array"},
	{"context null", `{A,R,"context":null}`, "/context must be an object, not null"},
	{"context string", `{A,R,"context":"x"}`, "/context must be an object, not a string"},
	{"request null", `{A,R,"request":null}`, "/request must be an object, not null"},
	{"request array", `{A,R,"request":[]}`, "/request must be an object, not an array"},
	{"segments string", `{A,R,"request":{"path":"/a","segments":"a"}}`, "/request/segments must be an array, not a string"},
	{"segments of numbers", `{A,R,"request":{"path":"/1","segments":[1]}}`, "/request/segments/0 must be a string, not a number"},
	{"query value string", `{A,R,"request":{"query":{"q":"a"}}}`, "/request/query/q must be an array, not a string"},
	{"query value null", `{A,R,"request":{"query":{"q":[null]}}}`, "/request/query/q/0 must be a string, not null"},
	{"headers array", `{A,R,"request":{"headers":[]}}`, "/request/headers must be an object, not an array"},
	// what is required
	{"empty object", `{}`, "/action is required"},
	{"no action", `{R}`, "/action is required"},
	{"no action name", `{"action":{},R}`, "/action/name is required"},
	{"empty action name", `{"action":{"name":""},R}`, "/action/name must not be empty"},
	{"no resource", `{A}`, "/resource is required"},
	{"no resource type", `{A,"resource":{"id":"i"}}`, "/resource/type is required"},
	{"no resource id", `{A,"resource":{"type":"r"}}`, "/resource/id is required"},
	{"empty resource id", `{A,"resource":{"type":"r","id":""}}`, "/resource/id must not be empty"},
	{"empty resource type", `{A,"resource":{"type":"","id":"i"}}`, "/resource/type must not be empty"},
	// the HTTP request
	{"empty path", `{A,R,"request":{"path":""}}`, "/request/path must begin with a slash"},
	{"relative path", `{A,R,"request":{"path":"employees"}}`, "/request/path must begin with a slash"},
	{"URL for a path", `{A,R,"request":{"path":"https://a.example/x"}}`, "/request/path must begin with a slash"},
	{"path with a query", `{A,R,"request":{"path":"/a?b"}}`, "/request/path must be a path alone"},
	{"path with a fragment", `{A,R,"request":{"path":"/a#b"}}`, "/request/path must be a path alone"},
	{"path with a backslash", `{A,R,"request":{"path":"/a\\b"}}`, "/request/path must be a path alone"},
	{"path with a control", `{A,R,"request":{"path":"/a\u0000"}}`, "/request/path must be a path alone"},
	{"path with dots", `{A,R,"request":{"path":"/public/../employees"}}`, "/request/path must not have the segments . and .."},
	{"path ending in a dot", `{A,R,"request":{"path":"/a/."}}`, "/request/path must not have the segments . and .."},
	{"path with encoded dots", `{A,R,"request":{"path":"/public/%2e%2e/employees"}}`, "/request/path must be percent-encoded"},
	{"path with an encoded letter", `{A,R,"request":{"path":"/%65mployees"}}`, "/request/path must be percent-encoded"},
	{"path with an encoded slash", `{A,R,"request":{"path":"/a%2Fb"}}`, "/request/path must be percent-encoded"},
	{"path with an encoded backslash", `{A,R,"request":{"path":"/a%5cb"}}`, "/request/path must be percent-encoded"},
	{"path with an encoded null", `{A,R,"request":{"path":"/a%00"}}`, "/request/path must be percent-encoded"},
	{"path encoded twice", `{A,R,"request":{"path":"/a%252Fb"}}`, "/request/path must be percent-encoded"},
	{"path with half an escape", `{A,R,"request":{"path":"/100%"}}`, "/request/path must be percent-encoded"},
	{"path with two slashes", `{A,R,"request":{"path":"//employees"}}`, "/request/path must not have empty segments"},
	{"segments of another path", `{A,R,"request":{"path":"/employees","segments":["customers"]}}`, "/request must have segments that are those of its path"},
	{"segments before another path", `{A,R,"request":{"segments":["customers"],"path":"/employees"}}`, "/request must have segments that are those of its path"},
	{"segments without a path", `{A,R,"request":{"segments":["customers"]}}`, "/request must have segments that are those of its path"},
	{"fewer segments", `{A,R,"request":{"path":"/a/b","segments":["a"]}}`, "/request must have segments that are those of its path"},
	{"no segments of a path that has some", `{A,R,"request":{"path":"/a","segments":[]}}`, "/request must have segments that are those of its path"},
	{"empty method", `{A,R,"request":{"method":""}}`, "/request/method must not be empty"},
	{"a header twice", `{A,R,"request":{"headers":{"Accept":["a"],"accept":["b"]}}}`, "/request/headers must not have two names that differ in case only"},
	{"client_ip with a port", `{A,R,"request":{"client_ip":"203.0.113.7:1"}}`, "/request/client_ip must be an IP address"},
	{"client_ip with a zone", `{A,R,"request":{"client_ip":"fe80::1%eth0"}}`, "/request/client_ip must be an IP address"},
	{"client_ip empty", `{A,R,"request":{"client_ip":""}}`, "/request/client_ip must be an IP address"},
	// depth
	{"33 levels", `{A,R,"context":{"a":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}}`, "the body is nested too deeply"},
	{"100000 levels", `{A,R,"context":{"a":` + strings.Repeat("[", 100000), "the body is nested too deeply"},
	{"levels of objects", `{A,R,"context":` + strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat("}", 40) + `}`, "the body is nested too deeply"},
}

func body(pattern string) string {
	return strings.NewReplacer(`{A`, `{"action":{"name":"GET"}`, `,R`, `,"resource":{"type":"r","id":"i"}`, `{R`, `{"resource":{"type":"r","id":"i"}`,
		` R}`, ` "resource":{"type":"r","id":"i"}}`, `,A`, `,"action":{"name":"GET"}`, `"S`, `"`+secret).Replace(pattern)
}

func TestMalformed(t *testing.T) {
	srv, requests := asked(t)
	for _, row := range malformed {
		t.Run(row.name, func(t *testing.T) {
			doc := problem(t, post(t, srv.URL+"/v1/decision", body(row.body)), http.StatusBadRequest)
			if !strings.Contains(doc.Detail, row.detail) {
				t.Errorf("%.200s: detail %q, want %q in it", body(row.body), doc.Detail, row.detail)
			}
			if len(doc.Reasons) != 1 || doc.Reasons[0].Code != "request_malformed" {
				t.Errorf("reasons %+v, want request_malformed", doc.Reasons)
			}
			checkTellsNoToken(t, doc)
		})
	}
	if len(*requests) != 0 {
		t.Errorf("%d malformed requests were asked about", len(*requests))
	}
}

func checkTellsNoToken(t *testing.T, doc protocol.Document) {
	t.Helper()
	for i := 0; i+8 <= len(secret); i++ {
		if part := secret[i : i+8]; strings.Contains(doc.Detail, part) {
			t.Fatalf("detail %q has %q of the token", doc.Detail, part)
		}
	}
}

// What is wrong beside the token is told without it, wherever the fault stands.
func TestProblemsTellNoToken(t *testing.T) {
	srv, _ := asked(t)
	for _, body := range []string{
		`{"token":"` + secret + `\ud800"}`, `{"token":"` + secret, `{"token":` + secret + `}`,
		`{"` + secret + `":1,"` + secret + `":2}`, `{"context":{"` + secret + `":1e999}}`, secret, `"` + secret + `"`,
		`{"action":{"name":"x"},"resource":{"type":"r","id":"i"}} ` + secret,
	} {
		checkTellsNoToken(t, problem(t, post(t, srv.URL+"/v1/decision", body), http.StatusBadRequest))
	}
}

func TestTransport(t *testing.T) {
	good := body(`{A,R}`)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte(good))
	_ = z.Close()
	header := func(pairs ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			h.Add(pairs[i], pairs[i+1])
		}
		return h
	}
	isJSON := header("Content-Type", "application/json")
	const limit = 4096
	fill := func(n int) string { return good + strings.Repeat(" ", n-len(good)) }
	rows := []struct {
		name, method, path string
		header             http.Header
		body               io.Reader
		status             int
		detail             string
		answers            http.Header
	}{
		{"GET", "GET", "/v1/decision", nil, nil, 405, "POST", header("Allow", "POST")},
		{"HEAD", "HEAD", "/v1/decision", nil, nil, 405, "", header("Allow", "POST")},
		{"OPTIONS", "OPTIONS", "/v1/decision", nil, nil, 405, "POST", header("Allow", "POST")},
		{"PUT", "PUT", "/v1/decision", isJSON, strings.NewReader(good), 405, "POST", header("Allow", "POST")},
		{"a method nobody knows", "STEPUP", "/v1/decision", isJSON, strings.NewReader(good), 405, "POST", header("Allow", "POST")},
		{"method override is not obeyed", "GET", "/v1/decision", header("X-HTTP-Method-Override", "POST"), nil, 405, "POST", nil},
		{"GET of a batch", "GET", "/v1/decisions", nil, nil, 405, "POST", header("Allow", "POST")},
		{"POST to the document", "POST", "/openapi.yaml", isJSON, strings.NewReader(good), 405, "GET", header("Allow", "GET")},
		{"HEAD of the document", "HEAD", "/openapi.yaml", nil, nil, 405, "", header("Allow", "GET")},
		{"unknown path", "POST", "/v1/decide", isJSON, strings.NewReader(good), 404, "nothing at this path", nil},
		{"root", "GET", "/", nil, nil, 404, "", nil},
		{"slash at the end", "POST", "/v1/decision/", isJSON, strings.NewReader(good), 404, "", nil},
		{"path in another case", "POST", "/V1/decision", isJSON, strings.NewReader(good), 404, "", nil},
		{"path with an escape", "POST", "/v1/decisio%6e", isJSON, strings.NewReader(good), 404, "", nil},
		{"path with dots", "POST", "/v1/x/../decision", isJSON, strings.NewReader(good), 404, "", nil},
		{"not there yet", "GET", "/v1/requirements", nil, nil, 404, "", nil},
		{"parameters of the media type", "POST", "/v1/decision", header("Content-Type", "Application/JSON; charset=utf-8"), strings.NewReader(good), 200, "", nil},
		{"no media type", "POST", "/v1/decision", nil, strings.NewReader(good), 415, "application/json", header("Accept", "application/json")},
		{"form", "POST", "/v1/decision", header("Content-Type", "application/x-www-form-urlencoded"), strings.NewReader(good), 415, "application/json", nil},
		{"text", "POST", "/v1/decision", header("Content-Type", "text/json"), strings.NewReader(good), 415, "application/json", nil},
		{"another JSON", "POST", "/v1/decision", header("Content-Type", "application/jwt+json"), strings.NewReader(good), 415, "application/json", nil},
		{"two media types", "POST", "/v1/decision", header("Content-Type", "application/json", "Content-Type", "text/plain"), strings.NewReader(good), 415, "once", nil},
		{"two in one field", "POST", "/v1/decision", header("Content-Type", "application/json, text/plain"), strings.NewReader(good), 415, "application/json", nil},
		{"gzip", "POST", "/v1/decision", header("Content-Type", "application/json", "Content-Encoding", "gzip"), &zipped, 415, "Content-Encoding", header("Accept-Encoding", "identity")},
		{"unknown coding", "POST", "/v1/decision", header("Content-Type", "application/json", "Content-Encoding", "x"), strings.NewReader(good), 415, "", nil},
		{"coded as nothing", "POST", "/v1/decision", header("Content-Type", "application/json", "Content-Encoding", "identity"), strings.NewReader(good), 200, "", nil},
		{"as large as allowed", "POST", "/v1/decision", isJSON, strings.NewReader(fill(limit)), 200, "", nil},
		{"one byte more", "POST", "/v1/decision", isJSON, strings.NewReader(fill(limit + 1)), 413, "4096 bytes", nil},
		{"as large as allowed, in chunks", "POST", "/v1/decision", isJSON, io.MultiReader(strings.NewReader(fill(limit))), 200, "", nil},
		{"one byte more, in chunks", "POST", "/v1/decision", isJSON, io.MultiReader(strings.NewReader(fill(limit + 1))), 413, "4096 bytes", nil},
		{"a batch that is too large", "POST", "/v1/decisions", isJSON, strings.NewReader(fill(limit + 1)), 413, "4096 bytes", nil},
		{"no body", "POST", "/v1/decision", isJSON, nil, 400, "empty", nil},
		{"the caller's own authorization is no token", "POST", "/v1/decision", header("Content-Type", "application/json", "Authorization", "Bearer "+secret), strings.NewReader(good), 200, "", nil},
	}
	srv, requests := asked(t, func(c *native.Config) { c.Body = limit })
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), row.method, srv.URL+row.path, row.body)
			if err != nil {
				t.Fatal(err)
			}
			if row.header != nil {
				req.Header = row.header.Clone()
			}
			resp, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			for name, want := range row.answers {
				if diff := cmp.Diff(want, resp.Header.Values(name)); diff != "" {
					t.Errorf("%s differs (-want +got):\n%s", name, diff)
				}
			}
			checkUncached(t, resp)
			switch {
			case row.status == 200 || row.method == "HEAD":
				if resp.StatusCode != row.status {
					t.Errorf("status %d, want %d: %s", resp.StatusCode, row.status, read(t, resp))
				}
			default:
				if doc := problem(t, resp, row.status); !strings.Contains(doc.Detail, row.detail) {
					t.Errorf("detail %q, want %q in it", doc.Detail, row.detail)
				}
			}
		})
	}
	for _, r := range *requests {
		if r.Credential.Presented() {
			t.Error("a header of the caller became the credential")
		}
	}
}
