package tokentest

import (
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"stepup/sidecar/access"
	"stepup/sidecar/token"
)

// Whom an Issuer's tokens are for and about unless a test says otherwise.
const (
	Audience = "https://api.example/"
	Client   = "app"
	Subject  = "alice"
)

// The paths that an Issuer serves, relative to its URL; OAuthMetadata stands before the
// URL's path instead (RFC 8414, section 3.1).
const (
	OpenIDMetadata = "/.well-known/openid-configuration"
	OAuthMetadata  = "/.well-known/oauth-authorization-server"
	KeySet         = "/keys"
)

// An Issuer publishes keys on a loopback server and signs tokens with the first of them.
// Its methods may be called at any time, from any goroutine.
type Issuer struct {
	URL string // the issuer's name, and where its server is

	t      testing.TB
	server *httptest.Server
	path   string
	now    func() time.Time

	mu       sync.Mutex
	keys     []Key
	handlers map[string]http.HandlerFunc
	headers  http.Header
	fetches  map[string]int
	down     bool
	stalled  chan struct{}
}

// An Option changes how New sets up an Issuer.
type Option func(*settings)

type settings struct {
	tls  bool
	path string
	now  func() time.Time
	alg  string
}

// WithTLS serves https; [Issuer.CAFile] has the root to trust.
func WithTLS() Option { return func(s *settings) { s.tls = true } }

// WithPath puts a path into the issuer's URL, as providers with tenants do; it is taken
// as it is, with a slash at its end or without.
func WithPath(path string) Option { return func(s *settings) { s.path = path } }

// WithClock sets the clock by which [Issuer.Token] dates tokens.
func WithClock(now func() time.Time) Option { return func(s *settings) { s.now = now } }

// WithAlg sets the algorithm of the first key; it is ES256 otherwise.
func WithAlg(alg string) Option { return func(s *settings) { s.alg = alg } }

// New starts an issuer with one key.
func New(t testing.TB, options ...Option) *Issuer {
	t.Helper()
	s := settings{now: time.Now, alg: "ES256"}
	for _, o := range options {
		o(&s)
	}
	i := &Issuer{
		t: t, path: s.path, now: s.now, keys: []Key{NewKey(t, s.alg, "key-1")},
		handlers: map[string]http.HandlerFunc{}, headers: http.Header{}, fetches: map[string]int{},
	}
	i.server = httptest.NewUnstartedServer(http.HandlerFunc(i.serve))
	i.server.Config.ErrorLog = log.New(io.Discard, "", 0) // failed handshakes are part of tests
	if s.tls {
		i.server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		i.server.StartTLS()
	} else {
		i.server.Start()
	}
	i.URL = i.server.URL + s.path
	t.Cleanup(func() { i.Resume(); i.server.Close() })
	return i
}

// Key returns the key that signs.
func (i *Issuer) Key() Key {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys[0]
}

// Publish replaces the published keys; the first of them signs from now on.
func (i *Issuer) Publish(keys ...Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = keys
}

// Rotate replaces all keys by a new one of the same algorithm, and returns it.
func (i *Issuer) Rotate() Key {
	i.t.Helper()
	k := NewKey(i.t, i.Key().Alg, fmt.Sprintf("key-%d", time.Now().UnixNano()))
	i.Publish(k)
	return k
}

// JWKS returns the document that publishes the keys.
func (i *Issuer) JWKS() []byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	set := []access.Object{}
	for _, k := range i.keys {
		set = append(set, k.JWK())
	}
	return text(i.t, access.Object{"keys": set})
}

// JWKSURI is where the keys are.
func (i *Issuer) JWKSURI() string { return strings.TrimSuffix(i.URL, "/") + KeySet }

// CAFile writes the root of an issuer made [WithTLS] to a file.
func (i *Issuer) CAFile() string {
	i.t.Helper()
	path := filepath.Join(i.t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: i.server.Certificate().Raw}
	must(i.t, os.WriteFile(path, pem.EncodeToMemory(block), 0o600))
	return path
}

// Claims returns the claims of a good access token (RFC 9068, section 2.2), valid for an
// hour, with changes laid over them; a change to [Absent] takes a claim away.
func (i *Issuer) Claims(changes access.Object) access.Object {
	now := i.now().Unix()
	claims := access.Object{
		"iss": i.URL, "aud": Audience, "sub": Subject, "client_id": Client,
		"iat": now, "exp": now + 3600, "jti": fmt.Sprintf("jti-%d", time.Now().UnixNano()),
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, v any) bool { _, gone := v.(Absent); return gone })
	return claims
}

// Absent, as the value of a change, takes a claim away.
type Absent struct{}

// Token signs a good access token with changes laid over its claims.
func (i *Issuer) Token(changes access.Object) string {
	i.t.Helper()
	return i.Key().Sign(i.t, i.Key().Header("at+jwt"), i.Claims(changes))
}

// Configuration returns the entry with which a Verifier accepts this issuer's tokens, by
// RFC 9068 strictly, with these keys.
func (i *Issuer) Configuration(keys token.Keys) token.Issuer {
	return token.Issuer{URL: i.URL, Audiences: []string{Audience}, Vocabulary: "oidc", Keys: keys}
}

// Handle serves a path differently, be it with garbage; nil serves it as before. Paths
// are those of the constants of this package, or any other.
func (i *Issuer) Handle(path string, h http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if h == nil {
		delete(i.handlers, path)
		return
	}
	i.handlers[path] = h
}

// SetHeader adds a header to every answer, such as Cache-Control; an empty value takes it
// away.
func (i *Issuer) SetHeader(name, value string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.headers.Set(name, value); value == "" {
		i.headers.Del(name)
	}
}

// Fetches returns how often a path was asked for, or everything if it is empty.
func (i *Issuer) Fetches(path string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	if path != "" {
		return i.fetches[path]
	}
	all := 0
	for _, n := range i.fetches {
		all += n
	}
	return all
}

// Down makes the server break every connection without an answer until [Issuer.Up].
func (i *Issuer) Down() { i.setDown(true) }

// Up ends Down.
func (i *Issuer) Up() { i.setDown(false) }

func (i *Issuer) setDown(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

// Stall makes the server accept requests and not answer them until [Issuer.Resume].
func (i *Issuer) Stall() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.stalled == nil {
		i.stalled = make(chan struct{})
	}
}

// Resume ends Stall: what waits is answered.
func (i *Issuer) Resume() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.stalled != nil {
		close(i.stalled)
		i.stalled = nil
	}
}
