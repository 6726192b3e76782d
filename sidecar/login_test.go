package sidecar_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
	"stepup/sidecar/token/tokentest"
)

// fabrikam is a sidecar with the demonstration policy, an issuer whose tokens it accepts,
// and a clock for both.
type fabrikam struct {
	*testing.T
	world  *world
	issuer *tokentest.Issuer
}

const loginNow = 1795428120

func newFabrikam(t *testing.T, more string) *fabrikam {
	t.Helper()
	f := &fabrikam{T: t, world: &world{}}
	f.world.now.Store(loginNow)
	f.issuer = tokentest.New(t, tokentest.WithClock(func() time.Time { return time.Unix(f.world.now.Load(), 0) }))
	f.world.run(t, fmt.Sprintf(`
http: {address: "127.0.0.1:0"}
health: {address: ""}
policy: {deadline: 30s}
issuers: [{issuer: %q, audiences: [%q], vocabulary: stepup-demo}]
%s`, f.issuer.URL, tokentest.Audience, more), false)
	return f
}

// post asks a door and returns the answer's members.
func (f *fabrikam) post(path string, question any) (status int, answer map[string]any) {
	f.Helper()
	body, err := json.Marshal(question)
	if err != nil {
		f.Fatal(err)
	}
	resp, err := http.Post(f.world.url+path, "application/json", bytes.NewReader(body))
	if err != nil {
		f.Fatal(err)
	}
	defer resp.Body.Close()
	decoder := json.NewDecoder(resp.Body)
	decoder.UseNumber()
	if err := decoder.Decode(&answer); err != nil {
		f.Fatalf("POST %s: %d: %v", path, resp.StatusCode, err)
	}
	return resp.StatusCode, answer
}

func TestLoginIsOffUntilEnabled(t *testing.T) {
	f := newFabrikam(t, "")
	status, answer := f.post("/v1/login", access.Object{})
	if status != http.StatusNotFound || answer["claims"] != nil || answer["detail"] != "This door is off: login.enabled is false." {
		t.Errorf("POST /v1/login without login.enabled: %d %v, want 404 and the key", status, answer)
	}
}

func TestLoginOverHTTP(t *testing.T) {
	f := newFabrikam(t, "login: {enabled: true}")
	for _, row := range []struct {
		name, question, want string
	}{
		{"a code is missing", loginQuestion(`{"scope": "openid step_up"}`, `{"factor": "pwd", "time": 1795428000}`),
			`{"factors": ["otp"], "remembered_device": "ignore"}`},
		{"the code was right", loginQuestion(`{"scope": "openid step_up"}`, `{"factor": "pwd", "time": 1795428000}, {"factor": "otp", "time": 1795428115}`),
			`{"claims": {"authentication_level": "mfa", "acr": "mfa", "amr": ["pwd", "otp", "mfa"], "auth_time": 1795428115}}`},
		{"by the sidecar's clock, 120 seconds ago", loginQuestion(`{"max_age": "119"}`, `{"factor": "pwd", "time": 1795428000}`),
			`{"factors": ["pwd"], "remembered_device": "ignore"}`},
		{"clocks may disagree by clock_skew", loginQuestion(`{}`, `{"factor": "pwd", "time": 1795428150}`),
			`{"claims": {"authentication_level": "normal", "acr": "normal", "amr": ["pwd"], "auth_time": 1795428150}}`},
		{"and by no more", loginQuestion(`{"prompt": "none"}`, `{"factor": "pwd", "time": 1795428151}`), `{"error": "login_required"}`},
	} {
		status, got := f.post("/v1/login", json.RawMessage(row.question))
		var want map[string]any
		if err := decodeJSON([]byte(row.want), &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); status != http.StatusOK || diff != "" {
			t.Errorf("%s: %d (-want +got)\n%s", row.name, status, diff)
		}
	}
}

