package opadata_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
	"stepup/sidecar/httpreq"
	"stepup/sidecar/protocol"
	"stepup/sidecar/protocol/opadata"
)

// decide is a Decider made of a function.
type decide func(access.Request) access.Decision

func (f decide) Decide(_ context.Context, r access.Request) access.Decision { return f(r) }

// door is a door on a server on loopback, with what it was asked.
type door struct {
	*testing.T
	url    string
	answer access.Decision
	asked  []access.Request
	health error

	valueFault access.Code // of every further document
}

func allow() access.Decision {
	return access.Decision{ID: "d-1", Outcome: access.Allow, Revision: "folder@1", Assurance: access.NoAssurance(), Headers: map[string]string{"x-stepup-user": "alice"}}
}

// Value implements [protocol.Valuer].
func (d *door) Value(_ context.Context, r access.Request, name string) (access.FurtherDocument, error) {
	d.asked = append(d.asked, r)
	told := access.FurtherDocument{Name: name, ID: "v-1", Revision: "folder@1"}
	if d.valueFault != "" {
		return told, &access.Fault{Code: d.valueFault}
	}
	switch name {
	case "fabrikam.menu":
		told.Value, told.Defined = []any{"a"}, true
	case "fabrikam.web.null":
		told.Defined = true
	}
	return told, nil
}

func newDoor(t *testing.T, routes ...*httpreq.Routes) *door {
	t.Helper()
	return newDoorOf(t, protocol.Config{}, routes...)
}

func newDoorOf(t *testing.T, shared protocol.Config, routes ...*httpreq.Routes) *door {
	t.Helper()
	d := &door{T: t, answer: allow()}
	e := protocol.NewEcho(shared)
	protocol.Mount(e, opadata.Name, opadata.New(opadata.Config{
		Decider: decide(func(r access.Request) access.Decision {
			d.asked = append(d.asked, r)
			return d.answer
		}),
		Package: "fabrikam.web", Health: func(query url.Values) error {
			if query.Has("bundles") {
				return d.health
			}
			return nil
		},
		HealthOf:  func(_ context.Context, path []string) error { return fmt.Errorf("asked about %q", path) },
		Documents: []string{"fabrikam.menu", "fabrikam.web.null", "fabrikam.web.nothing"}, Valuer: d,
		Forward: access.HeaderNames{"accept"}, Body: 4096, Version: "1.2.3",
		Routes: append(routes, nil)[0],
	}).Routes()...)
	srv := httptest.NewServer(document().Witness(t, e))
	t.Cleanup(srv.Close)
	d.url = srv.URL
	return d
}

