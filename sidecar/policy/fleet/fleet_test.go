package fleet_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stepup/sidecar/policy/fleet"
	"stepup/sidecar/policy/fleet/fleettest"
)

// TestABundleIsActivatedWhole follows one bundle through its life.
func TestABundleIsActivatedWhole(t *testing.T) {
	w := newWorld(t, nil)
	if w.revision() != "" || w.policies.Current() != nil {
		t.Errorf("before the first bundle %q is active, want none", w.revision())
	}
	if got := w.fleet.NotActivated(); !slices.Equal(got, []string{"shop"}) {
		t.Errorf("NotActivated() = %q, want shop", got)
	}
	w.server.Serve("shop", good("r1").Build(t))
	w.mustFetch()
	first := w.policies.Current()
	agrees(t, first)

	w.server.Serve("shop", good("r2").Build(t))
	w.mustFetch()
	if w.revision() != "shop@r2" {
		t.Errorf("revision %q, want shop@r2", w.revision())
	}
	agrees(t, w.policies.Current(), "r1")
	// Whoever began with the first goes on with it.
	agrees(t, first, "r2")

	second := w.policies.Current()
	w.mustFetch()
	if n := w.server.Count("shop", "304"); n != 1 || w.policies.Current() != second {
		t.Errorf("304 answers: %d, want 1 and the same snapshot", n)
	}
	w.reports("nothing new", "r2", "", "")
	if got := w.fleet.Bundles(); len(got) != 1 || !got[0].Active || got[0].Revision != "r2" || got[0].Error != "" || got[0].ActivatedAt.IsZero() {
		t.Errorf("Bundles() = %+v", got)
	}
	if got := w.fleet.NotActivated(); len(got) > 0 {
		t.Errorf("NotActivated() = %q, want none", got)
	}
}

// TestWhatIsRefused serves a good bundle and then a bad one: the good one stays, the
// reason is told, and the next good one is taken.
func TestWhatIsRefused(t *testing.T) {
	bad := func(files map[string]string) fleettest.Bundle { return good("r1").With("bad", files) }
	everything := bad(nil)
	everything.Roots = nil
	everything.Files["shop/more.rego"] = "package shop\n\nmore := data.stepup.assurance.f(1)\n"
	for name, c := range map[string]struct {
		bundle fleettest.Bundle
		says   string
	}{
		"a built-in that reaches the network": {bad(map[string]string{"shop/policy.rego": `package shop
allow if http.send({"method": "get", "url": "http://127.0.0.1:1/"}).status_code == 200`}), "undefined function http.send (a policy may call it only when policy.builtins lists it)"},
		"a built-in that tells of the process": {bad(map[string]string{"shop/policy.rego": `package shop
allow if opa.runtime().env.HOME`}), "undefined function opa.runtime"},
		"no rule allow":                     {bad(map[string]string{"shop/policy.rego": "package shop\n\nalow := true\n"}), "package shop has no rule allow"},
		"another package":                   {fleettest.Bundle{Revision: "bad", Roots: []string{"other"}, Files: map[string]string{"other/p.rego": "package other\nallow := true\n"}}, "no package shop here"},
		"allow as a function":               {bad(map[string]string{"shop/policy.rego": "package shop\n\nallow(x) := x\n"}), "allow must be a plain rule"},
		"a rule below stepup":               {fleettest.Bundle{Revision: "bad", Roots: []string{"shop", "stepup"}, Files: bad(map[string]string{"stepup/assurance/p.rego": "package stepup.assurance\n\nlevels := [\"phr\"]\n"}).Files}, "names below stepup belong to the library"},
		"data of the library":               {fleettest.Bundle{Revision: "bad", Roots: []string{"shop", "stepup"}, Files: bad(map[string]string{"stepup/login/data.json": `{"x": 1}`}).Files}, "data.stepup.login: only data of stepup.levels and stepup.vocabularies may be added"},
		"a shipped level":                   {fleettest.Bundle{Revision: "bad", Roots: []string{"shop", "stepup/levels"}, Files: bad(map[string]string{"stepup/levels/data.json": `{"mfa": {"implies": []}}`}).Files}, "mfa"},
		"a shipped vocabulary":              {bad(map[string]string{"stepup/vocabularies/auth0/data.json": `{"claims": {}, "logins": []}`}), "auth0"},
		"a vocabulary of no sense":          {bad(map[string]string{"stepup/vocabularies/corp/data.json": `{"claims": {"lvl": {"1": "gold"}}, "absent": "none", "logins": []}`}), "gold"},
		"no Rego":                           {bad(map[string]string{"shop/policy.rego": "package shop\n\nallow if {\n"}), "rego_parse_error"},
		"rules that do not fit":             {bad(map[string]string{"shop/policy.rego": "package shop\n\nallow if unknown(1)\n"}), "undefined function unknown"},
		"data with a name twice":            {bad(map[string]string{"shop/data.json": `{"blocked": ["alice"], "blocked": []}`}), `the name "blocked" is there twice`},
		"YAML with a name twice":            {bad(map[string]string{"shop/data.json": "{}", "shop/list/data.yaml": "blocked: [alice]\nblocked: []\n"}), `the name "blocked" is there twice`},
		"data outside its roots":            {bad(map[string]string{"till/data.json": `{"x": 1}`}), "roots"},
		"rules where data is":               {bad(map[string]string{"shop/of.rego": "package shop\n\nof := \"bad\"\n"}), "conflict"},
		"a revision that could break lines": {good("r1").With("bad\n{}", nil), "the revision of the manifest must be printable"},
		"OPA's own data":                    {fleettest.Bundle{Revision: "bad", Files: bad(map[string]string{"system/bundles/evil/manifest/data.json": `{"revision": "x", "roots": []}`}).Files}, "is OPA's own"},
		"a library function":                {everything, "undefined function data.stepup.assurance.f"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.server.Serve("shop", c.bundle.Build(t))
			if err := w.fetch(); err == nil {
				t.Fatal("the bad bundle was taken, as the first")
			}
			if w.policies.Current() != nil {
				t.Fatal("the bad bundle is active, as the first")
			}
			w.server.Serve("shop", good("r1").Build(t))
			w.mustFetch()
			w.server.Serve("shop", c.bundle.Build(t))
			err := w.fetch()
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want it to say %q", err, c.says)
			}
			if w.revision() != "shop@r1" {
				t.Errorf("revision %q, want shop@r1", w.revision())
			}
			agrees(t, w.policies.Current(), "bad")
			if got := w.fleet.Bundles()[0]; !got.Active || got.Revision != "r1" || got.Error == "" {
				t.Errorf("Bundles() = %+v, want r1 active and an error", got)
			}
			if got := w.fleet.Bundles()[0].Error; got != fleet.ErrorActivation && got != fleet.ErrorDownload {
				t.Errorf("the error is %q", got)
			}
			w.reports("refused", "r1", w.fleet.Bundles()[0].Error, c.says)
			if refused := w.policies.Status().LastError != nil; refused != (w.fleet.Bundles()[0].Error == fleet.ErrorActivation) {
				t.Errorf("refused is %v, and the error %q", refused, w.fleet.Bundles()[0].Error)
			}
			if log := w.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(strings.ReplaceAll(log, `\"`, `"`), c.says) {
				t.Errorf("the log does not say %q: %s", c.says, log)
			}
			w.server.Serve("shop", good("r2").Build(t))
			w.mustFetch()
			if got := w.fleet.Bundles()[0]; w.revision() != "shop@r2" || got.Error != "" || w.policies.Status().LastError != nil {
				t.Errorf("after the next good one: %q, %+v, %v", w.revision(), got, w.policies.Status().LastError)
			}
			w.reports("mended", "r2", "", "")
		})
	}
}