// decodeJSON keeps the digits of numbers, and refuses members that nobody knows.
func decodeJSON(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

func loginQuestion(request, completed string) string {
	return fmt.Sprintf(`{
		"authorization_request": %s,
		"user": {"id": "alice", "factors": ["pwd", "otp"]},
		"session": {"completed": [%s], "requested_at": 1795428110},
		"client": {"id": "intranet"}
	}`, request, completed)
}

// TestClosedLoop asks for every page with every kind of login. Whoever is told to step up,
// does so by the login rule, at a provider that grants the scopes that it is asked for, and
// asks again with the new token, is then allowed.
func TestClosedLoop(t *testing.T) {
	f := newFabrikam(t, "login: {enabled: true}")
	starts := map[string][]string{"normal": {"pwd"}, "mfa": {"pwd", "otp"}, "phr": {"webauthn"}}
	stepped := 0
	for _, page := range [][2]string{{"GET", "/customers"}, {"GET", "/employees"}, {"POST", "/payroll/transfers"}, {"GET", "/unheard-of"}} {
		for level, factors := range starts {
			for _, age := range []int64{0, 200, 301, 3601, 90000} {
				p := &person{fabrikam: f}
				p.prove(f.world.now.Load()-age, factors...)
				name := fmt.Sprintf("%s %s with %s %d s ago", page[0], page[1], level, age)
				outcome, stepUp := p.ask(page)
				if outcome == "step_up" {
					stepped++
					p.follow(stepUp["authorization_request"].(map[string]any))
					if outcome, _ = p.ask(page); outcome != "allow" {
						t.Errorf("%s: %s after the step-up %v, want allow", name, outcome, stepUp)
					}
				} else if outcome != "allow" && page[1] != "/unheard-of" {
					t.Errorf("%s: %s, want allow or step_up", name, outcome)
				}
			}
		}
	}
	if stepped < 20 {
		t.Errorf("%d step-ups, want more of them: the test shows too little", stepped)
	}
}

// A person has a session at the provider and a token by it.
type person struct {
	*fabrikam
	completed []any
	token     string
}

// prove completes factors at a moment, and gets a token of that login.
func (p *person) prove(at int64, factors ...string) {
	p.Helper()
	for _, factor := range factors {
		p.completed = append(p.completed, access.Object{"factor": factor, "time": at})
	}
	p.follow(map[string]any{"scope": "openid read:customers read:employees write:payroll"})
}

// follow sends an authorization request and does what the login rule says until there are
// claims.
func (p *person) follow(request map[string]any) {
	p.Helper()
	asked := p.world.now.Load()
	for range 3 {
		status, answer := p.post("/v1/login", access.Object{
			"authorization_request": request,
			"user":                  access.Object{"id": tokentest.Subject, "factors": []string{"pwd", "otp", "webauthn"}},
			"session":               access.Object{"completed": p.completed, "requested_at": asked},
			"client":                access.Object{"id": tokentest.Client},
		})
		if claims, done := answer["claims"].(map[string]any); done {
			p.issue(request, claims)
			return
		}
		factors, _ := answer["factors"].([]any)
		if len(factors) == 0 {
			p.Fatalf("login for %v: %d %v, want factors or claims", request, status, answer)
		}
		for _, factor := range factors {
			now := p.world.now.Add(7)
			p.completed = append(p.completed, access.Object{"factor": factor, "time": now})
		}
	}
	p.Fatalf("login for %v does not end", request)
}

// issue makes the token with the scopes that were asked for.
func (p *person) issue(request, claims map[string]any) {
	all := access.Object{"sub": tokentest.Subject, "scope": strings.TrimSpace(request["scope"].(string))}
	for name, value := range claims {
		all[name] = value
	}
	p.token = p.issuer.Token(all)
}

// ask asks the sidecar about a page.
func (p *person) ask(page [2]string) (outcome string, stepUp map[string]any) {
	p.Helper()
	_, answer := p.post("/v1/decision", access.Object{
		"token": p.token, "action": access.Object{"name": page[0]}, "resource": access.Object{"type": "route", "id": page[1]},
	})
	outcome, _ = answer["outcome"].(string)
	stepUp, _ = answer["step_up"].(map[string]any)
	return outcome, stepUp
}
