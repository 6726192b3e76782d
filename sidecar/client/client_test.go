package client_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"stepup/sidecar/client"
)

// TestAnswersThatAreNone are answers that a sidecar never gives, or gives when it could not
// decide. Each is an error, and none comes with an answer that allows.
func TestAnswersThatAreNone(t *testing.T) {
	allow := `{"outcome": "allow", "decision": true}`
	for _, row := range []struct {
		name   string
		status int
		media  string
		body   string
		says   string
	}{
		{"outcome without decision", 200, "application/json", `{"outcome": "allow", "decision": false}`, "do not go together"},
		{"decision without outcome", 200, "application/json", `{"decision": true}`, "do not go together"},
		{"decision beside a deny", 200, "application/json", `{"outcome": "deny", "decision": true}`, "do not go together"},
		{"an unknown outcome", 200, "application/json", `{"outcome": "maybe", "decision": false}`, "do not go together"},
		{"a step-up without advice", 200, "application/json", `{"outcome": "step_up", "decision": false}`, "do not go together"},
		{"an allow with advice", 200, "application/json", `{"outcome": "allow", "decision": true, "step_up": {}}`, "do not go together"},
		{"a decision that is a string", 200, "application/json", `{"outcome": "allow", "decision": "true"}`, "cannot unmarshal"},
		{"an allow and more", 200, "application/json", allow + allow, "invalid character"},
		{"half an answer", 200, "application/json", allow[:20], "unexpected end"},
		{"nothing", 200, "application/json", "", "unexpected end"},
		{"a page of some proxy", 200, "text/html", allow, "content type"},
		{"a created allow", 201, "application/json", allow, "201"},
		{"no content", 204, "application/json", "", "204"},
		{"a fault with an allow in it", 503, "application/problem+json", `{"outcome": "allow", "decision": true, "detail": "wait", "reasons": [{"code": "not_ready"}]}`, "503 not_ready: wait"},
		{"a fault of some proxy", 502, "text/html", "<html>", "502"},
		{"too much", 200, "application/json", allow + strings.Repeat(" ", 1<<20), "too long"},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", row.media)
			w.WriteHeader(row.status)
			_, _ = w.Write([]byte(row.body))
		}))
		got, err := (&client.Client{URL: srv.URL}).Decide(t.Context(), client.Question{})
		if err == nil || !strings.Contains(err.Error(), row.says) || got.Allowed() || !reflect.DeepEqual(got, client.Answer{}) {
			t.Errorf("%s: Decide = %+v, %v, want an error that says %q", row.name, got, err, row.says)
		}
		srv.Close()
	}
}

// A question has a token in it, so it goes where it was sent and nowhere else.
func TestRedirectsAreNotFollowed(t *testing.T) {
	asked := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer elsewhere.Close()
	srv := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer srv.Close()
	for _, c := range []*client.Client{{URL: srv.URL}, {URL: srv.URL, HTTP: &http.Client{}}} {
		if _, err := c.Decide(t.Context(), client.Question{Token: "secret"}); err == nil || asked {
			t.Errorf("Decide: %v, asked elsewhere: %t, want an error and no", err, asked)
		}
	}
	if _, err := (&client.Client{URL: "http://127.0.0.1:0"}).Requirements(t.Context(), client.RequirementQuestion{}); err == nil {
		t.Error("Requirements of nobody: no error")
	}
	if _, err := (&client.Client{URL: "::"}).Decide(t.Context(), client.Question{}); err == nil {
		t.Error("Decide at no address: no error")
	}
	if _, err := (&client.Client{}).Decide(t.Context(), client.Question{Context: map[string]any{"f": func() {}}}); err == nil {
		t.Error("Decide about what is no JSON: no error")
	}
}