// TestServersThatFail lets the server do badly what it did well.
func TestServersThatFail(t *testing.T) {
	for _, c := range []struct {
		name string
		how  fleettest.Fault
		kind string
	}{
		{"down", fleettest.Down, fleet.ErrorHTTP},
		{"hangs up", fleettest.HangUp, fleet.ErrorDownload},
		{"truncates", fleettest.Truncate, fleet.ErrorDownload},
		{"corrupts", fleettest.Corrupt, fleet.ErrorDownload},
		{"stalls", fleettest.Stall, fleet.ErrorDownload},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.server.Serve("shop", good("r1").Build(t))
			w.mustFetch()
			w.server.Serve("shop", good("r2").Build(t))
			w.server.Break("shop", c.how)
			failed := make(chan error, 1)
			go func() { failed <- w.fetch() }()
			if c.how == fleettest.Stall {
				w.await("the first half", func() bool { return w.server.Count("shop", "200") == 2 })
				agrees(t, w.policies.Current(), "r2")
				w.server.Break("shop", c.how) // which ends the answer
			}
			if err := <-failed; err == nil {
				t.Error("no error")
			}
			if got := w.fleet.Bundles()[0]; w.revision() != "shop@r1" || got.Revision != "r1" || got.Error != c.kind {
				t.Errorf("after the failure %q is active, %+v, want r1 and the error %q", w.revision(), got, c.kind)
			}
			if w.policies.Status().LastError != nil {
				t.Errorf("nothing was refused, and the status says %v", w.policies.Status().LastError)
			}
			agrees(t, w.policies.Current(), "r2")
			w.reports(c.name, "r1", c.kind, "")
			w.server.Serve("shop", good("r2").Build(t))
			w.mustFetch()
			if w.revision() != "shop@r2" {
				t.Errorf("once it answers again %q is active, want r2", w.revision())
			}
		})
	}
}

// TestAnswersAgreeWithTheirRevision swaps bundles, good and bad, under readers.
func TestAnswersAgreeWithTheirRevision(t *testing.T) {
	const swaps = 200
	w := newWorld(t, nil)
	w.server.Serve("shop", good("r0").Build(t))
	w.mustFetch()
	var stop atomic.Bool
	var decided atomic.Int64
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for !stop.Load() {
				s := w.policies.Current()
				agrees(t, s, "r0", "r1", "bad")
				decided.Add(1)
				time.Sleep(100 * time.Microsecond)
			}
		})
	}
	for n := 1; n <= swaps; n++ {
		revision := fmt.Sprintf("r%d", n)
		if n%10 == 0 {
			w.server.Serve("shop", good("r1").With("bad", map[string]string{"shop/policy.rego": "package shop\n"}).Build(t))
			if err := w.fetch(); err == nil {
				t.Error("a bundle without allow was taken")
			}
		}
		w.server.Serve("shop", good(revision).Build(t))
		w.mustFetch()
		if w.revision() != "shop@"+revision {
			t.Errorf("revision %q, want %s", w.revision(), revision)
		}
	}
	stop.Store(true)
	readers.Wait()
	t.Logf("%d decisions during %d swaps", decided.Load(), swaps)
}
