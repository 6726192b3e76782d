package fleet_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/plugins/bundle"

	"stepup/sidecar/policy"
	"stepup/sidecar/policy/fleet"
	"stepup/sidecar/policy/fleet/fleettest"
)

// wants holds a world to what is active and what its bundle's error is, as soon as
// everybody has heard: the plugin's listeners run after the store has the bundle.
func (w *world) wants(when, revision, kind string) {
	w.Helper()
	var told fleet.Bundle
	if !inTime(func() bool {
		told = w.told("shop")
		return w.revision() == revision && told.Error == kind && partOf(revision, told)
	}) {
		w.Errorf("%s: revision %q and %+v, want %q and the error %q\n%s", when, w.revision(), told, revision, kind, w.log)
	}
	if told.Name != "" && w.reported("shop").Name != "" {
		w.reports(when, told.Revision, kind, "")
	}
	if s := w.policies.Current(); s != nil && !strings.Contains(s.Revision(), ",") {
		agrees(w.T, s, "r1", "r2", "r3", "bad")
	}
}

// told is what the fleet tells of a bundle; its zero value: there is no such bundle.
func (w *world) told(bundle string) fleet.Bundle {
	for _, b := range w.fleet.Bundles() {
		if b.Name == bundle {
			return b
		}
	}
	return fleet.Bundle{}
}

// partOf reports whether a revision names a bundle as it is told; one that waits for another
// bundle is in none yet.
func partOf(revision string, b fleet.Bundle) bool {
	return revision == "" || b.Revision == "" || slices.Contains(strings.Split(revision, ","), b.Name+"@"+b.Revision)
}

// TestSigningIsRequiredOnceConfigured tries all that a thief of the server could do.
func TestSigningIsRequiredOnceConfigured(t *testing.T) {
	ours, theirs := fleettest.NewKey(t, "ops"), fleettest.NewKey(t, "ops")
	signed := manual()
	signed["signing"] = map[string]any{"keyid": "ops"}
	w := newWorld(t, map[string]any{"keys": ours.Config(), "bundles": map[string]any{"shop": signed}})
	fails := func(what string, archive []byte, active string) {
		t.Helper()
		w.server.Serve("shop", archive)
		if err := w.fetch(); err == nil {
			t.Errorf("%s was taken", what)
		}
		w.wants(what, active, fleet.ErrorDownload)
	}
	fails("an unsigned bundle, as the first", good("r1").Build(t), "")
	first := good("r1").SignedBy(ours).Build(t)
	w.server.Serve("shop", first)
	w.mustFetch()
	w.wants("signed", "shop@r1", "")
	w.server.Serve("shop", good("r2").SignedBy(ours).Build(t))
	w.mustFetch()
	w.wants("signed", "shop@r2", "")

	fails("an unsigned bundle", good("r3").Build(t), "shop@r2")
	fails("a bundle signed by somebody else", good("r3").SignedBy(theirs).Build(t), "shop@r2")
	fails("a file besides the signed ones", fleettest.Tampered(t, good("r3").SignedBy(ours), map[string]string{"shop/more.rego": "package shop\n\nallow := true\n"}), "shop@r2")
	fails("a signed file, changed", fleettest.Tampered(t, good("r3").SignedBy(ours), map[string]string{"shop/data.json": `{"of": "bad"}`}), "shop@r2")
	fails("a delta, which nobody can sign", delta("r3", `[{"op": "replace", "path": "/shop/of", "value": "bad"}]`).Build(t), "shop@r2")

	// A signature says who made a bundle, not that it is the newest: an older one is good.
	// The revision tells.
	w.server.Serve("shop", first)
	w.mustFetch()
	w.wants("an older signed bundle", "shop@r1", "")
}

// TestSignedWithoutAKey: a signature that nobody checks is not passed over.
func TestSignedWithoutAKey(t *testing.T) {
	w := newWorld(t, nil)
	w.server.Serve("shop", good("r1").SignedBy(fleettest.NewKey(t, "ops")).Build(t))
	if err := w.fetch(); err == nil {
		t.Error("a signed bundle was taken without a key")
	}
	w.wants("signed, without a key", "", fleet.ErrorDownload)
}

func delta(revision, operations string) fleettest.Bundle {
	return fleettest.Bundle{Revision: revision, Roots: good("").Roots, Patch: operations}
}

