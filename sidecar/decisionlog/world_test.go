package decisionlog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/plugins/logs"

	"stepup/sidecar/access"
	"stepup/sidecar/decisionlog"
	"stepup/sidecar/input"
	"stepup/sidecar/pdp"
	"stepup/sidecar/policy"
	"stepup/sidecar/policy/fleet"
	"stepup/sidecar/policy/fleet/fleettest"
	"stepup/sidecar/token"
)

// allow is a policy to which tests add rules for the decision log.
const allow = `package shop

default allow := false

allow if input.resource.id == "/open"
`

// world is a decision log of a policy in a folder, with OPA's own plugins.
type world struct {
	testing.TB
	service  *fleettest.Logs
	policies *policy.Policies
	fleet    *fleet.Fleet
	log      *decisionlog.Log
	console  bytes.Buffer
	told     bytes.Buffer

	mu     sync.Mutex
	counts map[string]int
}

// newWorld makes it; rules, if any, are the package system.log, with or without its head.
func newWorld(t testing.TB, rules string, reporting map[string]any, change ...func(*decisionlog.Config, map[string]any)) *world {
	t.Helper()
	w := &world{TB: t, service: fleettest.NewLogs(t), counts: map[string]int{}}
	if rules == "" {
		w.policies = w.mustOpen(unmasked())
	} else {
		if !strings.Contains(rules, "package system.log\n") {
			rules = "package system.log\n\n" + rules
		}
		w.policies = w.mustOpen(openPolicy(map[string]string{"shop/policy.rego": allow, "system/log/rules.rego": rules}))
	}
	slow := map[string]any{"min_delay_seconds": 3600, "max_delay_seconds": 3600} // a test says when
	maps.Copy(slow, reporting)
	opa := w.service.Config(slow)
	opa["labels"] = map[string]any{"app": "shop"}
	c := decisionlog.Config{
		Package: "shop", Count: w.count, Logger: slog.New(slog.NewTextHandler(&w.told, nil)),
		Masks: func(ctx context.Context) (bool, error) {
			active := w.policies.Current()
			return active != nil, w.fleet.Adopt(ctx, active)
		},
	}
	for _, f := range change {
		f(&c, opa)
	}
	var err error
	w.fleet, err = fleet.New(t.Context(), fleet.Config{OPA: opa, Lost: w.count, Console: &w.console})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.fleet.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.fleet.Stop(context.Background()) })
	c.Manager = w.fleet.Manager()
	w.log = decisionlog.New(c)
	return w
}

// unmasked is the policy without rules for the decision log. It is loaded once.
var unmasked = sync.OnceValues(func() (*policy.Policies, error) {
	return openPolicy(map[string]string{"shop/policy.rego": allow})
})

// openPolicy loads a policy of these files.
func openPolicy(files map[string]string) (*policy.Policies, error) {
	dir, err := os.MkdirTemp("", "decisionlog")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return nil, err
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	return policy.Open(context.Background(), policy.Config{Path: dir, Package: "shop"})
}

func (w *world) mustOpen(p *policy.Policies, err error) *policy.Policies {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
	return p
}

func (w *world) count(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts[what]++
}

func (w *world) counted(what string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counts[what]
}

// begun starts the log, and logs and sends one event. OPA's plugin sends what there is when it begins, and goes on trying
// if it cannot: that is over then.
func (w *world) begun() {
	w.Helper()
	w.log.Start()
	w.log.Record(w.Context(), record())
	await(w, "the first event", func() bool { return w.counted(decisionlog.Handed) == 1 && len(w.sent()) == 1 })
}

// written lets all that was recorded be written, and sent as far as the service takes it.
func (w *world) written() []map[string]any {
	w.Helper()
	w.log.Start()
	w.log.Stop(context.Background())
	return w.sent()
}

func (w *world) sent() []map[string]any {
	w.Helper()
	if logs.Lookup(w.fleet.Manager()) != nil {
		if err := w.sendOnce(); err != nil {
			w.Logf("sending: %v", err)
		}
	}
	if odd := w.service.Odd(); len(odd) > 0 {
		w.Errorf("the service was sent what is no decision log: %q", odd)
	}
	var all []map[string]any
	for _, text := range w.service.Events() {
		var event map[string]any
		if err := json.Unmarshal(text, &event); err != nil {
			w.Fatal(err)
		}
		all = append(all, event)
	}
	return all
}

// one is the only event that was written.
func (w *world) one() map[string]any {
	w.Helper()
	all := w.written()
	if len(all) != 1 {
		w.Fatalf("%d events, want one; counted %v\n%s", len(all), w.counts, w.told.String())
	}
	return all[0]
}

// level is a claim of Auth0's, whose name has slashes in it.
const level = "https://fabrikam.example/authentication_level"

var decided = time.Date(2026, 11, 23, 10, 2, 0, 0, time.UTC)

// record is an allow of somebody with a verified token.
func record() pdp.Record {
	claims := &token.Claims{
		Issuer: "https://idp.example/", Subject: "alice", ClientID: "intranet", Audiences: []string{"https://api.example/"},
		Kind: token.AccessToken, Binding: "none", Vocabulary: token.Vocabulary{Name: "auth0-rule"},
		ExpiresAt: decided.Unix() + 300,
		All:       token.ClaimsOf(access.Object{"sub": "alice", level: "mfa", "email": "alice@example.com", "a~b": "x", "full name": "Alice", "groups": []any{"one", "two"}}),
	}
	r := pdp.Record{
		Request: access.Request{
			Door: "native", Credential: access.NewCredential("eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLXRoYXQtaXMtbG9uZw"),
			Action:   access.Action{Name: "GET"},
			Resource: access.Resource{Type: "route", ID: "/open"},
			Context:  access.Object{"ticket": "T-1"},
			HTTP:     &access.HTTPRequest{Method: "GET", Path: "/open", Segments: []string{"open"}, Headers: map[string][]string{"accept": {"text/html"}}},
		},
		Claims: claims,
		Decision: access.Decision{
			ID: "01936f6e-0000-7000-8000-000000000001", Outcome: access.Allow, Revision: "folder@0123456789ab",
			Assurance:   access.Assurance{Level: "mfa", Levels: []string{"normal", "mfa"}, Methods: []string{"pwd", "otp"}, AuthTime: decided.Unix() - 60, Told: true},
			Obligations: []access.Object{{"log": "twice"}}, Headers: map[string]string{"x-stepup-user": "alice"}, ValidUntil: decided.Unix() + 60,
		},
		Labels: []access.Object{{"control": "AC-3", "way": "open"}},
		Took:   1500 * time.Microsecond,
	}
	doc := input.New(r.Request, claims, r.Decision.Assurance, decided.Unix())
	r.Document, r.Subject = &doc, doc.Subject
	return r
}

// at is what an event has at a path of names and indices; nil if nothing is there.
func at(event any, path ...any) any {
	for _, step := range path {
		switch s := step.(type) {
		case string:
			o, _ := event.(map[string]any)
			event = o[s]
		case int:
			list, _ := event.([]any)
			if s >= len(list) {
				return nil
			}
			event = list[s]
		}
	}
	return event
}

func (w *world) sendOnce() error { return logs.Lookup(w.fleet.Manager()).Trigger(w.Context()) }

// reporting is how OPA's plugin is configured.
func (w *world) reporting() logs.ReportingConfig {
	return logs.Lookup(w.fleet.Manager()).Config().Reporting
}

// buffer is the kind of buffer that OPA's plugin has.
func (w *world) buffer() string {
	kind, _ := logs.Lookup(w.fleet.Manager()).BufferSize()
	return kind
}
