package sidecar_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"

	"stepup/sidecar"
	"stepup/sidecar/config"
	"stepup/sidecar/porttest"
	"stepup/sidecar/token/tokentest"
)

// running is a sidecar that was started as the program starts it.
type running struct {
	*testing.T
	http, health string       // addresses
	stop         func()       // asks it to stop
	stopped      <-chan error // what Run returned
	client       *http.Client
}

// start runs a sidecar with a configuration, given as YAML, on ports of its own.
func start(t *testing.T, yaml string, change ...func(*sidecar.Options)) *running {
	t.Helper()
	file := filepath.Join(t.TempDir(), "stepup.yaml")
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := map[string]string{"health.address": free(t)}
	if !strings.Contains(yaml, "deadline:") {
		flags["policy.deadline"] = "30s" // a machine that is busy with other tests is no fault
	}
	if !strings.Contains(yaml, "address:") {
		flags["http.address"] = free(t)
	}
	c, _, err := config.Load(config.Options{File: file, Flags: flags})
	if err != nil {
		t.Fatal(err)
	}
	o := sidecar.Options{Config: c, Logger: slog.New(slog.DiscardHandler), StateDir: t.TempDir()}
	for _, f := range change {
		f(&o)
	}
	server, err := sidecar.NewServer(t.Context(), o, false)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, server, c)
}

func run(t *testing.T, server *sidecar.Server, c *config.Config) *running {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	open, stopped := make(chan net.Addr, 1), make(chan error, 1)
	server.Listening = func(a net.Addr) { open <- a }
	witness(t, server)
	go func() { stopped <- server.Run(ctx) }()
	t.Cleanup(stop)
	select {
	case <-open:
	case err := <-stopped:
		t.Fatalf("Run: %v", err)
	}
	return &running{T: t, http: string(c.HTTP.Address), health: string(c.Health.Address), stop: stop, stopped: stopped, client: http.DefaultClient}
}

// free returns an address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	l, err := porttest.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

const question = `{"token":%q,"action":{"name":"GET"},"resource":{"type":"route","id":"/customers"}}`

// ask posts a question about /customers and returns status and outcome.
func (r *running) ask(text string) (int, string) {
	r.Helper()
	status, body := r.post("http://"+r.http, fmt.Sprintf(question, text))
	return status, body["outcome"].(string)
}

func (r *running) post(base, body string) (int, map[string]any) {
	r.Helper()
	resp, err := r.client.Post(base+"/v1/decision", "application/json", strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	return resp.StatusCode, decoded(r.T, resp)
}

func decoded(t *testing.T, resp *http.Response) map[string]any {
	t.Helper()
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var body map[string]any
	if err := json.Unmarshal(text, &body); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return body
}

func (r *running) ready() (int, map[string]any) {
	r.Helper()
	resp, err := http.Get("http://" + r.health + "/readyz")
	if err != nil {
		r.Fatal(err)
	}
	return resp.StatusCode, decoded(r.T, resp)
}

func issuerEntry(i *tokentest.Issuer) string {
	c := i.Configuration(nil)
	return fmt.Sprintf("  - {issuer: %q, audiences: [%q], vocabulary: oidc}\n", i.URL, c.Audiences[0])
}

// login makes a token with which /customers is allowed.
func login(i *tokentest.Issuer) string {
	return i.Token(map[string]any{"amr": []any{"pwd"}, "scope": "read:customers"})
}

// TestOneIssuerDownStopsNobodyElse starts with one of two issuers down.
func TestOneIssuerDownStopsNobodyElse(t *testing.T) {
	up, down := tokentest.New(t), tokentest.New(t)
	down.Down()
	s := start(t, "issuers:\n"+issuerEntry(up)+issuerEntry(down))
	if status, outcome := s.ask(login(up)); status != 200 || outcome != "allow" {
		t.Errorf("a token of the issuer that is up: %d %s, want 200 allow", status, outcome)
	}
	if status, outcome := s.ask(login(down)); status != 503 || outcome != "deny" {
		t.Errorf("a token of the issuer that is down: %d %s, want 503 deny", status, outcome)
	}
	if status, body := s.ready(); status != 200 {
		t.Errorf("/readyz = %d %v, want 200: one issuer is usable", status, body)
	}
}

// TestReadyWithTheFirstUsableIssuer starts with the only issuer down.
func TestReadyWithTheFirstUsableIssuer(t *testing.T) {
	only := tokentest.New(t)
	only.Down()
	s := start(t, "issuers:\n"+issuerEntry(only))
	if status, _ := s.ask(login(only)); status != 503 {
		t.Errorf("without keys: %d, want 503", status)
	}
	if status, body := s.ready(); status != 503 || fmt.Sprint(body["not_ready"]) != "[no issuer is usable]" {
		t.Errorf("/readyz = %d %v, want 503 because no issuer is usable", status, body["not_ready"])
	}
	only.Up()
	for deadline := time.Now().Add(time.Minute); ; {
		status, _ := s.ready()
		if status == 200 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("/readyz = %d long after the issuer came back", status)
		}
		time.Sleep(50 * time.Millisecond) // the keys are fetched again in the background
	}
	if status, outcome := s.ask(login(only)); status != 200 || outcome != "allow" {
		t.Errorf("after the issuer came back: %d %s, want 200 allow", status, outcome)
	}
}