// TestDeltas change data alone, and are judged like any other bundle.
func TestDeltas(t *testing.T) {
	w := newWorld(t, nil)
	w.server.Serve("shop", good("r1").With("r1", map[string]string{"shop/policy.rego": `package shop

default allow := false

allow if input.resource.id == concat("", ["/", data.shop.of])
`}).Build(t))
	w.mustFetch()
	w.wants("the snapshot", "shop@r1", "")
	w.server.Serve("shop", delta("r2", `[{"op": "replace", "path": "/shop/of", "value": "r2"}]`).Build(t))
	w.mustFetch()
	w.wants("a delta", "shop@r2", "")

	for _, c := range []struct{ name, operations, says, kind string }{
		{"a shipped vocabulary", `[{"op": "upsert", "path": "/stepup/vocabularies/auth0", "value": {"claims": {}, "logins": []}}]`, "auth0", fleet.ErrorActivation},
		{"what is not its own", `[{"op": "upsert", "path": "/stepup/levels", "value": {"x": {}}}]`, "do not permit", fleet.ErrorDownload},
		{"data where a rule is", `[{"op": "upsert", "path": "/shop/allow", "value": true}]`, "conflict", fleet.ErrorActivation},
		{"a place that is not", `[{"op": "replace", "path": "/shop/nowhere/x", "value": 1}]`, "", fleet.ErrorActivation},
	} {
		w.server.Serve("shop", delta("bad", c.operations).Build(t))
		if err := w.fetch(); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want an error that says %q", c.name, err, c.says)
		}
		w.wants(c.name, "shop@r2", c.kind)
	}
	w.server.Serve("shop", delta("r3", `[{"op": "replace", "path": "/shop/of", "value": "r3"}]`).Build(t))
	w.mustFetch()
	w.wants("the next delta", "shop@r3", "")
}

// TestABundleThatOwnsEverything declares no roots and is as good.
func TestABundleThatOwnsEverything(t *testing.T) {
	w := newWorld(t, nil)
	b := good("r1")
	b.Roots = nil
	b.Files["stepup/vocabularies/corp/data.json"] = corp
	w.server.Serve("shop", b.Build(t))
	w.mustFetch()
	w.wants("root \"\"", "shop@r1", "")
	if !slices.Contains(w.policies.Current().Catalog().Names(), "corp") {
		t.Error("its vocabulary is not there")
	}
	w.server.Serve("shop", good("r2").Build(t))
	w.mustFetch()
	w.wants("the next, with roots", "shop@r2", "")
	if slices.Contains(w.policies.Current().Catalog().Names(), "corp") {
		t.Error("its vocabulary is still there")
	}
}

const corp = `{"claims": {"lvl": {"1": "normal", "2": "mfa"}}, "methods": ["amr"], "auth_time": ["auth_time"], "absent": "none",
	"logins": [{"level": "normal", "claims": [{"lvl": "1"}], "request": {"acr_values": "1"}}, {"level": "mfa", "claims": [{"lvl": "2"}], "request": {"acr_values": "2"}}]}`

// vocabularies is a bundle of data only.
func vocabularies(revision, text string) fleettest.Bundle {
	return fleettest.Bundle{Revision: revision, Roots: []string{"stepup/vocabularies/corp"}, Files: map[string]string{
		"stepup/vocabularies/corp/data.json": text,
	}}
}

