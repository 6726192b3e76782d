package fleet_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/plugins/bundle"
	"github.com/open-policy-agent/opa/v1/plugins/status"
	"github.com/prometheus/client_golang/prometheus"

	"stepup/sidecar/access"
	"stepup/sidecar/input"
	"stepup/sidecar/policy"
	"stepup/sidecar/policy/fleet"
	"stepup/sidecar/policy/fleet/fleettest"
)

// world is one sidecar's policies, fed by bundles of a server.
type world struct {
	*testing.T
	server   *fleettest.Server
	statuses *fleettest.Statuses
	policies *policy.Policies
	fleet    *fleet.Fleet
	log      *lines
	registry *prometheus.Registry
	attempts []string
}

// opa is a configuration with one bundle that is fetched when the test says so.
func opa(url, statuses string, more map[string]any) map[string]any {
	all := map[string]any{
		"services": map[string]any{"origin": map[string]any{"url": url}},
		"status":   map[string]any{"service": "control", "trigger": "manual"},
		"bundles":  map[string]any{"shop": manual()},
	}
	maps.Copy(all, more)
	services := maps.Clone(all["services"].(map[string]any))
	services["control"] = map[string]any{"url": statuses}
	all["services"] = services
	return all
}

func manual() map[string]any { return map[string]any{"service": "origin", "trigger": "manual"} }

// newWorld starts it. The change is made to the configuration of OPA.
func newWorld(t *testing.T, more map[string]any, change ...func(*policy.Config)) *world {
	t.Helper()
	w := &world{T: t, server: fleettest.NewServer(t), statuses: fleettest.NewStatuses(t), log: &lines{}}
	w.restart(more, change...)
	return w
}

func (w *world) restart(more map[string]any, change ...func(*policy.Config)) {
	w.Helper()
	logger := slog.New(slog.NewTextHandler(w.log, nil))
	c := policy.Config{Package: "shop", Logger: logger}
	for _, f := range change {
		f(&c)
	}
	w.registry = prometheus.NewRegistry()
	var err error
	if w.policies, err = policy.Receive(c); err != nil {
		w.Fatal(err)
	}
	w.fleet, err = fleet.New(w.Context(), fleet.Config{
		OPA: opa(w.server.URL, w.statuses.URL, more), Policies: w.policies, Logger: logger, Registry: w.registry,
		Observe: func(_, kind string) { w.attempts = append(w.attempts, kind) },
	})
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { w.fleet.Stop(context.Background()) })
	if err := w.fleet.Start(w.Context()); err != nil {
		w.Fatal(err)
	}
}

// reported is what OPA's status plugin tells the control service now about a bundle.
func (w *world) reported(bundle string) fleettest.BundleStatus {
	w.Helper()
	if err := status.Lookup(w.fleet.Manager()).Trigger(w.Context()); err != nil {
		w.Errorf("reporting the status: %v", err)
	}
	if odd := w.statuses.Odd(); len(odd) > 0 {
		w.Errorf("the service was sent what is no status: %q", odd)
	}
	return w.statuses.Last().Bundles[bundle]
}

// reports holds what the status plugin tells to a revision that is active and a kind of
// error: its code, and what it says in its message or its errors. The plugin hears of a
// bundle after the bundle is active, so it is asked until it has heard.
func (w *world) reports(when, revision, kind, says string) {
	w.Helper()
	var wrong string
	if !inTime(func() bool { wrong = misreported(w.reported("shop"), revision, kind, says); return wrong == "" }) {
		w.Errorf("%s: %s", when, wrong)
	}
}

// misreported is what is wrong with a status; empty: nothing.
func misreported(got fleettest.BundleStatus, revision, kind, says string) string {
	code := map[bool]string{true: "bundle_error"}[kind != ""]
	if got.Name != "shop" || got.ActiveRevision != revision || got.Code != code || (got.HTTPCode != "") != (kind == fleet.ErrorHTTP) {
		return fmt.Sprintf("the status is %+v, want the revision %q and the code %q", got, revision, code)
	}
	if kind == "" && got.Says() != "" || !strings.Contains(got.Says(), says) {
		return fmt.Sprintf("the status says %q, want %q", got.Says(), says)
	}
	return ""
}

// fetch lets the plugin ask for its bundles now, and waits for what becomes of it.
func (w *world) fetch() error {
	w.Helper()
	return bundle.Lookup(w.fleet.Manager()).Trigger(w.Context())
}

func (w *world) mustFetch() {
	w.Helper()
	if err := w.fetch(); err != nil {
		w.Fatalf("fetching bundles: %v", err)
	}
}

// revision is that of the active policy; empty: none is.
func (w *world) revision() string { return w.policies.Status().Revision }

// allows asks a policy for somebody without a token.
func allows(t *testing.T, s *policy.Snapshot, resource string) bool {
	t.Helper()
	doc := input.New(access.Request{
		Action: access.Action{Name: "GET"}, Resource: access.Resource{Type: "route", ID: resource},
	}, nil, access.NoAssurance(), 1795428120)
	r, err := s.Evaluate(t.Context(), doc)
	if err != nil {
		t.Fatal(err)
	}
	return r.Allow
}

// await waits for what comes in its own time.
func (w *world) await(what string, happened func() bool) {
	w.Helper()
	await(w.T, what, happened)
}

// lines is a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// good is a bundle whose rules and data both know the revision that its manifest tells: it
// allows exactly "/<revision>".
func good(revision string) fleettest.Bundle {
	return fleettest.Bundle{Revision: revision, Roots: []string{"shop", "stepup/vocabularies"}, Files: map[string]string{
		"shop/policy.rego": fmt.Sprintf(`package shop

default allow := false

allow if {
	data.shop.of == %q
	input.resource.id == concat("", ["/", data.shop.of])
}
`, revision),
		"shop/data.json": fmt.Sprintf(`{"of": %q}`, revision),
	}}
}

// agrees holds a snapshot to the revision that it names.
func agrees(t *testing.T, s *policy.Snapshot, others ...string) {
	t.Helper()
	_, own, _ := strings.Cut(s.Revision(), "@")
	if !allows(t, s, "/"+own) {
		t.Errorf("%s does not allow /%s", s.Revision(), own)
	}
	for _, other := range others {
		if other != own && allows(t, s, "/"+other) {
			t.Errorf("%s allows /%s", s.Revision(), other)
		}
	}
}

// await waits for what comes in its own time.
func await(t *testing.T, what string, happened func() bool) {
	t.Helper()
	if !inTime(happened) {
		t.Fatalf("waited in vain for %s", what)
	}
}

// inTime waits for at most a minute, and tells whether it happened.
func inTime(happened func() bool) bool {
	for end := time.Now().Add(time.Minute); !happened(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}