// TestStopLetsQuestionsFinish stops while a question waits for keys.
func TestStopLetsQuestionsFinish(t *testing.T) {
	slow := tokentest.New(t)
	slow.Stall()
	s := start(t, "issuers:\n"+issuerEntry(slow))
	answers := make(chan string, 1)
	go func() {
		_, outcome := s.ask(login(slow))
		answers <- outcome
	}()
	waitFor(t, "the question waits for keys", func() bool { return inFlight(t, s) == "1" })
	s.stop()
	waitFor(t, "the sidecar is stopping", func() bool {
		status, body := s.ready()
		return status == 503 && strings.Contains(fmt.Sprint(body["not_ready"]), "stopping")
	})
	slow.Resume()
	if outcome := <-answers; outcome != "allow" {
		t.Errorf("the question in flight: %s, want allow", outcome)
	}
	if err := <-s.stopped; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
}

func inFlight(t *testing.T, s *running) string {
	t.Helper()
	resp, err := http.Get("http://" + s.health + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, _ := io.ReadAll(resp.Body)
	_, after, _ := strings.Cut(string(text), "\nstepup_http_requests_in_flight ")
	value, _, _ := strings.Cut(after, "\n")
	return value
}

func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// TestUnixSocket asks over a socket, after a process that left its socket behind.
func TestUnixSocket(t *testing.T) {
	issuer := tokentest.New(t)
	path := filepath.Join(t.TempDir(), "stepup.sock")
	left, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	left.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = left.Close()
	yaml := fmt.Sprintf("http: {address: 'unix://%s'}\nissuers:\n%s", path, issuerEntry(issuer))
	s := start(t, yaml)
	s.client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	if status, body := s.post("http://stepup", fmt.Sprintf(question, login(issuer))); status != 200 || body["outcome"] != "allow" {
		t.Errorf("over the socket: %d %v, want 200 allow", status, body)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("mode of the socket = %v, %v; want 0660", info.Mode(), err)
	}
	second := loaded(t, yaml)
	server, err := sidecar.NewServer(t.Context(), second, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "another process answers") {
		t.Errorf("a second sidecar on the same socket: %v, want a refusal", err)
	}
}

// TestUnixSocketIsNeverWider follows what happens to the socket's name: it appears with
// its mode, and nothing is left beside it.
func TestUnixSocketIsNeverWider(t *testing.T) {
	dir := t.TempDir()
	path, last := filepath.Join(dir, "stepup.sock"), filepath.Join(dir, "last")
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = watcher.Close() }()
	if err := watcher.Add(dir); err != nil {
		t.Fatal(err)
	}
	s := start(t, fmt.Sprintf("http: {address: 'unix://%s'}\n", path))
	if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
		t.Errorf("beside the socket: %v, %v; want nothing", names, err)
	}
	s.stop()
	if err := <-s.stopped; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
	if err := os.WriteFile(last, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var seen []fsnotify.Op
	for e := range watcher.Events {
		if e.Name == last {
			break
		}
		if e.Name == path {
			seen = append(seen, e.Op)
		}
	}
	if want := []fsnotify.Op{fsnotify.Create, fsnotify.Remove}; !slices.Equal(seen, want) {
		t.Errorf("what happened to the socket's name: %v, want %v", seen, want)
	}
}

