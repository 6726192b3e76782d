package authzen

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
)

// An endpoint is one path of the specification with a question that is answered there.
type endpoint struct {
	method, path, question string
	required               []string // the members without which there is no question, by their pointers
}

const (
	aSubject  = `"subject":{"type":"user","id":"alice"}`
	anAction  = `"action":{"name":"read"}`
	aResource = `"resource":{"type":"record","id":"1"}`
)

var (
	ofSubject  = []string{"/subject", "/subject/type", "/subject/id"}
	ofAction   = []string{"/action", "/action/name"}
	ofResource = []string{"/resource", "/resource/type", "/resource/id"}
)

// endpoints are all paths: the five that take a question, and the metadata.
func endpoints() []endpoint {
	one := `{` + aSubject + `,` + anAction + `,` + aResource + `}`
	all := slices.Concat(ofSubject, ofAction, ofResource)
	return []endpoint{
		{http.MethodPost, pathEvaluation, one, all},
		{http.MethodPost, pathEvaluations, one, all},
		{http.MethodPost, pathSearchSubject, `{"subject":{"type":"user"},` + anAction + `,` + aResource + `}`, slices.Concat(ofSubject[:2], ofAction, ofResource)},
		{http.MethodPost, pathSearchResource, `{` + aSubject + `,` + anAction + `,"resource":{"type":"record"}}`, slices.Concat(ofSubject, ofAction, ofResource[:2])},
		{http.MethodPost, pathSearchAction, `{` + aSubject + `,` + aResource + `}`, slices.Concat(ofSubject, ofResource)},
		{http.MethodGet, pathMetadata, "", nil},
	}
}

func (e endpoint) asks() bool   { return e.method == http.MethodPost }
func (e endpoint) search() bool { return strings.HasPrefix(e.path, "/access/v1/search/") }

// answers is a decider made of a function.
type answers func() access.Decision

func (f answers) Decide(context.Context, access.Request) access.Decision { return f() }

func permitted() access.Decision { return access.Decision{Outcome: access.Allow, ID: "id"} }

// fault is a decider that can decide nothing, for a reason of the table of codes.
func fault(code access.Code) answers {
	return func() access.Decision {
		return access.Decision{ID: "id", Reasons: []access.Reason{access.Because(code)}, Outcome: access.Indeterminate}
	}
}

// callers know one who may ask here, and one who may ask elsewhere.
const (
	ourKey   = "the key of one who may ask at authzen"
	otherKey = "the key of one who may ask elsewhere"
)

func knownCallers(t *testing.T) *protocol.Callers {
	t.Helper()
	var list []protocol.Caller
	for key, door := range map[string]string{ourKey: Name, otherKey: "native"} {
		digest := sha256.Sum256([]byte(key))
		list = append(list, protocol.Caller{Name: door, Key: &digest, Doors: []string{door}})
	}
	callers, err := protocol.NewCallers(list)
	if err != nil {
		t.Fatal(err)
	}
	return callers
}

// everything is listed that can be searched.
func everything(context.Context) (access.Entities, bool, error) {
	return access.Entities{
		Subjects: map[string][]string{"user": {"alice"}}, Resources: map[string][]string{"record": {"1"}}, Actions: []string{"read"},
	}, true, nil
}

// A state is the sidecar that is asked; the zero value answers everything.
type state struct {
	decider  answers
	entities func(context.Context) (access.Entities, bool, error)
	callers  bool // only known ones may ask
	full     bool // all places are taken
}

func (s state) serve(t *testing.T) string {
	t.Helper()
	if s.decider == nil {
		s.decider = permitted
	}
	if s.entities == nil {
		s.entities = everything
	}
	shared := protocol.Config{Tellers: Tellers()}
	if s.callers {
		shared.Callers = knownCallers(t)
	}
	if s.full {
		shared.Places = protocol.NewPlaces(1, nil)
		leave, err := shared.Places.Take()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(leave)
	}
	e := protocol.NewEcho(shared)
	protocol.Mount(e, Name, New(Config{Decider: s.decider, Entities: s.entities, Body: 4096, Batch: 3}).Routes()...)
	srv := httptest.NewServer(document().Witness(t, e))
	t.Cleanup(srv.Close)
	return srv.URL
}

// An asking is one request, and how it differs from one that is answered.
type asking struct {
	method, body string
	header       http.Header
	host         string
}

// An errorRow is one condition of the specification's table of errors (section on transport),
// with the status by which it is told.
type errorRow struct {
	condition string
	in        state
	change    func(endpoint, *asking)
	at        func(endpoint) bool // nil: everywhere
	status    int
	fields    map[string]string // what else stands in the head of the answer
}

func body(text string) func(endpoint, *asking) {
	return func(_ endpoint, a *asking) { a.body = text }
}

