package sidecar_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stepup/sidecar"
	"stepup/sidecar/config"
	"stepup/sidecar/policy/fleet/fleettest"
)

// fetching is a configuration whose policy is fetched, every second.
const fetching = `
policy:
  package: shop
  deadline: 30s
  anonymous: true
  opa:
    labels: {app: shop}
    services: {origin: {url: %q}}
    bundles:
      shop: {service: origin, polling: {min_delay_seconds: 1, max_delay_seconds: 1}}
`

// shop is a bundle whose rules and data know the revision that its manifest tells: it
// allows exactly "/<revision>".
func shop(revision string) fleettest.Bundle {
	return fleettest.Bundle{Revision: revision, Roots: []string{"shop"}, Files: map[string]string{
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

// about is what a sidecar tells of its policy.
type about struct {
	Ready  bool `json:"ready"`
	Policy struct {
		Kind, Revision string
		Refused        bool
	} `json:"policy"`
	Bundles []struct {
		Name, Revision string
		Active         bool
		LastError      string `json:"last_error"`
		ActivatedAt    string `json:"activated_at"`
	} `json:"bundles"`
}

func (r *running) about() about {
	r.Helper()
	var a about
	_, body := r.onHealth("/readyz")
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		r.Fatalf("/readyz: %v in %s", err, body)
	}
	return a
}

// onHealth gets a path of the health listener.
func (r *running) onHealth(path string) (int, string) {
	r.Helper()
	resp, err := r.client.Get("http://" + r.health + path)
	if err != nil {
		r.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// await waits for what comes in its own time.
func await(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !happened(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// TestBeforeTheFirstBundle: the server of bundles is down when the sidecar starts.
func TestBeforeTheFirstBundle(t *testing.T) {
	server := fleettest.NewServer(t)
	r := start(t, fmt.Sprintf(fetching, server.URL))
	if a := r.about(); a.Ready || a.Policy.Kind != "bundles" || a.Policy.Revision != "" || len(a.Bundles) != 1 || a.Bundles[0].Active {
		t.Errorf("/readyz: %+v", a)
	}
	if status, body := r.post("http://"+r.http, askShop("/r1")); status != http.StatusServiceUnavailable || !strings.Contains(fmt.Sprint(body["reasons"]), "code:not_ready") {
		t.Errorf("a question before the first bundle: %d %v, want 503 not_ready", status, body)
	}
	wantHealth := func(when string, want map[string]int) {
		t.Helper()
		for path, status := range want {
			if got, body := r.onHealth(path); got != status {
				t.Errorf("%s: %s = %d %s, want %d", when, path, got, body, status)
			}
			if got := r.onDoors(path); strings.HasPrefix(path, "/health") && got != status {
				t.Errorf("%s: %s where OPA's clients ask = %d, want %d", when, path, got, status)
			}
		}
	}
	wantHealth("before", map[string]int{
		"/livez": 200, "/health": 200, "/health?bundles": 500, "/health?bundles=false": 200, "/health?plugins=true": 500,
		"/health?plugins&exclude-plugin=bundle": 200, "/health?plugins&exclude-plugin=discovery": 500,
	})
	await(t, "a failed attempt", func() bool { return r.about().Bundles[0].LastError == "http" })

	server.Serve("shop", shop("r1").Build(t))
	// The plugin tells that it is up after the store has the bundle, by which we are ready.
	await(t, "the first bundle", func() bool {
		status, _ := r.onHealth("/health?bundles&plugins")
		a := r.about()
		return status == http.StatusOK && a.Ready && a.Bundles[0].LastError == "" && a.Bundles[0].ActivatedAt != ""
	})
	wantHealth("after", map[string]int{"/health?bundles": 200, "/health?bundles&plugins": 200})
	if status, body := r.post("http://"+r.http, askShop("/r1")); status != http.StatusOK || body["outcome"] != "allow" || body["revision"] != "shop@r1" {
		t.Errorf("a question after the first bundle: %d %v", status, body)
	}
	_, metrics := r.onHealth("/metrics")
	for _, line := range []string{
		`stepup_policy_info{kind="bundles",revision="shop@r1"} 1`,
		`stepup_bundle_info{bundle="shop",revision="r1"} 1`,
		`stepup_bundle_activated_timestamp_seconds{bundle="shop"} `,
		`stepup_bundle_attempts_total{bundle="shop",result="ok"} `,
		`stepup_bundle_attempts_total{bundle="shop",result="http"} `,
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("metrics lack %s", line)
		}
	}
	// Once active, a server that is down again changes nothing.
	server.Break("shop", fleettest.Down)
	await(t, "a failed attempt", func() bool { return r.about().Bundles[0].LastError == "http" })
	wantHealth("down again", map[string]int{"/readyz": 200, "/health?bundles&plugins": 200})
}

// onDoors asks what the listener of the doors answers to a path.
func (r *running) onDoors(path string) int {
	r.Helper()
	resp, err := http.Get("http://" + r.http + path)
	if err != nil {
		r.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func askShop(resource string) string {
	return fmt.Sprintf(`{"action":{"name":"GET"},"resource":{"type":"route","id":%q}}`, resource)
}

// TestAFleet rolls out, rolls out badly and rolls back under load: five sidecars, one
// server of bundles.
func TestAFleet(t *testing.T) {
	server := fleettest.NewServer(t)
	server.Serve("shop", shop("r1").Build(t))
	fleet := make([]*running, 5)
	for i := range fleet {
		fleet[i] = start(t, fmt.Sprintf(fetching, server.URL))
	}
	all := func(what string, holds func(about) bool) {
		t.Helper()
		for i, r := range fleet {
			await(t, fmt.Sprintf("%s at sidecar %d", what, i), func() bool { return holds(r.about()) })
		}
	}
	on := func(revision string) func(about) bool {
		return func(a about) bool {
			return a.Ready && a.Policy.Revision == "shop@"+revision && !a.Policy.Refused && a.Bundles[0].Revision == revision && a.Bundles[0].LastError == ""
		}
	}
	all("the first revision", on("r1"))

	var stop atomic.Bool
	var load sync.WaitGroup
	asked := make([]atomic.Int64, len(fleet))
	for i, r := range fleet {
		load.Go(func() {
			for n := 0; !stop.Load(); n++ {
				r.agrees([]string{"r1", "r2", "bad"}[n%3])
				asked[i].Add(1)
				time.Sleep(2 * time.Millisecond)
			}
		})
	}

	server.Serve("shop", shop("r2").Build(t))
	all("the rollout", on("r2"))

	bad := shop("bad").With("bad", map[string]string{"shop/policy.rego": "package shop\n\nalow := true\n"})
	server.Serve("shop", bad.Build(t))
	all("the bad rollout to be refused", func(a about) bool {
		return a.Ready && a.Policy.Refused && a.Policy.Revision == "shop@r2" && a.Bundles[0].Revision == "r2" && a.Bundles[0].LastError == "activation"
	})

	server.Serve("shop", shop("r1").Build(t))
	all("the rollback", on("r1"))
	stop.Store(true)
	load.Wait()
	for i := range asked {
		if asked[i].Load() == 0 {
			t.Errorf("sidecar %d was asked nothing", i)
		}
		t.Logf("sidecar %d: %d answers", i, asked[i].Load())
	}
}

// agrees asks for what exactly one revision allows, and holds the answer to the revision
// that it names.
func (r *running) agrees(revision string) {
	status, body := r.post("http://"+r.http, askShop("/"+revision))
	want := "deny"
	if body["revision"] == "shop@"+revision {
		want = "allow"
	}
	if status != http.StatusOK || body["outcome"] != want || body["revision"] == "shop@bad" {
		r.Errorf("GET /%s: %d %v, want %s", revision, status, body, want)
	}
}

// TestStoppingWithBundles: a stop ends the plugins too, in the middle of a download.
func TestStoppingWithBundles(t *testing.T) {
	server := fleettest.NewServer(t)
	server.Serve("shop", shop("r1").Build(t))
	server.Break("shop", fleettest.Stall)
	r := start(t, fmt.Sprintf(fetching, server.URL))
	await(t, "a download", func() bool { return server.Count("shop", "200") > 0 })
	r.stop()
	if err := <-r.stopped; err != nil {
		t.Errorf("Run = %v", err)
	}
}

// TestDecidingOnceFetchesNothing: only a sidecar that stays runs policy.opa.
func TestDecidingOnceFetchesNothing(t *testing.T) {
	load := func(text string) *config.Config {
		c, _, err := config.Load(config.Options{File: "x", ReadFile: func(string) ([]byte, error) { return []byte(text), nil }})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	server := fleettest.NewServer(t)
	_, err := sidecar.NewCore(t.Context(), sidecar.Options{Config: load(fmt.Sprintf(fetching, server.URL)), Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "only stepup serve fetches bundles") {
		t.Errorf("NewCore = %v", err)
	}
	core, err := sidecar.NewCore(t.Context(), sidecar.Options{Config: load("policy: {opa: {labels: {app: shop}}}"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil || core.Fleet != nil {
		t.Errorf("NewCore = %v, %v", core, err)
	}
}

// TestOPABesideAPolicyOfItsOwn: labels and the like need no bundles.
func TestOPABesideAPolicyOfItsOwn(t *testing.T) {
	r := start(t, "policy: {anonymous: true, opa: {labels: {app: shop}}}")
	if a := r.about(); !a.Ready || a.Policy.Kind != "demonstration" || len(a.Bundles) > 0 {
		t.Errorf("/readyz: %+v", a)
	}
	if status, body := r.onHealth("/health?bundles&plugins"); status != http.StatusOK || strings.TrimSpace(body) != "{}" {
		t.Errorf("/health: %d %s", status, body)
	}
}

// TestMistakesInOPAsConfiguration are told at the start.
func TestMistakesInOPAsConfiguration(t *testing.T) {
	for text, says := range map[string]string{
		"policy: {opa: {server: {}}}":                                            "x:1: policy.opa.server: the sidecar has no server",
		"policy:\n  opa:\n    labels: {a: b}\n    decision_logs: {plugin: mine}": "x:4: policy.opa.decision_logs.plugin: plugins of your own",
		"policy:\n  package: shop\n  opa:\n    services: {s: {url: 'http://127.0.0.1:1'}}\n    keys: {k: {key: secret, algorithm: HS256}}\n    bundles:\n      b: {service: s}": "x:7: policy.opa.bundles.b: the key \"k\" is there to verify bundles",
		"policy: {package: shop, opa: {bundles: {shop: {service: none}}}}":                        `x:1: policy.opa.bundles.shop.service: "none" is not in policy.opa.services`,
		"policy: {opa: {labels: {a: b}, bundels: {}}}":                                            "policy.opa.bundels: unknown key; the nearest valid key is policy.opa.bundles",
		"policy: {package: stepup.x, opa: {bundles: {shop: {resource: 'file:///x'}}}}":            "lies below stepup",
		"policy: {package: shop, builtins: [x], opa: {bundles: {shop: {resource: 'file:///x'}}}}": `OPA has no built-in function "x"`,
	} {
		c, _, err := config.Load(config.Options{File: "x", ReadFile: func(string) ([]byte, error) { return []byte(text), nil }})
		if err == nil {
			_, err = sidecar.NewServer(t.Context(), sidecar.Options{Config: c, Logger: slog.New(slog.DiscardHandler), StateDir: t.TempDir()}, false)
		}
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want an error that says %q", text, err, says)
		}
	}
}
