package idp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stepup/sidecar"
	"stepup/sidecar/config"
	"stepup/sidecar/demo/idp"
	"stepup/sidecar/porttest"
)

// withSidecar lets a real sidecar, with its embedded demonstration policy, answer for the
// login rule, and accept the provider's tokens.
func withSidecar(t *testing.T, address *string, stop *func()) option {
	return func(c *idp.Config) {
		t.Helper()
		*address = free(t)
		file := filepath.Join(t.TempDir(), "stepup.yaml")
		text := fmt.Sprintf(`
http: {address: %q}
health: {address: %q}
login: {enabled: true}
policy: {deadline: 30s}
issuers:
  - {issuer: %q, audiences: [%q], vocabulary: stepup-demo}
`, *address, free(t), c.Issuer, audience)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		loaded, _, err := config.Load(config.Options{File: file})
		if err != nil {
			t.Fatal(err)
		}
		server, err := sidecar.NewServer(t.Context(), sidecar.Options{Config: loaded, Logger: slog.New(slog.DiscardHandler), StateDir: t.TempDir(), Now: c.Now}, false)
		if err != nil {
			t.Fatal(err)
		}
		*stop = run(t, server)
		c.Rule = idp.RuleAt("http://"+*address, nil)
	}
}

// run serves until stop is called, which waits for the end.
func run(t *testing.T, server *sidecar.Server) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	open, stopped := make(chan net.Addr, 1), make(chan error, 1)
	server.Listening = func(a net.Addr) { open <- a }
	go func() { stopped <- server.Run(ctx) }()
	t.Cleanup(cancel)
	select {
	case <-open:
	case err := <-stopped:
		t.Fatalf("Run: %v", err)
	}
	return func() { cancel(); <-stopped }
}

func free(t *testing.T) string {
	t.Helper()
	l, err := porttest.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// decision is what the sidecar answers, as far as this test follows it.
type decision struct {
	Outcome string `json:"outcome"`
	StepUp  struct {
		Request map[string]string `json:"authorization_request"`
	} `json:"step_up"`
}

func decide(t *testing.T, address, token, resource, action string) decision {
	t.Helper()
	body, _ := json.Marshal(map[string]any{"token": token, "action": map[string]any{"name": action}, "resource": map[string]any{"type": "route", "id": resource}})
	response, err := http.Post("http://"+address+"/v1/decision", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	var d decision
	if err := json.Unmarshal(text, &d); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("decision: %s %s", response.Status, text)
	}
	return d
}

// TestTheLoopCloses follows the sidecar's answers at this provider until it allows.
func TestTheLoopCloses(t *testing.T) {
	var address string
	var stop func()
	w := newWorld(t, withSidecar(t, &address, &stop))
	b := w.browser()
	trip := w.trip("scope", "read:customers read:employees offline_access")
	first := trip.tokens(b.open(trip.url).answer("name", "alice", "password", password("alice")))
	if got := decide(t, address, first.AccessToken, "/customers", "GET").Outcome; got != "allow" {
		t.Errorf("customers: %s, want allow", got)
	}
	asked := decide(t, address, first.AccessToken, "/employees", "GET")
	if asked.Outcome != "step_up" {
		t.Fatalf("employees: %s, want step_up", asked.Outcome)
	}
	parameters := []string{}
	for name, value := range asked.StepUp.Request {
		parameters = append(parameters, name, strings.TrimPrefix(value, "openid "))
	}
	w.clock.advance(time.Minute)
	trip = w.trip(parameters...)
	second := trip.tokens(b.open(trip.url).want("Enter your code").answer("code", w.code()))
	if got := decide(t, address, second.AccessToken, "/employees", "GET").Outcome; got != "allow" {
		t.Errorf("employees after following %v: %s, want allow", asked.StepUp.Request, got)
	}

	w.clock.advance(2 * time.Hour) // the step-up ages, and a refresh does not make it young
	raw, err := w.refreshing(second.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	if got := decide(t, address, raw.AccessToken, "/employees", "GET").Outcome; got != "step_up" {
		t.Errorf("employees two hours later: %s, want step_up", got)
	}

	stop()
	if got := b.open(w.trip().url).callback().Get("error"); got != "server_error" {
		t.Errorf("without the login rule: %q, want server_error", got)
	}
}

func TestAnswersOfARuleElsewhereThatDoNotCount(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"an error":          func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503); io.WriteString(w, `{"claims":{}}`) },
		"no JSON":           func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `<html>`) },
		"something unknown": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"factors":["pwd"],"skip":true}`) },
		"two answers":       func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"factors":["pwd"]}{"factors":[]}`) },
		"too much": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"error":"`+strings.Repeat("x", 70<<10)+`"}`)
		},
	} {
		server := httptest.NewServer(answer)
		if got, err := idp.RuleAt(server.URL, nil).Login(t.Context(), idp.Question{}); err == nil {
			t.Errorf("%s: %+v, want an error", name, got)
		}
		server.Close()
	}
}
