package sidecar_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stepup/sidecar"
	"stepup/sidecar/token/tokentest"
)

const callerKey = "a caller's key, 32 or more letters"

// withKey sends a key with every request, and counts connections of HTTP/2.
type withKey struct {
	http.RoundTripper
	key string
}

func (w withKey) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.key != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+w.key)
	}
	return w.RoundTripper.RoundTrip(r)
}

func logTo(log *bytes.Buffer) func(*sidecar.Options) {
	return func(o *sidecar.Options) { o.Logger = slog.New(slog.NewJSONHandler(log, nil)) }
}

// TestCallersByKey asks with a key, with another and with none; the caller's name stands in
// the line of the log, the key nowhere.
func TestCallersByKey(t *testing.T) {
	issuer := tokentest.New(t)
	key := strings.ReplaceAll(callerKey, " ", "_")
	var log bytes.Buffer
	s := start(t, fmt.Sprintf("policy: {deadline: 30s}\ncallers: [{name: intranet, key_hash: 'sha256:%x', doors: [native]}]\nlogin: {enabled: true}\nissuers:\n%s",
		sha256.Sum256([]byte(key)), issuerEntry(issuer)), logTo(&log))
	for _, row := range []struct {
		name, key string
		status    int
		outcome   string
	}{
		{"its key", key, 200, "allow"},
		{"another key", key + "x", 401, "deny"},
		{"no key", "", 401, "deny"},
		{"the user's token", login(issuer), 401, "deny"},
	} {
		s.client = &http.Client{Transport: withKey{http.DefaultTransport, row.key}}
		if status, outcome := s.ask(login(issuer)); status != row.status || outcome != row.outcome {
			t.Errorf("with %s: %d %s, want %d %s", row.name, status, outcome, row.status, row.outcome)
		}
	}
	resp, err := (&http.Client{Transport: withKey{http.DefaultTransport, key}}).Post("http://"+s.http+"/v1/login", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if body := decoded(t, resp); resp.StatusCode != 403 || body["decision"] != false {
		t.Errorf("a caller of another door: %d %v, want 403", resp.StatusCode, body)
	}
	if status, _ := s.ready(); status != 200 {
		t.Errorf("readyz = %d, want 200: probes are no callers", status)
	}
	s.stop()
	<-s.stopped
	if !strings.Contains(log.String(), `"caller":"intranet"`) || strings.Contains(log.String(), key) {
		t.Errorf("the log, which should name the caller and not the key:\n%s", log.String())
	}
}

// TestCallersByCertificate asks by HTTP/1.1 and HTTP/2 with certificates of one authority.
func TestCallersByCertificate(t *testing.T) {
	issuer := tokentest.New(t)
	dir := t.TempDir()
	authority := newAuthority(t, dir)
	authority.issue(t, "server", "127.0.0.1")
	authority.issue(t, "known", "gw.fabrikam.example")
	authority.issue(t, "gw.fabrikam.example", "other.fabrikam.example") // the common name of the known one
	address := free(t)
	s := start(t, fmt.Sprintf("http: {address: %q, tls: {cert: '%s/server.pem', key: '%s/server-key.pem', client_ca: '%s/ca.pem'}}\n"+
		"policy: {deadline: 30s}\ncallers: [{name: gateway, san: gw.fabrikam.example, doors: [native]}]\nissuers:\n%s", address, dir, dir, dir, issuerEntry(issuer)))
	for _, row := range []struct {
		certificate string
		http2       bool
		status      int
	}{
		{"known", false, 200}, {"known", true, 200},
		{"gw.fabrikam.example", false, 401}, {"gw.fabrikam.example", true, 401},
	} {
		s.client = authority.client(t, row.certificate, row.http2)
		if status, body := s.post("https://"+address, fmt.Sprintf(question, login(issuer))); status != row.status {
			t.Errorf("with the certificate %s (HTTP/2 %t): %d %v, want %d", row.certificate, row.http2, status, body, row.status)
		}
	}
}

func (a *authority) client(t *testing.T, name string, http2 bool) *http.Client {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(a.dir, name+".pem"), filepath.Join(a.dir, name+"-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(a.pem)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}, ForceAttemptHTTP2: http2}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// TestCallersByUnixUser asks as the user of this test, who is known at one socket and not at
// another.
func TestCallersByUnixUser(t *testing.T) {
	issuer := tokentest.New(t)
	me := os.Getuid()
	for uid, want := range map[int]int{me: 200, me + 1: 401} {
		path := filepath.Join(t.TempDir(), "stepup.sock")
		s := start(t, fmt.Sprintf("http: {address: 'unix://%s'}\npolicy: {deadline: 30s}\ncallers: [{name: app, uid: %d, doors: [native]}]\nissuers:\n%s", path, uid, issuerEntry(issuer)))
		s.client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}}}
		if status, body := s.post("http://stepup", fmt.Sprintf(question, login(issuer))); status != want {
			t.Errorf("as user %d where %d is known: %d %v, want %d", me, uid, status, body, want)
		}
	}
}