func field(name string, values ...string) func(endpoint, *asking) {
	return func(_ endpoint, a *asking) { a.header[http.CanonicalHeaderKey(name)] = values }
}

func method(name string) func(endpoint, *asking) {
	return func(_ endpoint, a *asking) { a.method, a.body = name, "" }
}

func asks(e endpoint) bool      { return e.asks() }
func describes(e endpoint) bool { return !e.asks() }
func looks(e endpoint) bool     { return e.search() }
func lists(e endpoint) bool     { return e.search() || !e.asks() }

// errorRows are the table.
func errorRows() []errorRow {
	bearer := func(key string) func(endpoint, *asking) { return field("Authorization", "Bearer "+key) }
	rows := []errorRow{
		{condition: "not JSON", change: body(`{"subject":`), at: asks, status: 400},
		{condition: "not UTF-8", change: body("{\"subject\":\"\xff\"}"), at: asks, status: 400},
		{condition: "an empty body", change: body(``), at: asks, status: 400},
		{condition: "more after the end", change: func(e endpoint, a *asking) { a.body += "{}" }, at: asks, status: 400},
		{condition: "the top level is an array", change: body(`[]`), at: asks, status: 400},
		{condition: "the top level is null", change: body(`null`), at: asks, status: 400},
		{condition: "the top level is a text", change: body(`"alice"`), at: asks, status: 400},
		{condition: "a name twice", change: func(e endpoint, a *asking) { a.body = `{"x":1,"x":2,` + a.body[1:] }, at: asks, status: 400},
		{condition: "the context is no object", change: func(e endpoint, a *asking) { a.body = `{"context":[],` + a.body[1:] }, at: asks, status: 400},
		{condition: "a token in the wrong place", change: func(e endpoint, a *asking) { a.body = `{"token":"x",` + a.body[1:] }, at: asks, status: 400},
		{condition: "the token's header twice", change: field("X-Subject-Token", "a", "b"), at: asks, status: 400},
		{condition: "no content type", change: field("Content-Type"), at: asks, status: 400, fields: map[string]string{"Accept": "application/json"}},
		{condition: "another content type", change: field("Content-Type", "text/plain"), at: asks, status: 400, fields: map[string]string{"Accept": "application/json"}},
		{condition: "two content types", change: field("Content-Type", "application/json", "application/json"), at: asks, status: 400, fields: map[string]string{"Accept": "application/json"}},
		{condition: "a compressed body", change: field("Content-Encoding", "gzip"), at: asks, status: 400, fields: map[string]string{"Accept-Encoding": "identity"}},
		{condition: "a host that is none", change: func(_ endpoint, a *asking) { a.host = `evil.example/"x` }, at: describes, status: 400},
		{condition: "GET with a body", change: body(`{}`), at: describes, status: 400},
		{condition: "the decision is about another subject than its token's", in: state{decider: fault(access.SubjectMismatch)}, at: asks, status: 400},

		{condition: "a caller who shows nothing", in: state{callers: true}, status: 401, fields: map[string]string{"WWW-Authenticate": `Bearer realm="stepup callers"`}},
		{condition: "a caller with an unknown key", in: state{callers: true}, change: bearer(strings.Repeat("x", 40)), status: 401, fields: map[string]string{"WWW-Authenticate": `Bearer realm="stepup callers"`}},
		{condition: "a caller whose door is another", in: state{callers: true}, change: bearer(otherKey), status: 403},
		{condition: "a malformed question of an unknown caller", in: state{callers: true}, change: body(`{`), at: asks, status: 401, fields: map[string]string{"WWW-Authenticate": `Bearer realm="stepup callers"`}},

		{condition: "a search that nothing is listed for", in: state{entities: func(context.Context) (access.Entities, bool, error) { return access.Entities{}, false, nil }}, at: looks, status: 404},
		{condition: "a search of another kind than is listed", in: state{entities: func(context.Context) (access.Entities, bool, error) { return access.Entities{}, true, nil }}, at: looks, status: 404},

		{condition: "a body beyond limits.body", change: body(`{"x":"` + strings.Repeat("x", 4096) + `"}`), at: asks, status: 413},

		{condition: "a panic inside", in: state{decider: func() access.Decision { panic("inside") }}, at: asks, status: 500},
		{condition: "a decision that is none", in: state{decider: func() access.Decision { return access.Decision{Outcome: 77} }}, at: asks, status: 500},
		{condition: "what can be searched cannot be read", in: state{entities: unreadable(errors.New("inside"))}, at: lists, status: 500},
		{condition: "what can be searched is at fault", in: state{entities: unreadable(&access.Fault{Code: access.PolicyError})}, at: lists, status: 500},
		{condition: "no policy is active, of which it could be read", in: state{entities: unreadable(&access.Fault{Code: access.NotReady})}, at: lists, status: 500},

		{condition: "no place is left", in: state{full: true}, status: 503, fields: map[string]string{"Retry-After": protocol.RetryAfter}},
	}
	for _, name := range []string{http.MethodGet, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions} {
		rows = append(rows, errorRow{condition: name + " in place of POST", change: method(name), at: asks, status: 405, fields: map[string]string{"Allow": "POST"}})
	}
	for _, name := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		rows = append(rows, errorRow{condition: name + " in place of GET", change: method(name), at: describes, status: 405, fields: map[string]string{"Allow": "GET"}})
	}
	// Every code that is no decision: 503 is for overload alone.
	for _, row := range access.Codes() {
		status := row.Status
		if !row.Fault || status < 500 {
			continue
		}
		made := errorRow{condition: "no decision, for " + string(row.Code), in: state{decider: fault(row.Code)}, at: asks, status: 500}
		if row.Code == access.Overloaded {
			made.status, made.fields = 503, map[string]string{"Retry-After": protocol.RetryAfter}
		}
		rows = append(rows, made)
	}
	return rows
}

