package login_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"stepup/policies"
	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
	"stepup/sidecar/protocol/login"
	"stepup/sidecar/protocol/openapitest"
)

// rule is a LoginRule made of a function.
type rule func(access.Object) (access.LoginAnswer, error)

func (r rule) Login(_ context.Context, doc access.Object) (access.LoginAnswer, error) { return r(doc) }

func always(a access.LoginAnswer, err error) rule {
	return func(access.Object) (access.LoginAnswer, error) { return a, err }
}

// serve puts the door behind a real server.
func serve(t *testing.T, r rule) string {
	t.Helper()
	e := protocol.NewEcho(protocol.Config{})
	protocol.Mount(e, login.Name, login.New(login.Config{Rule: r}).Routes()...)
	srv := httptest.NewServer(document().Witness(t, e))
	t.Cleanup(srv.Close)
	return srv.URL + "/v1/login"
}

func post(t *testing.T, url, body string) (status int, text string) {
	t.Helper()
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := resp.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q, want no-store", got)
	}
	return resp.StatusCode, strings.TrimSpace(string(answer))
}

const whole = `{
	"authorization_request": {"scope": "openid step_up", "acr_values": "mfa", "max_age": "300", "prompt": "login", "claims": {"id_token": {"acr": {"essential": true}}}},
	"user": {"id": "alice", "factors": ["pwd", "otp"]},
	"session": {"completed": [{"factor": "pwd", "time": 1795428000}], "requested_at": 1795428110, "refresh": true, "claims": {"acr": "normal"}},
	"client": {"id": "intranet", "properties": {"name": "Fabrikam"}}
}`

const least = `{
	"authorization_request": {}, "user": {"id": "", "factors": []},
	"session": {"completed": [], "requested_at": 1}, "client": {"id": ""}
}`

// The rule gets what was told, with every member that its schema requires of a provider.
func TestDocument(t *testing.T) {
	for body, want := range map[string]access.Object{
		whole: {
			"authorization_request": access.Object{
				"scope": "openid step_up", "acr_values": "mfa", "max_age": "300", "prompt": "login",
				"claims": access.Object{"id_token": access.Object{"acr": access.Object{"essential": true}}},
			},
			"user": access.Object{"id": "alice", "factors": []any{"pwd", "otp"}},
			"session": access.Object{
				"completed":    []any{access.Object{"factor": "pwd", "time": int64(1795428000)}},
				"requested_at": int64(1795428110), "refresh": true, "claims": access.Object{"acr": "normal"},
			},
			"client": access.Object{"id": "intranet", "properties": access.Object{"name": "Fabrikam"}},
		},
		least: {
			"authorization_request": access.Object{},
			"user":                  access.Object{"id": "", "factors": []any{}},
			"session":               access.Object{"completed": []any{}, "requested_at": int64(1), "refresh": false, "claims": access.Object{}},
			"client":                access.Object{"id": "", "properties": access.Object{}},
		},
	} {
		var got access.Object
		url := serve(t, func(doc access.Object) (access.LoginAnswer, error) {
			got = doc
			return access.LoginAnswer{Error: access.LoginRequired}, nil
		})
		if status, text := post(t, url, body); status != http.StatusOK {
			t.Errorf("POST %s: %d %s, want 200", body, status, text)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("POST %s: document (-want +got)\n%s", body, diff)
		}
		got["now"], got["clock_skew"] = 1795428120, 30
		if err := schema(t, policies.LoginSchema()).Validate(plain(t, got)); err != nil {
			t.Errorf("POST %s: the document is not of schema.login.input: %v", body, err)
		}
		document().Check(t, "Question", body)
	}
}

func TestAnswers(t *testing.T) {
	for _, row := range []struct {
		answer access.LoginAnswer
		want   string
	}{
		{access.LoginAnswer{Factors: []string{"pwd", "otp"}}, `{"factors":["pwd","otp"],"remembered_device":"ignore"}`},
		{access.LoginAnswer{Claims: &access.LoginClaims{Level: "mfa", ACR: "mfa", Methods: []string{"pwd", "otp", "mfa"}, AuthTime: 1795428000}},
			`{"claims":{"authentication_level":"mfa","acr":"mfa","amr":["pwd","otp","mfa"],"auth_time":1795428000}}`},
		{access.LoginAnswer{Claims: &access.LoginClaims{Level: "normal", ACR: "normal", Methods: []string{}}},
			`{"claims":{"authentication_level":"normal","acr":"normal","amr":[],"auth_time":0}}`},
		{access.LoginAnswer{Error: access.UnmetAuthentication}, `{"error":"unmet_authentication_requirements"}`},
	} {
		status, got := post(t, serve(t, always(row.answer, nil)), whole)
		if status != http.StatusOK || got != row.want {
			t.Errorf("%+v: %d %s, want 200 %s", row.answer, status, got, row.want)
		}
		document().Check(t, "Answer", got)
	}
}