func TestWriteChallenge(t *testing.T) {
	challenges := []string{`Bearer error="insufficient_user_authentication", max_age="300"`, `DPoP algs="ES256"`}
	for _, row := range []struct {
		name   string
		answer client.Answer
		want   int
	}{
		{"as given", client.Answer{Outcome: client.NeedsStepUp, HTTP: client.HTTPAnswer{Status: 401, WWWAuthenticate: challenges}}, 401},
		{"a deny", client.Answer{Outcome: client.Deny, HTTP: client.HTTPAnswer{Status: 403}}, 403},
		{"an allow, in error", client.Answer{Outcome: client.Allow, Decision: true, HTTP: client.HTTPAnswer{Status: 200}}, 500},
		{"a status that refuses nothing", client.Answer{Outcome: client.Deny, HTTP: client.HTTPAnswer{Status: 204}}, 500},
		{"the zero value", client.Answer{}, 500},
	} {
		w := httptest.NewRecorder()
		row.answer.WriteChallenge(w)
		if w.Code != row.want || strings.Contains(w.Body.String(), `"allow"`) {
			t.Errorf("%s: %d %s, want %d", row.name, w.Code, w.Body, row.want)
		}
		if got := w.Header().Values("WWW-Authenticate"); !reflect.DeepEqual(got, row.answer.HTTP.WWWAuthenticate) {
			t.Errorf("%s: WWW-Authenticate %q, want %q", row.name, got, row.answer.HTTP.WWWAuthenticate)
		}
		if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Access-Control-Expose-Headers") != "WWW-Authenticate" {
			t.Errorf("%s: headers %v", row.name, w.Header())
		}
	}
}

func TestMergeAuthorization(t *testing.T) {
	own := url.Values{"client_id": {"app"}, "redirect_uri": {"https://app.example/callback"}, "scope": {"openid profile"}, "max_age": {"9"}, "state": {"s"}}
	for _, row := range []struct {
		name    string
		request map[string]string
		want    string
	}{
		{"scopes are joined", map[string]string{"scope": "openid read:employees step_up", "max_age": "3600"},
			"client_id=app&max_age=3600&redirect_uri=https://app.example/callback&scope=openid profile read:employees step_up&state=s"},
		{"what is not asked stays", map[string]string{"acr_values": "phr"},
			"acr_values=phr&client_id=app&max_age=9&redirect_uri=https://app.example/callback&scope=openid profile&state=s"},
		{"what is the application's stays", map[string]string{"redirect_uri": "https://evil.example/", "client_id": "x", "state": "x", "response_type": "token", "prompt": "login"},
			"client_id=app&max_age=9&prompt=login&redirect_uri=https://app.example/callback&scope=openid profile&state=s"},
	} {
		got, _ := url.QueryUnescape(client.MergeAuthorization(own, row.request).Encode())
		if got != row.want {
			t.Errorf("%s:\n got %s\nwant %s", row.name, got, row.want)
		}
	}
	if got := client.MergeAuthorization(nil, nil).Encode(); got != "scope=openid" {
		t.Errorf("MergeAuthorization of nothing = %s, want scope=openid", got)
	}
	if got := own.Get("scope"); got != "openid profile" {
		t.Errorf("the application's own request was changed: %s", got)
	}
}

func TestLocalPath(t *testing.T) {
	for path, want := range map[string]bool{
		"/": true, "/employees?q=a&next=https://evil.example/": true, "/a%20b": true, "/a//b": true, "/@evil.example": true,
		"": false, "employees": false, "//evil.example/": false, "/\\evil.example": false, "\\\\evil.example": false,
		"https://evil.example/": false, "javascript:alert(1)": false, "/\t/evil.example": false, "/\n/evil.example": false,
		" /": false, "/a b": false, "/%zz": false, "/ä": false, "///evil.example": false,
	} {
		if got, ok := client.LocalPath(path); ok != want || (ok && got != path) {
			t.Errorf("LocalPath(%q) = %q, %t, want %t", path, got, ok, want)
		}
	}
}

func TestNewSaysWhatIsMissing(t *testing.T) {
	whole := client.Config{
		Client: &client.Client{URL: "http://127.0.0.1:8181"},
		Token:  func(*http.Request) (string, error) { return "", nil },
		SignIn: func(*http.Request, map[string]string, string) (string, error) { return "/login", nil },
		Secret: make([]byte, 32),
	}
	if _, err := client.New(whole); err != nil {
		t.Errorf("New: %v", err)
	}
	for want, change := range map[string]func(*client.Config){
		"Client":  func(c *client.Config) { c.Client = &client.Client{} },
		"Token":   func(c *client.Config) { c.Token = nil },
		"SignIn":  func(c *client.Config) { c.SignIn = nil },
		"Secret":  func(c *client.Config) { c.Secret = c.Secret[:31] },
		"Session": func(c *client.Config) { c.Tickets = &client.MemoryTickets{} },
	} {
		c := whole
		change(&c)
		if _, err := client.New(c); err == nil || !strings.Contains(err.Error(), "Config."+want) {
			t.Errorf("New without %s: %v", want, err)
		}
	}
}
