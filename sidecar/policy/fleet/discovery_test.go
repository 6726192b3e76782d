package fleet_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/plugins/discovery"

	"stepup/sidecar/policy/fleet/fleettest"
)

// discovers starts a world that knows of discovery alone.
func discovers(t *testing.T, more map[string]any) *world {
	t.Helper()
	all := map[string]any{"bundles": nil, "discovery": map[string]any{"resource": "bundles/settings", "service": "origin", "trigger": "manual"}}
	for k, v := range more {
		all[k] = v
	}
	return newWorld(t, all)
}

// settings is a discovery bundle that gives a configuration.
func settings(t *testing.T, revision string, config map[string]any) []byte {
	t.Helper()
	return settingsBundle(t, revision, config).Build(t)
}

func settingsBundle(t *testing.T, revision string, config map[string]any) fleettest.Bundle {
	t.Helper()
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	return fleettest.Bundle{Revision: revision, Files: map[string]string{"data.json": string(text)}}
}

func (w *world) discover(t *testing.T, archive []byte) {
	t.Helper()
	w.server.Serve("settings", archive)
	if err := discovery.Lookup(w.fleet.Manager()).Trigger(t.Context()); err != nil {
		t.Logf("discovering: %v", err)
	}
}

func bundles(names ...string) map[string]any {
	all := map[string]any{}
	for _, name := range names {
		all[name] = manual()
	}
	return map[string]any{"bundles": all}
}

// TestDiscovery follows a fleet's settings through their life.
func TestDiscovery(t *testing.T) {
	w := discovers(t, nil)
	if got := w.fleet.NotActivated(); !slices.Equal(got, []string{"discovery"}) {
		t.Errorf("before anything is discovered NotActivated() = %q", got)
	}
	w.discover(t, settings(t, "s1", bundles("shop")))
	if got := w.fleet.NotActivated(); !slices.Equal(got, []string{"shop"}) {
		t.Errorf("NotActivated() = %q, want shop\n%s", got, w.log)
	}
	w.server.Serve("shop", good("r1").Build(t))
	w.mustFetch()
	w.wants("discovered", "shop@r1", "")
	w.await("the listener", func() bool { _ = w.fetch(); return !w.fleet.Bundles()[0].ActivatedAt.IsZero() })

	// Another bundle is to come: what the first says next waits for it.
	w.discover(t, settings(t, "s2", bundles("shop", "extra")))
	w.wants("announced", "shop@r1", "")
	w.server.Serve("shop", good("r2").Build(t))
	if err := w.fetch(); err == nil || !strings.Contains(err.Error(), "waits for extra") {
		t.Errorf("a bundle before another that was announced: %v", err)
	}
	if w.revision() != "shop@r1" {
		t.Errorf("revision %q, want shop@r1", w.revision())
	}
	w.server.Serve("extra", fleettest.Bundle{Revision: "x1", Roots: []string{"extra"}, Files: map[string]string{"extra/data.json": `{"a": 1}`}}.Build(t))
	_ = w.fetch()
	w.mustFetch()
	w.wants("both", "extra@x1,shop@r2", "")

	// One goes, and the other is a policy still.
	w.discover(t, settings(t, "s3", bundles("shop")))
	w.wants("without the extra one", "shop@r2", "")

	// The last goes: what is not wanted decides no longer.
	w.discover(t, settings(t, "s4", bundles("other")))
	if w.policies.Current() != nil {
		t.Errorf("revision %q of a bundle that is not configured any more", w.revision())
	}
	if !strings.Contains(w.log.String(), "no policy is active any more") {
		t.Errorf("the log does not tell: %s", w.log)
	}
}

// TestWhatIsLeftNeedNotBeAPolicy: the bundle with the rules goes, that with data stays.
// OPA panics if it may not take a bundle away, so it may; and no policy is active.
func TestWhatIsLeftNeedNotBeAPolicy(t *testing.T) {
	w := discovers(t, nil)
	w.discover(t, settings(t, "s1", bundles("shop", "extra")))
	w.server.Serve("shop", good("r1").Build(t))
	w.server.Serve("extra", fleettest.Bundle{Revision: "x1", Roots: []string{"extra"}, Files: map[string]string{"extra/data.json": `{"a": 1}`}}.Build(t))
	w.mustFetch()
	w.wants("both", "extra@x1,shop@r1", "")
	w.discover(t, settings(t, "s2", bundles("extra")))
	if w.policies.Current() != nil {
		t.Errorf("revision %q, want none", w.revision())
	}
	if !strings.Contains(w.log.String(), "without shop") {
		t.Errorf("the log does not tell: %s", w.log)
	}
	w.discover(t, settings(t, "s3", bundles("shop", "extra")))
	w.mustFetch()
	w.wants("both again", "extra@x1,shop@r1", "")
}

// TestDiscoveredConfigurationsAreHeldToTheSame: what may not be written may not be
// discovered, and what was there before stays.
func TestDiscoveredConfigurationsAreHeldToTheSame(t *testing.T) {
	key := fleettest.NewKey(t, "ops")
	signed := map[string]any{"keys": key.Config(), "discovery": map[string]any{
		"resource": "bundles/settings", "service": "origin", "trigger": "manual", "signing": map[string]any{"keyid": "ops"},
	}}
	for name, c := range map[string]struct {
		boot, discovered map[string]any
		says             string
	}{
		"a server":             {nil, map[string]any{"server": map[string]any{"encoding": map[string]any{}}}, "server: "},
		"a misspelt key":       {nil, map[string]any{"bundels": map[string]any{}}, `unknown configuration option \"bundels\"`},
		"plugins":              {nil, map[string]any{"plugins": map[string]any{"x": map[string]any{}}}, "plugins: "},
		"unsigned beside keys": {signed, bundles("shop", "more"), "would be accepted unsigned"},
		"keys beside unsigned": {nil, map[string]any{"keys": key.Config(), "bundles": bundles("shop")["bundles"]}, "would be accepted unsigned"},
	} {
		t.Run(name, func(t *testing.T) {
			w := discovers(t, c.boot)
			if c.boot == nil {
				w.discover(t, settings(t, "s1", bundles("shop")))
				w.server.Serve("shop", good("r1").Build(t))
				w.mustFetch()
			}
			before := w.revision()
			discovered := settingsBundle(t, "s2", c.discovered)
			if c.boot != nil {
				discovered = discovered.SignedBy(key)
			}
			w.discover(t, discovered.Build(t))
			if !strings.Contains(w.log.String(), c.says) {
				t.Errorf("the log does not say %q:\n%s", c.says, w.log)
			}
			if w.revision() != before {
				t.Errorf("revision %q, want %q", w.revision(), before)
			}
		})
	}
}