// TestSeveralBundles: an issuer's vocabulary comes in a bundle of its own. Neither is a
// policy without the other, and in either order both become active together.
func TestSeveralBundles(t *testing.T) {
	shop := func(revision string) fleettest.Bundle { b := good(revision); b.Roots = []string{"shop"}; return b }
	two := map[string]any{"bundles": map[string]any{"shop": manual(), "corp": manual()}}
	uses := func(c *policy.Config) { c.Issuers = []policy.Use{{Issuer: "https://idp.example/", Vocabulary: "corp"}} }
	for _, order := range [][]string{{"shop", "corp"}, {"corp", "shop"}} {
		t.Run(strings.Join(order, " first, then "), func(t *testing.T) {
			w := newWorld(t, two, uses)
			archives := map[string][]byte{"shop": shop("r1").Build(t), "corp": vocabularies("v1", corp).Build(t)}
			w.server.Serve(order[0], archives[order[0]])
			_ = w.fetch() // the other is not there
			w.wants("one of two", "", w.fleet.Bundles()[1].Error)
			if got := w.fleet.NotActivated(); !slices.Equal(got, order[1:]) {
				t.Errorf("NotActivated() = %q, want %q", got, order[1:])
			}
			w.server.Serve(order[1], archives[order[1]])
			w.mustFetch()
			w.wants("both", "corp@v1,shop@r1", "")
			if v := w.policies.Current().Vocabulary("https://idp.example/"); v == nil || v.Name != "corp" {
				t.Errorf("the issuer's vocabulary is %+v", v)
			}

			// A change of one that does not fit the other is refused, whichever it is.
			w.server.Serve("corp", vocabularies("v2", strings.ReplaceAll(corp, "mfa", "gold")).Build(t))
			if err := w.fetch(); err == nil || !strings.Contains(err.Error(), "gold") {
				t.Errorf("a vocabulary with an unknown level: %v", err)
			}
			w.wants("a bad vocabulary", "corp@v1,shop@r1", "")
			w.server.Serve("corp", vocabularies("v3", corp).Build(t))
			w.server.Serve("shop", shop("r2").Build(t))
			w.mustFetch()
			w.wants("both anew", "corp@v3,shop@r2", "")
		})
	}
}

// TestABadFirstOfTwo is told at once, and mended without the other.
func TestABadFirstOfTwo(t *testing.T) {
	two := map[string]any{"bundles": map[string]any{"shop": manual(), "corp": manual()}}
	w := newWorld(t, two)
	w.server.Serve("shop", good("bad").With("bad", map[string]string{"shop/policy.rego": "package shop\n\nallow if http.send({}).x\n"}).Build(t))
	if err := w.fetch(); err == nil || !strings.Contains(err.Error(), "http.send") {
		t.Errorf("a bad first bundle: %v", err)
	}
	w.wants("bad", "", fleet.ErrorActivation)
}

// TestPersistence starts again while the server is down.
func TestPersistence(t *testing.T) {
	dir := t.TempDir()
	kept := manual()
	kept["persist"] = true
	more := map[string]any{"bundles": map[string]any{"shop": kept}, "persistence_directory": dir}
	w := newWorld(t, more)
	w.server.Serve("shop", good("r1").Build(t))
	w.mustFetch()
	w.server.Serve("shop", good("bad").With("bad", map[string]string{"shop/policy.rego": "package shop\n"}).Build(t))
	_ = w.fetch()
	w.server.Break("shop", fleettest.Down)

	w.restart(more)
	w.wants("from disk", "shop@r1", "")
	if got := w.fleet.Bundles()[0]; !got.Active || got.Revision != "r1" || len(w.fleet.NotActivated()) > 0 {
		t.Errorf("Bundles() = %+v", got)
	}
	_ = w.fetch()
	w.wants("from disk, with the server down", "shop@r1", fleet.ErrorHTTP)

	// What lies on the disk is judged as what comes over the network.
	archive := good("bad").With("bad", map[string]string{"shop/policy.rego": "package shop\n"}).Build(t)
	if err := os.WriteFile(keptOnDisk(t, dir), archive, 0o600); err != nil {
		t.Fatal(err)
	}
	w.restart(more)
	w.wants("a bad bundle on the disk", "", "")
}

// TestTheDiskIsVerifiedToo: whoever may write to the folder of kept bundles is nobody for that.
func TestTheDiskIsVerifiedToo(t *testing.T) {
	ours, theirs := fleettest.NewKey(t, "ops"), fleettest.NewKey(t, "ops")
	dir := t.TempDir()
	config := func(key *fleettest.Key) map[string]any {
		kept := manual()
		kept["persist"], kept["signing"] = true, map[string]any{"keyid": "ops"}
		return map[string]any{"keys": key.Config(), "bundles": map[string]any{"shop": kept}, "persistence_directory": dir}
	}
	w := newWorld(t, config(ours))
	signed := good("r1").SignedBy(ours)
	w.server.Serve("shop", signed.Build(t))
	w.mustFetch()
	w.server.Break("shop", fleettest.Down)
	where := keptOnDisk(t, dir)
	for _, c := range []struct {
		name     string
		archive  []byte
		key      *fleettest.Key
		revision string
	}{
		{"unsigned", good("r2").Build(t), ours, ""},
		{"signed by somebody else", good("r2").SignedBy(theirs).Build(t), ours, ""},
		{"changed after it was signed", fleettest.Tampered(t, signed, map[string]string{"shop/data.json": `{"of": "bad"}`}), ours, ""},
		{"signed by a key that is not ours any more", signed.Build(t), theirs, ""},
		{"as it was kept", signed.Build(t), ours, "shop@r1"},
	} {
		if err := os.WriteFile(where, c.archive, 0o600); err != nil {
			t.Fatal(err)
		}
		w.restart(config(c.key))
		w.wants("on the disk, "+c.name, c.revision, "")
	}
}