// A fault is told as one, and never with claims or factors, whatever came beside it.
func TestFaults(t *testing.T) {
	both := access.LoginAnswer{Claims: &access.LoginClaims{Level: "mfa", ACR: "mfa"}, Factors: []string{"otp"}}
	for _, row := range []struct {
		name   string
		answer access.LoginAnswer
		err    error
		want   int
	}{
		{"the policy is at fault", both, &access.Fault{Code: access.PolicyError, Err: errors.New("secret")}, 500},
		{"too slow", both, &access.Fault{Code: access.PolicyTimeout}, 503},
		{"no policy yet", both, &access.Fault{Code: access.NotReady}, 503},
		{"an error nobody knows", both, errors.New("secret"), 500},
		{"two answers", both, nil, 500},
		{"no answer", access.LoginAnswer{}, nil, 500},
	} {
		status, got := post(t, serve(t, always(row.answer, row.err)), whole)
		var members map[string]any
		if err := json.Unmarshal([]byte(got), &members); err != nil {
			t.Fatal(err)
		}
		if status != row.want || members["claims"] != nil || members["factors"] != nil || strings.Contains(got, "secret") {
			t.Errorf("%s: %d %s, want %d without claims and factors", row.name, status, got, row.want)
		}
		document().Check(t, "Problem", got)
	}
}

func TestMalformed(t *testing.T) {
	asked := false
	url := serve(t, func(access.Object) (access.LoginAnswer, error) {
		asked = true
		return access.LoginAnswer{Factors: []string{"otp"}}, nil
	})
	for _, row := range []struct{ old, new, detail string }{
		{`"scope": "openid step_up"`, `"scope": ["openid"]`, "/authorization_request/scope must be a string"},
		{`"max_age": "300"`, `"max_age": 300`, "/authorization_request/max_age must be a string"},
		{`"prompt": "login"`, `"prompt": null`, "/authorization_request/prompt must be a string"},
		{`"claims": {"id_token"`, `"claims": [{"id_token"`, "/authorization_request/claims must be an object"},
		{`"acr_values"`, `"acr_value"`, `did you mean "acr_values"?`},
		{`"acr_values": "mfa"`, `"scope": "openid"`, "/authorization_request/scope is given twice"},
		{`"id": "alice"`, `"id": 7`, "/user/id must be a string"},
		{`"id": "alice", `, ``, "/user/id is required"},
		{`, "factors": ["pwd", "otp"]`, ``, "/user/factors is required"},
		{`["pwd", "otp"]`, `["pwd", 1]`, "/user/factors/1 must be a string"},
		{`"time": 1795428000`, `"time": "1795428000"`, "/session/completed/0/time must be a number"},
		{`"time": 1795428000`, `"time": 1795428000.5`, "/session/completed/0/time must be a whole number"},
		{`"time": 1795428000`, `"time": 1e300`, "/session/completed/0/time must be a whole number"},
		{`, "time": 1795428000`, ``, "must have objects with a factor and its time"},
		{`"time": 1795428000`, `"time": 1795428000, "user": "bob"`, "/session/completed/0/user is not a known member"},
		{`"requested_at": 1795428110, `, ``, "/session/requested_at is required"},
		{`"requested_at": 1795428110`, `"requested_at": 0`, "/session/requested_at must be a moment"},
		{`"completed": [{"factor": "pwd", "time": 1795428000}], `, ``, "/session/completed is required"},
		{`"refresh": true`, `"refresh": "true"`, "/session/refresh must be a boolean"},
		{`"refresh": true`, `"refresh": tru`, "is not valid JSON"},
		{`"claims": {"acr": "normal"}`, `"claims": "normal"`, "/session/claims must be an object"},
		{`"id": "intranet", `, ``, "/client/id is required"},
		{`"client"`, `"now": 1795428120, "client"`, "/now is not taken from the request"},
		{`"client"`, `"clock_skew": 1, "client"`, "/clock_skew is not taken from the request"},
		{whole, `{}`, "/authorization_request is required"},
		{whole, ``, "the body is empty"},
	} {
		body := strings.Replace(whole, row.old, row.new, 1)
		if body == whole {
			t.Fatalf("%s is not in the question", row.old)
		}
		status, got := post(t, url, body)
		if status != http.StatusBadRequest || !strings.Contains(strings.ReplaceAll(got, `\"`, `"`), row.detail) {
			t.Errorf("%s for %s: %d %s, want 400 that says %s", row.new, row.old, status, got, row.detail)
		}
	}
	if asked {
		t.Error("the rule was asked about a question that is malformed")
	}
}

func TestLargeBodies(t *testing.T) {
	status, got := post(t, serve(t, always(access.LoginAnswer{}, nil)), strings.Replace(whole, "Fabrikam", strings.Repeat("a", login.MaxBody), 1))
	if status != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %s, want 413", status, got)
	}
}

func TestNoRule(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("New without a rule: no panic")
		}
	}()
	login.New(login.Config{})
}

func TestOpenAPIDescribesTheRoutes(t *testing.T) {
	document().CheckRoutes(t, login.New(login.Config{Rule: always(access.LoginAnswer{}, nil)}).Routes())
	resp, err := http.Get(serve(t, always(access.LoginAnswer{}, nil)) + "/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	file, _ := os.ReadFile("openapi.yaml")
	if err != nil || string(text) != string(file) || resp.Header.Get("Content-Type") != "application/yaml" {
		t.Errorf("GET: %d bytes of %s, %v, want the document of %d", len(text), resp.Header.Get("Content-Type"), err, len(file))
	}
}

// document is the door's OpenAPI document.
var document = sync.OnceValue(func() *openapitest.Document { return openapitest.Read("openapi.yaml") })

func schema(t *testing.T, text []byte) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("schema.json", plain(t, json.RawMessage(text))); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// plain brings a value to what a decoder of JSON makes of it.
func plain(t *testing.T, v any) any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return value
}