func unreadable(err error) func(context.Context) (access.Entities, bool, error) {
	return func(context.Context) (access.Entities, bool, error) { return access.Entities{}, false, err }
}

// TestErrors puts each condition of the table to each endpoint: the status, one line of text
// without anything from inside, the id of the request, and no decision.
func TestErrors(t *testing.T) {
	for _, row := range errorRows() {
		t.Run(row.condition, func(t *testing.T) {
			url, put := row.in.serve(t), 0
			for _, e := range endpoints() {
				if row.at != nil && !row.at(e) {
					continue
				}
				a := e.asking()
				if row.change != nil {
					row.change(e, &a)
				}
				answer, text := a.send(t, url+e.path)
				checkError(t, e, answer, text, row.status, row.fields)
				put++
			}
			if put == 0 {
				t.Error("put to no endpoint")
			}
		})
	}
}

// TestWithoutErrors: the same questions are answered where nothing is wrong, also to a caller
// who is known; and HEAD, whose answers have no body, is no method of any endpoint.
func TestWithoutErrors(t *testing.T) {
	open, guarded := state{}.serve(t), state{callers: true}.serve(t)
	for _, e := range endpoints() {
		known, head := e.asking(), e.asking()
		known.header.Set("Authorization", "Bearer "+ourKey)
		head.method, head.body = http.MethodHead, ""
		for what, row := range map[string]struct {
			url    string
			a      asking
			status int
		}{"as it is": {open, e.asking(), 200}, "of a known caller": {guarded, known, 200}, "HEAD": {open, head, 405}} {
			answer, text := row.a.send(t, row.url+e.path)
			if answer.StatusCode != row.status || row.status == 200 && answer.Header.Get("Content-Type") != "application/json" || row.status == 405 && answer.Header.Get("Allow") != e.method {
				t.Errorf("%s %s: answered %d %v %s, want %d", e.path, what, answer.StatusCode, answer.Header, text, row.status)
			}
		}
	}
}

// TestErrorsOfMembers leaves out, empties and mistakes each required member at each endpoint.
func TestErrorsOfMembers(t *testing.T) {
	url := state{}.serve(t)
	for _, e := range endpoints() {
		for _, pointer := range e.required {
			for what, value := range map[string]any{"missing": nil, "a number": 7, "null": nullMember, "a list": []any{}, "empty": ""} {
				a := e.asking()
				a.body = with(t, e.question, pointer, value)
				answer, text := a.send(t, url+e.path)
				checkError(t, e, answer, text, 400, nil)
				if named := strings.Split(pointer, "/")[1]; !strings.Contains(string(text), named) {
					t.Errorf("%s with %s %s: %q does not name it", e.path, pointer, what, text)
				}
			}
		}
	}
}