// TestOptionsOfTheServer asks OPTIONS * (RFC 9110, section 9.3.7), to which net/http would
// answer 200 by itself.
func TestOptionsOfTheServer(t *testing.T) {
	s := start(t, "")
	for _, address := range []string{s.http, s.health} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, "OPTIONS * HTTP/1.1\r\nHost: stepup\r\nConnection: close\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if body := decoded(t, resp); resp.StatusCode != http.StatusNotFound || body["decision"] != false || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("OPTIONS *: %d %v %v, want an uncached 404 that says no", resp.StatusCode, body, resp.Header)
		}
		_ = conn.Close()
	}
}

func loaded(t *testing.T, yaml string) sidecar.Options {
	t.Helper()
	file := filepath.Join(t.TempDir(), "stepup.yaml")
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, err := config.Load(config.Options{File: file, Flags: map[string]string{"health.address": free(t)}})
	if err != nil {
		t.Fatal(err)
	}
	return sidecar.Options{Config: c, Logger: slog.New(slog.DiscardHandler), StateDir: t.TempDir()}
}

// TestTLS demands client certificates where an authority for them is configured.
func TestTLS(t *testing.T) {
	issuer := tokentest.New(t)
	dir := t.TempDir()
	authority := newAuthority(t, dir)
	authority.issue(t, "server", "127.0.0.1")
	authority.issue(t, "caller", "caller.example")
	address := free(t)
	s := start(t, fmt.Sprintf("http: {address: %q, tls: {cert: '%s/server.pem', key: '%s/server-key.pem', client_ca: '%s/ca.pem'}}\nissuers:\n%s",
		address, dir, dir, dir, issuerEntry(issuer)))
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.pem)
	known, err := tls.LoadX509KeyPair(filepath.Join(dir, "caller.pem"), filepath.Join(dir, "caller-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	s.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{known}}, ForceAttemptHTTP2: true}}
	if status, body := s.post("https://"+address, fmt.Sprintf(question, login(issuer))); status != 200 || body["outcome"] != "allow" {
		t.Errorf("with a client certificate: %d %v, want 200 allow", status, body)
	}
	nobody := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	if resp, err := nobody.Post("https://"+address+"/v1/decision", "application/json", strings.NewReader("{}")); err == nil {
		t.Errorf("without a client certificate: %s, want no answer", resp.Status)
	}
}

// TestDevRefusesOtherMachines keeps the development issuer on this machine.
func TestDevRefusesOtherMachines(t *testing.T) {
	for _, yaml := range []string{"http: {address: '0.0.0.0:0', insecure: true}\n", "health: {address: ':0'}\n"} {
		o := loaded(t, yaml)
		if yaml[:6] == "health" {
			o.Config.Health.Address = ":0"
		}
		o.Dev = true
		if _, err := sidecar.NewServer(t.Context(), o, false); err == nil || !strings.Contains(err.Error(), "beyond loopback") {
			t.Errorf("--dev with %s: %v, want a refusal", strings.TrimSpace(yaml), err)
		}
	}
}