// send sends one request and returns its answer as text.
func (d *door) send(method, target, body string, header ...string) (int, string) {
	d.Helper()
	req, err := http.NewRequestWithContext(d.Context(), method, d.url+target, strings.NewReader(body))
	if err != nil {
		d.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		d.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSuffix(string(text), "\n")
}

const (
	bare   = `"action":{"name":"GET"},"resource":{"type":"route","id":"/employees"}`
	asking = `{"input":{"token":"a.b.c",` + bare + `}}`
	input  = `{"token":"a.b.c",` + bare + `}`
)

func TestPaths(t *testing.T) {
	d := newDoor(t)
	query := "?input=" + url.QueryEscape(input)
	for _, row := range []struct {
		method, target, body string
		status               int
		want                 string
		decided              bool
	}{
		{"POST", "/v1/data/fabrikam/web/allow", asking, 200, `{"decision_id":"d-1","result":true}`, true},
		{"POST", "/v1/data/fabrikam/web/allow/", asking, 200, `{"decision_id":"d-1","result":true}`, true},
		{"POST", "/v1/data//fabrikam/%77eb/allow", asking, 200, `{"decision_id":"d-1","result":true}`, true},
		{"GET", "/v1/data/fabrikam/web/allow" + query, "", 200, `{"decision_id":"d-1","result":true}`, true},
		{"POST", "/v0/data/fabrikam/web/allow", input, 200, `true`, true},
		{"POST", "/", input, 200, `true`, true},

		// What OPA would call undefined, and so do we.
		{"POST", "/v1/data", asking, 200, `{}`, false},
		{"GET", "/v1/data", "", 200, `{}`, false},
		{"POST", "/v1/data/", asking, 200, `{}`, false},
		{"POST", "/v1/data/fabrikam", asking, 200, `{}`, false},
		{"POST", "/v1/data/fabrikam/web/deny", asking, 200, `{}`, false},
		{"POST", "/v1/data/fabrikam/web/allow/x", asking, 200, `{}`, false},
		{"POST", "/v1/data/fabrikam/web/Allow", asking, 200, `{}`, false},
		{"POST", "/v1/data/fabrikam%2Fweb%2Fallow", asking, 200, `{}`, false},
		{"POST", "/v1/data/fabrikam.web/allow", asking, 200, `{}`, false},
		{"POST", "/v1/data/data/fabrikam/web/allow", asking, 200, `{}`, false},
		{"GET", "/v1/data/stepup/vocabularies", "", 200, `{}`, false},
		{"POST", "/v0/data/fabrikam/web/deny", input, 404, `{"code":"undefined_document","message":"document missing or undefined: /v0/data knows the configured package, its allow and policy.documents"}`, false},

		// What is not here.
		{"PUT", "/v1/data/fabrikam/web/allow", "true", 405, "", false},
		{"PATCH", "/v1/data/fabrikam", "[]", 405, "", false},
		{"DELETE", "/v1/data/fabrikam", "", 405, "", false},
		{"DELETE", "/v1/data", "", 405, "", false},
		{"GET", "/v0/data/fabrikam/web/allow", "", 405, "", false},
		{"GET", "/", "", 405, "", false},
		{"GET", "/v1/policies", "", 404, "", false},
		{"PUT", "/v1/policies/x", "", 404, "", false},
		{"POST", "/v1/query", "", 404, "", false},
		{"POST", "/v1/compile", "", 404, "", false},
		{"POST", "/v1/batch/data/fabrikam/web/allow", `{"inputs":{}}`, 404, "", false},
	} {
		d.asked = nil
		status, got := d.send(row.method, row.target, row.body)
		if status != row.status || row.want != "" && got != row.want || row.decided != (len(d.asked) == 1) {
			t.Errorf("%s %s = %d %s (%d decisions), want %d %s", row.method, row.target, status, got, len(d.asked), row.status, row.want)
		}
		if status != 200 && strings.Contains(got, `"result"`) {
			t.Errorf("%s %s: an error with a result: %s", row.method, row.target, got)
		}
	}
}

// TestFurtherDocuments: a configured document is told as OPA tells one; what kept it from
// being told is an error, never undefined.
func TestFurtherDocuments(t *testing.T) {
	d := newDoor(t)
	for _, row := range []struct {
		path, v1, v0 string
		fault        access.Code
		status       int
	}{
		{"fabrikam/menu", `{"decision_id":"v-1","result":["a"]}`, `["a"]`, "", 200},
		{"/fabrikam//menu/", `{"decision_id":"v-1","result":["a"]}`, `["a"]`, "", 200},
		{"fabrikam/web/null", `{"decision_id":"v-1","result":null}`, `null`, "", 200},
		{"fabrikam/web/nothing", `{"decision_id":"v-1"}`, `{"code":"undefined_document"`, "", 200},
		{"fabrikam/web/nothing", `{"code":"unauthorized"`, `{"code":"unauthorized"`, access.TokenExpired, 403},
		{"fabrikam/menu", `{"code":"unauthorized"`, `{"code":"unauthorized"`, access.NoCredentials, 403},
		{"fabrikam/menu", `{"code":"invalid_parameter"`, `{"code":"invalid_parameter"`, access.SubjectMismatch, 400},
		{"fabrikam/menu", `{"code":"internal_error"`, `{"code":"internal_error"`, access.PolicyError, 500},
		{"fabrikam/menu", `{"code":"internal_error"`, `{"code":"internal_error"`, access.PolicyTimeout, 503},
		{"fabrikam/menu", `{"code":"internal_error"`, `{"code":"internal_error"`, "nobody_knows", 500},
	} {
		d.asked, d.valueFault = nil, row.fault
		status, got := d.send("POST", "/v1/data/"+row.path, asking)
		if status != row.status || !strings.HasPrefix(got, row.v1) || len(d.asked) != 1 || d.asked[0].Credential.Reveal() != "a.b.c" {
			t.Errorf("%s after %q = %d %s, want %d %s", row.path, row.fault, status, got, row.status, row.v1)
		}
		if !strings.Contains(got, `"decision_id":"v-1"`) {
			t.Errorf("%s after %q = %s, without the id of its record", row.path, row.fault, got)
		}
		if row.v0 == `{"code":"undefined_document"` {
			row.status = 404
		}
		if status, got := d.send("POST", "/v0/data/"+row.path, input); status != row.status || !strings.HasPrefix(got, row.v0) {
			t.Errorf("v0 %s after %q = %d %s, want %d %s", row.path, row.fault, status, got, row.status, row.v0)
		}
	}
	d.asked = nil
	if status, got := d.send("POST", "/v1/data/fabrikam/menu", `{"input":{"token":{"scopes":["all"]},`+bare+`}}`); status != 400 || len(d.asked) != 0 {
		t.Errorf("an object token at a further document: %d %s", status, got)
	}
}

// TestOutcomes shows that nothing but an allow is true, and that no fault is a result.
func TestOutcomes(t *testing.T) {
	d := newDoor(t)
	maxAge := int64(60)
	stepUp := access.Decision{ID: "d-1", Outcome: access.StepUp, Assurance: access.NoAssurance(), Reasons: []access.Reason{access.Because(access.LevelTooLow)},
		StepUp: &access.StepUpAdvice{Level: "mfa", MaxAge: &maxAge}}
	fault := access.Decision{ID: "d-1", Outcome: access.Indeterminate, Reasons: []access.Reason{access.Because(access.PolicyTimeout)}}
	broken := access.Decision{ID: "d-1", Outcome: access.Indeterminate, Reasons: []access.Reason{access.Because(access.PolicyError)}}
	for _, row := range []struct {
		name   string
		answer access.Decision
		status int
		want   string
	}{
		{"deny", access.Decision{ID: "d-1", Reasons: []access.Reason{access.Because(access.NotAllowed)}}, 200, `{"decision_id":"d-1","result":false}`},
		{"nobody filled it in", access.Decision{ID: "d-1"}, 200, `{"decision_id":"d-1","result":false}`},
		{"step up", stepUp, 200, `{"decision_id":"d-1","result":false}`},
		{"step up to nothing", access.Decision{ID: "d-1", Outcome: access.StepUp}, 500, `{"code":"internal_error","message":"No decision could be made: a fault inside the sidecar, told in its log."}`},
		{"no time", fault, 503, `{"code":"internal_error","message":"No decision could be made just now; try again in a moment.","errors":[{"code":"policy_timeout","message":"No decision could be made just now; try again in a moment."}],"decision_id":"d-1"}`},
		{"a broken policy", broken, 500, `{"code":"internal_error","message":"No decision could be made: the policy is at fault.","errors":[{"code":"policy_error","message":"No decision could be made: the policy is at fault."}],"decision_id":"d-1"}`},
		{"an outcome nobody knows", access.Decision{ID: "d-1", Outcome: 9}, 500, `{"code":"internal_error","message":"No decision could be made: a fault inside the sidecar, told in its log."}`},
	} {
		d.answer = row.answer
		if status, got := d.send("POST", "/v1/data/fabrikam/web/allow", asking); status != row.status || got != row.want {
			t.Errorf("%s: %d %s, want %d %s", row.name, status, got, row.status, row.want)
		}
		for _, target := range []string{"/v1/data/fabrikam/web", "/v0/data/fabrikam/web", "/v0/data/fabrikam/web/allow", "/"} {
			body := input
			if strings.HasPrefix(target, "/v1") {
				body = asking
			}
			status, got := d.send("POST", target, body)
			if status != row.status || strings.Contains(got, `"allow":true`) || got == "true" {
				t.Errorf("%s at %s: %d %s, want %d and no consent", row.name, target, status, got, row.status)
			}
		}
	}
}

func TestWholeAnswer(t *testing.T) {
	d := newDoor(t)
	maxAge := int64(60)
	d.answer = access.Decision{
		ID: "d-1", Outcome: access.StepUp, Revision: "folder@1",
		Assurance: access.Assurance{Level: "normal", Levels: []string{"normal"}, Methods: []string{"pwd"}, AuthTime: 5},
		Reasons:   []access.Reason{access.Because(access.LevelTooLow)},
		StepUp:    &access.StepUpAdvice{Level: "mfa", MaxAge: &maxAge, AuthorizationRequest: map[string]string{"scope": "openid step_up"}},
		Challenges: []access.Challenge{
			{Scheme: "Bearer", Error: "insufficient_user_authentication", MaxAge: &maxAge},
			{Scheme: "DPoP"},
		},
		Headers: map[string]string{"x-stepup-user": "for the upstream alone"},
	}
	want := `{"decision_id":"d-1","result":{"allow":false,"outcome":"step_up","decision_id":"d-1","revision":"folder@1",
		"reasons":[{"code":"level_too_low","message":"A stronger sign-in is required."}],
		"assurance":{"level":"normal","levels":["normal"],"methods":["pwd"],"auth_time":5},
		"step_up":{"level":"mfa","max_age":60,"acr_values":[],"authorization_request":{"scope":"openid step_up"},"alternatives":[]},
		"headers":{"WWW-Authenticate":"Bearer error=\"insufficient_user_authentication\", max_age=\"60\", DPoP"},
		"status_code":401,"status":401,"reason":"A stronger sign-in is required.","message":"A stronger sign-in is required.",
		"http":{"status":401,"www_authenticate":["Bearer error=\"insufficient_user_authentication\", max_age=\"60\"","DPoP"]}}}`
	_, got := d.send("POST", "/v1/data/fabrikam/web", asking)
	sameJSON(t, "a step-up", got, want)

	d.answer = allow()
	d.answer.ValidUntil = 99
	_, got = d.send("POST", "/v1/data/fabrikam/web", asking)
	sameJSON(t, "an allow", got, `{"decision_id":"d-1","result":{"allow":true,"outcome":"allow","decision_id":"d-1","revision":"folder@1","reasons":[],
		"assurance":{"level":"none","levels":[],"methods":[],"auth_time":0},"headers":{"x-stepup-user":"alice"},
		"status_code":200,"status":200,"http":{"status":200,"www_authenticate":[]},"valid_until":99}}`)
}

func sameJSON(t *testing.T, what, got, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatalf("%s: %v: %s", what, err, got)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w, g); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// TestWhatIsAsked shows what of an input reaches the decision, and as what.
func TestWhatIsAsked(t *testing.T) {
	get := access.Action{Name: "GET"}
	employees := access.Resource{Type: "route", ID: "/employees"}
	token := access.NewCredential("a.b.c")
	for _, row := range []struct {
		name, input string
		header      []string
		want        access.Request
	}{
		{"the members of a question", `{"token":"a.b.c","id_token":"d.e.f",` + bare + `,"context":{"ip":"1"}}`, nil,
			access.Request{Credential: token, Evidence: access.NewCredential("d.e.f"), Action: get, Resource: employees, Context: access.Object{"ip": "1"}}},
		{"no token", `{` + bare + `}`, nil, access.Request{Action: get, Resource: employees}},
		{"a token beside the body", `{` + bare + `}`, []string{"X-Subject-Token", "a.b.c"}, access.Request{Credential: token, Action: get, Resource: employees}},
		{"the caller's own Authorization is no token", `{` + bare + `}`, []string{"Authorization", "Bearer a.b.c"}, access.Request{Action: get, Resource: employees}},
		{"members that are not known", `{"token":"a.b.c",` + bare + `,"tenant":7,"user":{"id":"eve"},"context":{"ip":"1"}}`, nil,
			access.Request{Credential: token, Action: get, Resource: employees, Context: access.Object{"ip": "1", "tenant": json.Number("7"), "user": map[string]any{"id": "eve"}}}},
		{"a subject beside a token", `{"token":"a.b.c",` + bare + `,"subject":{"id":"alice"}}`, nil,
			access.Request{Credential: token, Action: get, Resource: employees, Asserted: access.Subject{ID: "alice"}}},
		{"a subject without a token", `{` + bare + `,"subject":{"type":"user","id":"alice","properties":{"a":"b"}}}`, nil,
			access.Request{Action: get, Resource: employees, Asserted: access.Subject{Type: "user", ID: "alice", Properties: access.Object{"a": "b"}}}},
		{"a request in our form", `{"token":"a.b.c","request":{"method":"GET","path":"/employees","headers":{"Accept":["x"],"Cookie":["s3cret"]}}}`, nil,
			access.Request{Credential: token, Action: get, Resource: employees, HTTP: &access.HTTPRequest{Method: "GET", Path: "/employees", Segments: []string{"employees"},
				Headers: map[string][]string{"accept": {"x"}}, Arrived: []string{"accept", "cookie"}}}},
		{"what is asked about wins over the request", `{"token":"a.b.c",` + bare + `,"request":{"method":"POST","path":"/x"}}`, nil,
			access.Request{Credential: token, Action: get, Resource: employees, HTTP: &access.HTTPRequest{Method: "POST", Path: "/x", Segments: []string{"x"}, Headers: map[string][]string{}}}},
		{"Apache APISIX", `{"type":"http","var":{"remote_addr":"10.0.0.1"},"request":{"scheme":"http","method":"GET","host":"h","port":9080,"path":"/employees",
			"headers":{"accept":"x","authorization":"bearer a.b.c","x":["1","2"]},"query":{"q":"a","r":true,"s":["b",true]}}}`, nil,
			access.Request{Credential: token, Action: get, Resource: employees,
				Context: access.Object{"type": "http", "var": map[string]any{"remote_addr": "10.0.0.1"}, "request": map[string]any{"port": json.Number("9080")}},
				HTTP: &access.HTTPRequest{Method: "GET", Scheme: "http", Host: "h", Path: "/employees", Segments: []string{"employees"},
					Query: map[string][]string{"q": {"a"}, "r": {""}, "s": {"b", ""}}, Headers: map[string][]string{"accept": {"x"}}, Arrived: []string{"accept", "authorization", "x"}}}},
		{"APISIX without parameters", `{"type":"http","var":{},"request":{"method":"GET","path":"/employees","headers":{"authorization":"Basic x"},"query":[]}}`, nil,
			access.Request{Action: get, Resource: employees, Context: access.Object{"type": "http", "var": map[string]any{}},
				HTTP: &access.HTTPRequest{Method: "GET", Path: "/employees", Segments: []string{"employees"}, Query: map[string][]string{}, Headers: map[string][]string{}, Arrived: []string{"authorization"}}}},
		{"Kong", `{"client_ip":"10.0.0.1","request":{"http":{"scheme":"http","method":"GET","host":"h","port":"8000","tls":{},"path":"/employees",
			"headers":{"accept":"x","authorization":"Bearer a.b.c"},"querystring":{"q":"a"}}}}`, nil,
			access.Request{Credential: token, Action: get, Resource: employees,
				Context: access.Object{"client_ip": "10.0.0.1", "request": map[string]any{"port": "8000", "tls": map[string]any{}}},
				HTTP: &access.HTTPRequest{Method: "GET", Scheme: "http", Host: "h", Path: "/employees", Segments: []string{"employees"},
					Query: map[string][]string{"q": {"a"}}, Headers: map[string][]string{"accept": {"x"}}, Arrived: []string{"accept", "authorization"}}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := newDoor(t)
			row.want.Door = opadata.Name
			same := cmp.Comparer(func(a, b access.Credential) bool { return a == b })
			for _, way := range []struct{ method, target, body string }{
				{"POST", "/v1/data/fabrikam/web/allow", `{"input":` + row.input + `}`},
				{"POST", "/v0/data/fabrikam/web/allow", row.input},
				{"POST", "/", row.input},
				{"GET", "/v1/data/fabrikam/web/allow?input=" + url.QueryEscape(row.input), ""},
			} {
				d.asked = nil
				if status, got := d.send(way.method, way.target, way.body, row.header...); status != 200 || len(d.asked) != 1 {
					t.Fatalf("%s %s = %d %s, want 200", way.method, way.target, status, got)
				}
				if diff := cmp.Diff(row.want, d.asked[0], same); diff != "" {
					t.Errorf("%s %s (-want +got):\n%s", way.method, way.target, diff)
				}
			}
		})
	}
}

// TestRoutes: what a gateway's request is about is told by the routes, a listed one's pattern
// with its parameters; one that is not listed is denied, where only listed ones may be asked
// about, and recorded as such. A resource that is given stands as it is.
func TestRoutes(t *testing.T) {
	routes, err := httpreq.ReadTable("routes.yaml", []byte("routes:\n  - GET /employees/{id}\n"), true)
	if err != nil {
		t.Fatal(err)
	}
	d := newDoor(t, routes)
	for _, row := range []struct {
		name, input string
		want        *access.Resource // nil: it is not listed
	}{
		{"listed", `{"request":{"method":"GET","path":"/employees/7"}}`, &access.Resource{Type: "route", ID: "/employees/{id}", Properties: access.Object{"id": "7"}}},
		{"given", `{"request":{"method":"GET","path":"/elsewhere"},"resource":{"type":"record","id":"7"}}`, &access.Resource{Type: "record", ID: "7"}},
		{"another path", `{"request":{"method":"GET","path":"/elsewhere"}}`, nil},
		{"another method", `{"request":{"method":"DELETE","path":"/employees/7"}}`, nil},
		{"an action in its place", `{"action":{"name":"GET"},"request":{"method":"DELETE","path":"/employees/7"}}`, nil},
	} {
		for target, body := range map[string]string{"/v1/data/fabrikam/web": `{"input":` + row.input + `}`, "/v0/data/fabrikam/web": row.input} {
			d.asked, d.answer = nil, allow()
			status, got := d.send("POST", target, body)
			if len(d.asked) != 1 || d.asked[0].Unlisted != (row.want == nil) || (status == 200) != (row.want != nil) {
				t.Fatalf("%s at %s: %d %s, asked %v", row.name, target, status, got, d.asked)
			}
			if row.want == nil {
				// An allow all the same is a fault of ours. What is told is what was decided.
				if status != 500 || strings.Contains(got, "allow\":true") {
					t.Errorf("%s at %s: %d %s, want 500", row.name, target, status, got)
				}
				d.answer = access.Decision{ID: "d-2", Reasons: []access.Reason{access.Because(access.NotAllowed)}, Assurance: access.NoAssurance()}
				status, got := d.send("POST", target, body)
				if status != 200 || !strings.Contains(got, `"allow":false`) || !strings.Contains(got, `"not_allowed"`) || !strings.Contains(got, `"status":403`) {
					t.Errorf("%s at %s: %d %s, want a denial", row.name, target, status, got)
				}
				continue
			}
			if diff := cmp.Diff(*row.want, d.asked[0].Resource); diff != "" {
				t.Errorf("%s at %s (-want +got):\n%s", row.name, target, diff)
			}
		}
	}
}

// TestInputsRefused lists inputs that could be taken for another question than was meant,
// or for facts that only a token proves.
func TestInputsRefused(t *testing.T) {
	d := newDoor(t)
	for _, row := range []struct{ name, input, want string }{
		{"assurance", `{` + bare + `,"assurance":{"levels":["mfa"]}}`, "/input/assurance"},
		{"now", `{` + bare + `,"now":5}`, "/input/now"},
		{"an object token", `{` + bare + `,"token":{"scopes":["x"]}}`, "/input/token must be the token as a string"},
		{"an empty token", `{` + bare + `,"token":""}`, "/input/token"},
		{"a token called otherwise", `{` + bare + `,"access_token":"a.b.c"}`, `send the token as the string`},
		{"a token with other punctuation", `{` + bare + `,"Access-Token":"a.b.c"}`, `send the token as the string`},
		{"the header's name", `{` + bare + `,"x_subject_token":"a.b.c"}`, `send the token as the string`},
		{"a token misspelt", `{` + bare + `,"Token":"a.b.c"}`, `send the token as the string`},
		{"an ID token misspelt", `{` + bare + `,"idtoken":"a.b.c"}`, `send the token as the string`},
		{"a proof", `{` + bare + `,"dpop":{}}`, "/input/dpop is not supported yet"},
		{"evidence without a token", `{` + bare + `,"id_token":"a"}`, "/input/token is required"},
		{"a name twice", `{` + bare + `,"action":{"name":"PUT"}}`, "given twice"},
		{"no action", `{"resource":{"type":"a","id":"b"}}`, "/input/action is required"},
		{"no resource", `{"action":{"name":"a"}}`, "/input/resource is required"},
		{"a resource misspelt beside a request", `{"resorce":{"type":"a","id":"b"},"request":{"method":"GET","path":"/x"}}`, `nearly \"resource\"`},
		{"an action in another case beside a request", `{"Action":{"name":"DELETE"},"request":{"method":"GET","path":"/x"}}`, "must be spelt action"},
		{"a request in another case", `{` + bare + `,"Request":{}}`, "must be spelt request"},
		{"a subject in another case beside one", `{` + bare + `,"subject":{"id":"a"},"SUBJECT":{"id":"b"}}`, "must be spelt subject"},
		{"assurance in another case", `{` + bare + `,"Assurance":{"levels":["mfa"]}}`, "must be spelt assurance"},
		{"the time in another case", `{` + bare + `,"NOW":5}`, "must be spelt now"},
		{"headers in another case", `{` + bare + `,"request":{"Headers":{"authorization":"Bearer a"}}}`, "/input/request has a member that must be spelt headers"},
		{"a method in another case", `{"request":{"method":"GET","Method":"POST","path":"/x"}}`, "must be spelt method"},
		{"an address with other punctuation", `{` + bare + `,"request":{"client-ip":"10.0.0.1"}}`, "must be spelt client_ip"},
		{"a path in another case, as Kong has it", `{` + bare + `,"request":{"http":{"Path":"/x"}}}`, "/input/request/http has a member that must be spelt path"},
		{"context in two places", `{` + bare + `,"tenant":1,"context":{"tenant":2}}`, "stands beside context too"},
		{"a request's rest in two places", `{` + bare + `,"request":{"port":1},"context":{"request":2}}`, "stands beside context too"},
		{"not an object", `[]`, "must be an object"},
		{"null", `null`, "must be an object"},
		{"a path in another spelling", `{"request":{"method":"GET","path":"/a/../b"}}`, "/request/path"},
		{"two headers that are one", `{"request":{"method":"GET","path":"/a","headers":{"A":"1","a":"2"}}}`, "differ in case only"},
		{"two Authorizations", `{"request":{"method":"GET","path":"/a","headers":{"authorization":["Bearer a","Bearer b"]}}}`, "must be there once"},
		{"two Authorizations in one", `{"request":{"method":"GET","path":"/a","headers":{"authorization":"Bearer a, Bearer b"}}}`, "Bearer and one token"},
		{"Authorization without a token", `{"request":{"method":"GET","path":"/a","headers":{"authorization":"Bearer "}}}`, "Bearer and one token"},
		{"a token bound to a key", `{"request":{"method":"GET","path":"/a","headers":{"authorization":"DPoP a"}}}`, "bound to a key"},
		{"headers that are numbers", `{"request":{"method":"GET","path":"/a","headers":{"a":1}}}`, "texts and lists of texts"},
		{"headers that are no object", `{"request":{"method":"GET","path":"/a","headers":"a"}}`, "must be an object"},
		{"a list of numbers", `{"request":{"method":"GET","path":"/a","headers":{"a":[1]}}}`, "must be a string"},
		{"a query twice", `{"request":{"method":"GET","path":"/a","query":{},"querystring":{}}}`, "both query and querystring"},
		{"a subject that is a text", `{` + bare + `,"subject":"alice"}`, "/input/subject must be an object"},
		{"a subject without an id", `{` + bare + `,"subject":{"type":"user"}}`, "/input/subject/id is required"},
		{"properties beside a token", `{"token":"a.b.c",` + bare + `,"subject":{"id":"a","properties":{"admin":true}}}`, "not taken beside a token"},
		{"an issuer that no token tells", `{` + bare + `,"subject":{"type":"user","id":"a","properties":{"issuer":"x"}}}`, "told by tokens only"},
		{"a type that is neither", `{` + bare + `,"subject":{"type":"admin","id":"a"}}`, "must be user or client"},
		{"a subject misspelt", `{` + bare + `,"Subject":{"id":"a"}}`, "must be spelt subject"},
		{"two requests in one", `{"request":{"method":"GET","path":"/a","http":{"headers":{"cookie":"s3cret"}}}}`, "must be an object and stand alone"},
		{"http that is no request", `{"request":{"http":"GET /a"}}`, "must be an object and stand alone"},
		{"hundreds of members", `{` + bare + many(300) + `}`, "one too many"},
		{"a route with parameters", `{"request":{"method":"GET","path":"/public/..;/a"}}`, "must not have a semicolon"},
		{"a path whose escapes APISIX undid", `{"type":"http","var":{},"request":{"method":"GET","path":"/a%20b"}}`, "must have no %"},
	} {
		d.asked = nil
		for _, way := range []struct{ target, body string }{{"/v1/data/fabrikam/web/allow", `{"input":` + row.input + `}`}, {"/v0/data/fabrikam/web/allow", row.input}} {
			status, got := d.send("POST", way.target, way.body)
			if want := strings.TrimPrefix(row.want, "/input"); status != 400 || !strings.Contains(got, want) || !strings.Contains(got, `"code":"invalid_parameter"`) || len(d.asked) != 0 {
				t.Errorf("%s at %s: %d %s, want 400 with %q and no decision", row.name, way.target, status, got, want)
			}
		}
	}
}

// TestBodiesRefused lists what stands around an input.
func TestBodiesRefused(t *testing.T) {
	d := newDoor(t)
	const target = "/v1/data/fabrikam/web/allow"
	for _, row := range []struct {
		name, target, body string
		header             []string
		status             int
	}{
		{"empty", target, ``, nil, 400},
		{"no input", target, `{}`, nil, 400},
		{"input in another case", target, `{"Input":` + input + `}`, nil, 400},
		{"input beside another case", target, `{"Input":{},"input":` + input + `}`, nil, 400},
		{"input twice", target, `{"input":` + input + `,"input":` + input + `}`, nil, 400},
		{"a member beside it", target, `{"token":"x","input":` + input + `}`, nil, 400},
		{"two values", target, asking + asking, nil, 400},
		{"in the query too", target + "?input=1", asking, nil, 400},
		{"a query that cannot be read", target + "?a=%zz", asking, nil, 400},
		{"explain", target + "?explain=notes", asking, nil, 403},
		{"explain after off", target + "?explain=off&explain=full", asking, nil, 403},
		{"explain in v0", "/v0/data/fabrikam/web/allow?explain=full", input, nil, 403},
		{"YAML", target, "input: {}", []string{"Content-Type", "application/x-yaml"}, 415},
		{"two types", target, asking, []string{"Content-Type", "application/json", "Content-Type", "text/plain"}, 415},
		{"another coding", target, asking, []string{"Content-Encoding", "br"}, 415},
		{"gzip twice", target, asking, []string{"Content-Encoding", "gzip, gzip"}, 415},
		{"not gzip", target, asking, []string{"Content-Encoding", "gzip"}, 400},
		{"gzip cut off", target, zipped(t, asking)[:40], []string{"Content-Encoding", "gzip"}, 400},
		{"too long", target, asking + strings.Repeat(" ", 4096), nil, 413},
		{"too long when decompressed", target, zipped(t, asking+strings.Repeat(" ", 1<<20)), []string{"Content-Encoding", "gzip"}, 413},
		{"the token twice", target, asking, []string{"X-Subject-Token", "a.b.c"}, 400},
		{"two tokens", target, `{"input":{` + bare + `}}`, []string{"X-Subject-Token", "a", "X-Subject-Token", "b"}, 400},
		{"an empty token", target, `{"input":{` + bare + `}}`, []string{"X-Subject-Token", ""}, 400},
		{"a token with a scheme", target, `{"input":{` + bare + `}}`, []string{"X-Subject-Token", "Bearer a"}, 400},
	} {
		d.asked = nil
		status, got := d.send("POST", row.target, row.body, row.header...)
		if status != row.status || len(d.asked) != 0 || strings.Contains(got, `"result"`) || !strings.Contains(got, `"code"`) {
			t.Errorf("%s: %d %s, want %d and no decision", row.name, status, got, row.status)
		}
	}
	for _, query := range []string{"", "?input", "?input=", "?input=1&input=2", "?input=%7B%7D", "?input=[]"} {
		if status, got := d.send("GET", target+query, ""); status != 400 || len(d.asked) != 0 {
			t.Errorf("GET %s%s: %d %s, want 400", target, query, status, got)
		}
	}
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestWhatClientsSend lists what is taken although nobody had to send it so.
func TestWhatClientsSend(t *testing.T) {
	d := newDoor(t)
	const target = "/v1/data/fabrikam/web/allow"
	for _, row := range []struct {
		name, target, body string
		header             []string
		want               string
	}{
		{"gzip", target, zipped(t, asking), []string{"Content-Encoding", "gzip", "Content-Type", "application/json"}, `{"decision_id":"d-1","result":true}`},
		{"identity", target, asking, []string{"Content-Encoding", "identity"}, `{"decision_id":"d-1","result":true}`},
		{"curl's type", target, asking, []string{"Content-Type", "application/x-www-form-urlencoded"}, `{"decision_id":"d-1","result":true}`},
		{"metadata of a wrapper", target, `{"com.example/trace":{"a":[1]},"input":` + input + `}`, nil, `{"decision_id":"d-1","result":true}`},
		{"parameters that change nothing", target + "?strict-builtin-errors=true&explain=off&partial&rule_labels=true", asking, nil, `{"decision_id":"d-1","result":true}`},
		{"metrics=false", target + "?metrics=false&provenance=0", asking, nil, `{"decision_id":"d-1","result":true}`},
		{"pretty", target + "?pretty=true", asking, nil, "{\n  \"decision_id\": \"d-1\",\n  \"result\": true\n}"},
		{"provenance", target + "?provenance", asking, nil, `{"decision_id":"d-1","provenance":{"version":"1.2.3","build_commit":"","build_timestamp":"","build_hostname":"","bundles":{"folder":{"revision":"1"}}},"result":true}`},
	} {
		if status, got := d.send("POST", row.target, row.body, row.header...); status != 200 || got != row.want {
			t.Errorf("%s: %d %s, want 200 %s", row.name, status, got, row.want)
		}
	}
	if _, got := d.send("POST", target+"?metrics", asking); !strings.Contains(got, `"timer_server_handler_ns":`) {
		t.Errorf("metrics: %s", got)
	}
}

func TestHealth(t *testing.T) {
	d := newDoor(t)
	d.health = errors.New("one or more bundles are not activated: shop")
	for _, row := range []struct {
		target string
		status int
		want   string
	}{
		{"/health", 200, `{}`},
		{"/health?plugins", 200, `{}`},
		{"/health/live", 500, `{"error":"asked about [\"live\"]"}`},
		{"/health/a//b%2Fc", 500, `{"error":"asked about [\"a\" \"b/c\"]"}`},
		{"/health?bundles", 500, `{"error":"one or more bundles are not activated: shop"}`},
	} {
		if status, got := d.send("GET", row.target, ""); status != row.status || got != row.want {
			t.Errorf("%s: %d %s, want %d %s", row.target, status, got, row.status, row.want)
		}
	}
}

// many are members that nobody knows.
func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"m%d":1`, i)
	}
	return b.String()
}