// keptOnDisk is the file of the one bundle that is kept.
func keptOnDisk(t *testing.T, dir string) string {
	t.Helper()
	where, err := filepath.Glob(filepath.Join(dir, "bundles", "shop", "*.tar.gz"))
	if err != nil || len(where) != 1 {
		t.Fatalf("kept: %q, %v", where, err)
	}
	return where[0]
}

// TestFilesAsBundles: file:// is OPA's own way to a bundle beside the program.
func TestFilesAsBundles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "shop.tar.gz")
	if err := os.WriteFile(file, good("r1").Build(t), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, map[string]any{"bundles": map[string]any{"shop": map[string]any{"resource": "file://" + file}}})
	w.await("the file to be read", func() bool { return w.revision() == "shop@r1" })
	w.wants("a file", "shop@r1", "")
}

// TestLongPolling: the change is there without the next polling.
func TestLongPolling(t *testing.T) {
	long := map[string]any{"service": "origin", "polling": map[string]any{"min_delay_seconds": 3600, "max_delay_seconds": 3600, "long_polling_timeout_seconds": 30}}
	w := newWorld(t, nil)
	w.server.LongPoll()
	w.server.Serve("shop", good("r1").Build(t))
	w.restart(map[string]any{"bundles": map[string]any{"shop": long}})
	w.await("the first", func() bool { return w.revision() == "shop@r1" })
	w.await("a waiting request", func() bool { return w.server.Count("shop", "waited") > 0 })
	w.server.Serve("shop", good("r2").Build(t))
	w.await("the second", func() bool { return w.revision() == "shop@r2" })
	w.wants("long polling", "shop@r2", "")
}

// TestRedefiningIsForWhoMay: what refuses a bundle elsewhere is allowed by name.
func TestRedefiningIsForWhoMay(t *testing.T) {
	w := newWorld(t, nil, func(c *policy.Config) { c.MayRedefine = []string{"oidc"}; c.Builtins = []string{"rand.intn"} })
	w.server.Serve("shop", good("r1").With("r1", map[string]string{
		"stepup/vocabularies/oidc/data.json": corp, "shop/more.rego": "package shop\n\nmore := rand.intn(\"x\", 2)\n",
	}).Build(t))
	w.mustFetch()
	w.wants("redefined by leave", "shop@r1", "")
}

// TestMasksReachNoHost: the compiler that OPA's plugins evaluate with has the policies'
// capabilities, with no host to be reached.
func TestMasksReachNoHost(t *testing.T) {
	w := newWorld(t, nil)
	w.server.Serve("shop", good("r1").Build(t))
	w.mustFetch()
	if got := w.fleet.Manager().GetCompiler().Capabilities(); got.AllowNet == nil || len(got.AllowNet) > 0 {
		t.Errorf("the plugins' compiler may reach %q", got.AllowNet)
	}
}

// TestTwoFleetsInOneProcess share nothing.
func TestTwoFleetsInOneProcess(t *testing.T) {
	one, two := newWorld(t, nil), newWorld(t, nil)
	one.server.Serve("shop", good("r1").Build(t))
	two.server.Serve("shop", good("r2").Build(t))
	one.mustFetch()
	if two.revision() != "" {
		t.Errorf("the second has %q of the first", two.revision())
	}
	two.mustFetch()
	one.wants("the first", "shop@r1", "")
	two.wants("the second", "shop@r2", "")
	if bundle.Lookup(one.fleet.Manager()) == bundle.Lookup(two.fleet.Manager()) {
		t.Error("they share a plugin")
	}
}