// TestErrorsOfItems: what is wrong with an item is its own answer, in the words of the table.
func TestErrorsOfItems(t *testing.T) {
	for _, row := range []struct {
		condition string
		decider   answers
		item      string
		status    int
	}{
		{"a required member missing", permitted, `{"resource":{"type":"record"}}`, 400},
		{"no object", permitted, `7`, 400},
		{"about another subject than its token's", fault(access.SubjectMismatch), `{}`, 400},
		{"a fault of the policy", fault(access.PolicyError), `{}`, 500},
		{"keys that cannot be had", fault(access.KeysUnavailable), `{}`, 500},
		{"no policy", fault(access.NotReady), `{}`, 500},
		{"a decision that is none", func() access.Decision { return access.Decision{Outcome: 77} }, `{}`, 500},
		{"past its deadline", fault(access.PolicyTimeout), `{}`, 503},
		{"overload", fault(access.Overloaded), `{}`, 503},
	} {
		t.Run(row.condition, func(t *testing.T) {
			e := endpoints()[1]
			a := e.asking()
			a.body = `{"evaluations":[` + row.item + `],` + a.body[1:]
			answer, text := a.send(t, state{decider: row.decider}.serve(t)+e.path)
			want := fmt.Sprintf(`{"evaluations":[{"decision":false,"context":{"error":{"status":%d,"message":"`, row.status)
			if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "application/json" || !strings.HasPrefix(string(text), want) {
				t.Errorf("answered %d %s\nwant 200 and %s…", answer.StatusCode, text, want)
			}
		})
	}
	e := endpoints()[1]
	for condition, items := range map[string]string{"more than limits.batch": `[{},{},{},{}]`, "no list": `{}`, "null": `null`} {
		a := e.asking()
		a.body = `{"evaluations":` + items + `,` + a.body[1:]
		answer, text := a.send(t, state{}.serve(t)+e.path)
		if checkError(t, e, answer, text, 400, nil); t.Failed() {
			t.Fatalf("items: %s", condition)
		}
	}
}

// TestRequestID: it comes back as it was sent, from answers and from errors, at every
// endpoint; what is no id is dropped, and none is made up.
func TestRequestID(t *testing.T) {
	open, full := state{}.serve(t), state{full: true}.serve(t)
	for _, e := range endpoints() {
		for _, row := range []struct {
			sent []string
			want []string
		}{
			{nil, nil},
			{[]string{"a b-c~1"}, []string{"a b-c~1"}},
			{[]string{strings.Repeat("x", 128)}, []string{strings.Repeat("x", 128)}},
			{[]string{strings.Repeat("x", 129)}, nil},
			{[]string{"ä"}, nil},
			{[]string{"a\tb"}, nil},
			{[]string{""}, nil},
			{[]string{"a", "b"}, nil},
		} {
			for url, status := range map[string]int{open: 200, full: 503} {
				a := e.asking()
				a.header["X-Request-Id"] = row.sent
				answer, text := a.send(t, url+e.path)
				if got := answer.Header.Values("X-Request-ID"); answer.StatusCode != status || !slices.Equal(got, row.want) {
					t.Errorf("%s with the ids %q: %d %s with %q, want %d with %q", e.path, row.sent, answer.StatusCode, text, got, status, row.want)
				}
			}
		}
	}
}

// asking is a request that is answered.
func (e endpoint) asking() asking {
	a := asking{method: e.method, body: e.question, header: http.Header{"X-Request-Id": {"id of " + e.path}}}
	if e.asks() {
		a.header.Set("Content-Type", "application/json")
	}
	return a
}

func (a asking) send(t *testing.T, url string) (*http.Response, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), a.method, url, bytes.NewReader([]byte(a.body)))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(request.Header, a.header)
	request.Host = a.host
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, text
}

// checkError holds an answer to being the error of one status, and nothing that could be
// read as a decision.
func checkError(t *testing.T, e endpoint, answer *http.Response, text []byte, status int, fields map[string]string) {
	t.Helper()
	line, ended := strings.CutSuffix(string(text), "\n")
	if answer.StatusCode != status || !strings.EqualFold(answer.Header.Get("Content-Type"), "text/plain; charset=utf-8") {
		t.Errorf("%s answered %d with %q: %s\nwant %d and plain text", e.path, answer.StatusCode, answer.Header.Get("Content-Type"), text, status)
	}
	if !ended || line == "" || strings.ContainsAny(line, "\r\n{") || strings.HasSuffix(line, "inside") {
		t.Errorf("%s answered %q, want one line without anything from inside", e.path, text)
	}
	if got := answer.Header.Get("X-Request-ID"); got != "id of "+e.path {
		t.Errorf("%s answered with X-Request-ID %q", e.path, got)
	}
	if got := answer.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("%s answered with Cache-Control %q", e.path, got)
	}
	for _, name := range []string{"Allow", "Retry-After", "WWW-Authenticate", "Accept", "Accept-Encoding"} {
		if got := answer.Header.Get(name); got != fields[name] {
			t.Errorf("%s answered %d with %s: %q, want %q", e.path, answer.StatusCode, name, got, fields[name])
		}
	}
}

// nullMember stands for a member that is null; nil for one that is not there.
var nullMember = json.RawMessage("null")

// with is a question in which the member at a pointer is another value.
func with(t *testing.T, question, pointer string, value any) string {
	t.Helper()
	var whole map[string]any
	if err := json.Unmarshal([]byte(question), &whole); err != nil {
		t.Fatal(err)
	}
	at, path := whole, strings.Split(pointer, "/")[1:]
	for _, name := range path[:len(path)-1] {
		at = at[name].(map[string]any)
	}
	at[path[len(path)-1]] = value
	if value == nil {
		delete(at, path[len(path)-1])
	}
	text, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
