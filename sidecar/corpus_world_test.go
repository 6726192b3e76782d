package sidecar_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"stepup/sidecar"
	"stepup/sidecar/cases"
	"stepup/sidecar/config"
	"stepup/sidecar/pdp"
	"stepup/sidecar/token/tokentest"
)

// worlds are the sidecars that the cases need: one for each configuration, so that every
// policy is compiled once. They run until the test ends.
type worlds struct {
	t    *testing.T
	keys keyring
	opa  map[string]any     // policy.opa of all of them; nil: none
	also func(r pdp.Record) // told of every decision, by several at once; nil: nobody is

	mu  sync.Mutex
	all map[string]*world
}

func newWorlds(t *testing.T) *worlds {
	return &worlds{t: t, keys: newKeyring(t), all: map[string]*world{}}
}

// of returns the running sidecar that a case is put to.
func (ws *worlds) of(t *testing.T, c cases.Case) *world {
	t.Helper()
	text := ws.configuration(t, c)
	ws.mu.Lock()
	w, there := ws.all[text]
	if !there {
		w = &world{also: ws.also}
		ws.all[text] = w
	}
	ws.mu.Unlock()
	w.begin.Do(func() {
		w.now.Store(c.Now)
		w.run(ws.t, text, c.Policy.Watch)
	})
	if w.url == "" {
		t.Fatalf("the sidecar did not start with\n%s", text)
	}
	return w
}

// configuration is what an operator would write for a case.
func (ws *worlds) configuration(t *testing.T, c cases.Case) string {
	t.Helper()
	policy := map[string]any{"anonymous": c.Policy.Anonymous, "deadline": "30s"}
	if c.Policy.Deadline != "" {
		policy["deadline"] = c.Policy.Deadline
	}
	if c.Policy.Folder != "" {
		policy["path"] = filepath.Join("..", "testdata", "policies", c.Policy.Folder)
		policy["package"] = c.Policy.Package
	}
	if ws.opa != nil {
		policy["opa"] = ws.opa
	}
	whole := map[string]any{
		"http":    map[string]any{"address": "127.0.0.1:0"},
		"health":  map[string]any{"address": ""},
		"policy":  policy,
		"issuers": []any{ws.keys.published(c.Issuer)},
		// Cases share people, and each is a question by itself.
		"loop_guard": false,
	}
	if c.Headers != nil {
		whole["headers"] = c.Headers
	}
	for _, d := range doors() {
		maps.Copy(whole, d.config)
	}
	text, err := yaml.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A world is one sidecar behind a real server, with a clock that is set for every
// question. It answers one question at a time.
type world struct {
	begin sync.Once
	url   string // empty: it did not start
	envoy string // where Envoy's door listens; empty: it does not
	now   atomic.Int64
	also  func(pdp.Record)

	asking sync.Mutex
	last   *pdp.Record // of the last question; nil: it was none
}

func (w *world) run(t *testing.T, text string, watch bool) {
	configuration, _, err := config.Load(config.Options{
		File:     "stepup.yaml",
		ReadFile: func(string) ([]byte, error) { return []byte(text), nil },
	})
	if err != nil {
		t.Error(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	server, err := sidecar.NewServer(ctx, sidecar.Options{
		Config: configuration, Logger: slog.New(slog.DiscardHandler), Recorder: w,
		Now: func() time.Time { return time.Unix(w.now.Load(), 0) },
	}, watch)
	if err != nil {
		stop()
		t.Error(err)
		return
	}
	w.serve(ctx, t, server, stop)
}

// serve returns when the sidecar listens; it is stopped when the test ends.
func (w *world) serve(ctx context.Context, t *testing.T, server *sidecar.Server, stop context.CancelFunc) {
	listening, ended := make(chan net.Addr, 1), make(chan error, 1)
	server.Listening = func(doors net.Addr) { listening <- doors }
	witness(t, server)
	go func() { ended <- server.Run(ctx) }()
	select {
	case doors := <-listening:
		w.url = "http://" + doors.String()
		if envoy := server.Addresses["envoy"]; envoy != nil {
			w.envoy = envoy.String()
		}
		t.Cleanup(func() {
			stop()
			if err := <-ended; err != nil {
				t.Errorf("the sidecar ended with %v", err)
			}
		})
	case err := <-ended:
		stop()
		t.Errorf("the sidecar ended with %v before it listened", err)
	}
}

// Record implements [pdp.Recorder]: it is told of a decision before its caller is.
func (w *world) Record(_ context.Context, r pdp.Record) {
	w.last = &r
	if w.also != nil {
		w.also(r)
	}
}

// A keyring has the keys of all issuers of the corpus, one for each algorithm, and those
// of a stranger.
type keyring struct {
	issuer, stranger map[string]tokentest.Key
	file             string // with the issuer's public keys
}

func newKeyring(t *testing.T) keyring {
	t.Helper()
	k := keyring{issuer: newKeys(t), stranger: newKeys(t)}
	var public []any
	for _, key := range k.issuer {
		public = append(public, key.JWK())
	}
	text, err := json.Marshal(map[string]any{"keys": public})
	if err != nil {
		t.Fatal(err)
	}
	k.file = filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(k.file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return k
}

// newKeys makes a key for each algorithm, the RSA ones of the same material.
func newKeys(t *testing.T) map[string]tokentest.Key {
	t.Helper()
	keys := map[string]tokentest.Key{}
	for _, alg := range []string{"ES256", "ES384", "ES512", "EdDSA"} {
		keys[alg] = tokentest.NewKey(t, alg, "key-"+alg)
	}
	rsa := tokentest.NewKey(t, "RS256", "")
	for _, alg := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"} {
		keys[alg] = rsa.As(alg).Named("key-" + alg)
	}
	return keys
}

// published is an issuer's entry with the place of its keys, unless it has one.
func (k keyring) published(issuer map[string]any) map[string]any {
	whole := map[string]any{"jwks_file": k.file}
	for name, value := range issuer {
		whole[name] = value
	}
	if whole["jwks_uri"] != nil {
		delete(whole, "jwks_file")
	}
	return whole
}

// sign makes a case's token of its facts.
func (k keyring) sign(t *testing.T, f cases.Token) string {
	t.Helper()
	alg, _ := f.Header["alg"].(string)
	header := map[string]any{"kid": "key-" + alg}
	for name, value := range f.Header {
		header[name] = value
	}
	switch f.SignedBy {
	case "", "issuer":
		return k.signer(t, k.issuer, alg).Sign(t, header, f.Claims)
	case "stranger":
		return k.signer(t, k.stranger, alg).Sign(t, header, f.Claims)
	case "nobody":
		signed := k.issuer["ES256"].Sign(t, header, f.Claims)
		return tokentest.WithPart(signed, 2, "")
	}
	t.Fatalf("token.signed_by is %q", f.SignedBy)
	return ""
}

func (k keyring) signer(t *testing.T, keys map[string]tokentest.Key, alg string) tokentest.Key {
	t.Helper()
	key, there := keys[alg]
	if !there {
		t.Fatalf("nobody signs with alg %q; there are %v", alg, slices.Sorted(maps.Keys(keys)))
	}
	return key
}
