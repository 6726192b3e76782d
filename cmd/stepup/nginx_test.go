package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"stepup/sidecar"
	"stepup/sidecar/client"
	"stepup/sidecar/config"
	"stepup/sidecar/demo/idp"
	"stepup/sidecar/porttest"
)

// The whole way of a browser through nginx: a page, the login, the provider, back, a step-up, and the
// page. nginx runs with the file of deploy/nginx, and with the lines of its page for a token in a
// cookie; the provider is the demonstration's; the login is an application of this test.

func TestNginxLoop(t *testing.T) {
	n := newNginx(t, idp.Misbehave{})
	n.open("/employees?by=name").shows(200, "Sign in")
	n.signIn("alice").shows(200, "Enter your code")
	n.answer("code", n.demo.code(person(n.T, "alice"))).shows(200, "the application's /employees?by=name")
	n.at("/employees?by=name")
	n.went(2) // to sign in, and more strongly
	n.open("/employees").shows(200, "the application's /employees")
	n.went(0)
	n.open("/elsewhere").shows(403) // no login opens it
	n.went(0)
	n.demo.clock.Advance(2 * time.Hour)
	n.open("/customers").shows(200, "the application's /customers") // the token expired, the session at the provider did not
	n.went(1)
}

// TestNginxLoopEnds: a provider that answers every login at once, and as it was, gets the browser
// back a few times and not for ever.
func TestNginxLoopEnds(t *testing.T) {
	n := newNginx(t, idp.Misbehave{IgnoreACRValues: true})
	n.open("/employees").shows(200, "Sign in")
	n.signIn("alice").shows(401)
	n.went(3)
	if got := n.Header.Values("Www-Authenticate"); len(got) != 1 || !strings.Contains(got[0], "insufficient_user_authentication") {
		t.Errorf("at last the challenges are %q, want the one of the step-up", got)
	}
	n.open("/customers").shows(200, "the application's /customers")
	n.went(0)
}

// newNginx is a browser before nginx, with all that stands behind it.
func newNginx(t *testing.T, misbehave idp.Misbehave) *express {
	t.Helper()
	g := newGuarded(t, misbehave, false)
	return &express{surfer: newSurfer(t, g.demo), app: g.origin}
}

// A guarded is an application behind nginx, with the demonstration's provider to sign in at.
type guarded struct {
	demo   *demo
	origin string
}

// newGuarded runs all of it, secure: nginx over TLS.
func newGuarded(t *testing.T, misbehave idp.Misbehave, secure bool) guarded {
	t.Helper()
	nginx := nginxProgram(t)
	front := freePort(t)
	origin := "http://127.0.0.1:" + front
	if secure {
		origin = "https://127.0.0.1:" + front
	}
	d, _ := newDemoFor(t, demoOptions{app: origin, misbehave: misbehave})
	login, _ := listenLocal(t)
	serveUntilEnd(t, login, newLogin(d, origin))
	app, _ := listenLocal(t)
	serveUntilEnd(t, app, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "<!doctype html><title>Application</title><h1>the application's %s</h1>", r.RequestURI)
	}))
	startNginx(t, nginx, origin, runGate(t, d, origin), app.Addr().String(), login.Addr().String())
	return guarded{d, origin}
}

// runGate is the sidecar that nginx asks.
func runGate(t *testing.T, d *demo, origin string) (address string) {
	t.Helper()
	text := fmt.Sprintf(`
http: {address: "127.0.0.1:0"}
health: {address: ""}
policy: {deadline: 30s}
issuers: [{issuer: %[1]q, audiences: [%[2]q], vocabulary: stepup-demo}]
gateways: {nginx: {peers: [127.0.0.1], origin: %[3]q, login_url: "%[3]s/sign-in", return_to: [/*]}}
`, d.providerURL, demoAPI, origin)
	cfg, _, err := config.Load(config.Options{File: "gate", ReadFile: func(string) ([]byte, error) { return []byte(text), nil }})
	if err != nil {
		t.Fatal(err)
	}
	server, err := sidecar.NewServer(t.Context(), sidecar.Options{Config: cfg, Logger: slog.New(slog.NewTextHandler(outputOf(t), nil)), Now: d.clock.Now}, false)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	listening, ended := make(chan net.Addr, 1), make(chan error, 1)
	server.Listening = func(a net.Addr) { listening <- a }
	go func() { ended <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("nginx's sidecar: %v", err)
		}
	})
	select {
	case a := <-listening:
		return a.String()
	case err := <-ended:
		ended <- err
		t.Fatalf("nginx's sidecar: %v", err)
	}
	return ""
}

// A login signs people in for the application behind nginx: it makes the authorization request of
// what the sidecar asks for, and keeps the access token in a cookie.
type login struct {
	oauth  oauth2.Config
	origin string

	mu      sync.Mutex
	leaving map[string]leaving // by state
}

type leaving struct{ verifier, returnTo string }

func newLogin(d *demo, origin string) http.Handler {
	l := &login{origin: origin, leaving: map[string]leaving{}, oauth: oauth2.Config{
		ClientID: demoApp, ClientSecret: demoSecret, RedirectURL: origin + "/callback",
		Endpoint: oauth2.Endpoint{AuthURL: d.providerURL + "/authorize", TokenURL: d.providerURL + "/oauth/token"},
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sign-in", l.start)
	mux.HandleFunc("GET /callback", l.finish)
	return mux
}

func (l *login) start(w http.ResponseWriter, r *http.Request) {
	query, wanted := r.URL.Query(), map[string]string{}
	for name := range query {
		wanted[name] = query.Get(name)
	}
	back := query.Get("return_to")
	if !strings.HasPrefix(back, l.origin+"/") {
		http.Error(w, "return_to leads elsewhere: "+back, http.StatusBadRequest)
		return
	}
	merged := client.MergeAuthorization(url.Values{"scope": {"openid read:customers read:employees"}}, wanted)
	options := []oauth2.AuthCodeOption{}
	for _, name := range []string{"acr_values", "max_age", "prompt", "scope"} {
		if value := merged.Get(name); value != "" {
			options = append(options, oauth2.SetAuthURLParam(name, value))
		}
	}
	state, verifier := rand.Text(), oauth2.GenerateVerifier()
	l.mu.Lock()
	l.leaving[state] = leaving{verifier, back}
	l.mu.Unlock()
	http.Redirect(w, r, l.oauth.AuthCodeURL(state, append(options, oauth2.S256ChallengeOption(verifier))...), http.StatusSeeOther)
}

func (l *login) finish(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	left, there := l.leaving[r.URL.Query().Get("state")]
	l.mu.Unlock()
	token, err := l.oauth.Exchange(r.Context(), r.URL.Query().Get("code"), oauth2.VerifierOption(left.verifier))
	if !there || err != nil {
		http.Error(w, fmt.Sprintf("not signed in: %s (%v)", r.URL.RawQuery, err), http.StatusForbidden)
		return
	}
	session := &http.Cookie{Name: "session", Value: token.AccessToken, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if strings.HasPrefix(l.origin, "https://") {
		session.Name, session.Secure = "__Host-session", true
	}
	http.SetCookie(w, session)
	http.Redirect(w, r, left.returnTo, http.StatusSeeOther)
}

// startNginx runs nginx with deploy's file, and what the page says of a login with cookies.
func startNginx(t *testing.T, nginx, origin, sidecar, app, login string) {
	t.Helper()
	dir := t.TempDir()
	local := fmt.Sprintf("daemon off;\npid %s/pid;\nerror_log stderr;\n\nevents {}\n\nhttp {\n    access_log off;\n", dir)
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		local += fmt.Sprintf("    %s_temp_path %s/%s;\n", kind, dir, kind)
	}
	session, authorization, signIn := loginLines(t)
	scheme, address, _ := strings.Cut(origin, "://")
	listen := "listen " + address
	if scheme == "https" {
		listen += " ssl"
		local += tlsLines(t, dir)
	} else {
		session = replaceAll(t, session, "__Host-session", "session") // a browser keeps no __Host- without TLS
	}
	text := replaceAll(t, readText(t, "../../deploy/nginx/nginx.conf"),
		"worker_processes auto;", "worker_processes 1;", "events {}\n\nhttp {\n", local+session,
		"            proxy_set_header Host $host;\n", "            proxy_set_header Host $host;\n"+authorization,
		"            proxy_pass http://sidecar/gw/nginx;\n", "            proxy_pass http://sidecar/gw/nginx;\n"+authorization,
		"_read_timeout 1s", "_read_timeout 30s", "_connect_timeout 1s", "_connect_timeout 30s",
		"server_name intranet.fabrikam.example;", "server_name 127.0.0.1;",
		"127.0.0.1:8181", sidecar, "127.0.0.1:8080", app, "listen 127.0.0.1:8000", listen,
		"        location / {\n", replaceAll(t, signIn, "127.0.0.1:9000", login)+"        location / {\n")
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(nginx, "-e", "stderr", "-p", dir, "-c", file)
	cmd.Stderr = outputOf(t)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() })
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Since(begun) > endurance {
			t.Fatalf("nginx does not listen: %v", err)
		}
	}
}

// tlsLines has the certificate of tests that net/http/httptest has.
func tlsLines(t *testing.T, dir string) string {
	t.Helper()
	tested := httptest.NewTLSServer(http.NotFoundHandler())
	defer tested.Close()
	certificate := tested.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, secret := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}, secret: {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return fmt.Sprintf("    ssl_certificate %s;\n    ssl_certificate_key %s;\n", cert, secret)
}

// loginLines are the blocks of nginx's page about a login that keeps the token in a cookie.
func loginLines(t *testing.T) (session, authorization, signIn string) {
	t.Helper()
	text := readText(t, "../../docs/gateways/nginx.md")
	blocks := regexp.MustCompile("(?s)```nginx\n(.*?)```").FindAllStringSubmatch(text, -1)
	if len(blocks) != 4 {
		t.Fatalf("the page has %d blocks for nginx, want the file, the map, the header and the login", len(blocks))
	}
	return blocks[1][1], blocks[2][1], blocks[3][1]
}

func nginxProgram(t *testing.T) string {
	t.Helper()
	for _, candidate := range []string{"nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx"} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("nginx is missing (on Debian: apt-get install nginx)")
	}
	t.Skip("LEFT OUT: a browser's way through nginx needs nginx (on Debian: apt-get install nginx)")
	return ""
}

func readText(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func replaceAll(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("there is no %q in:\n%s", pairs[i], text)
		}
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// listenLocal listens on loopback, and returns what a browser calls it.
func listenLocal(t *testing.T) (l net.Listener, address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return l, "http://127.0.0.1:" + port
}

// freePort is one for a program that listens itself.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := porttest.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func serveUntilEnd(t *testing.T, l net.Listener, h http.Handler) {
	t.Helper()
	server := &http.Server{Handler: h, ErrorLog: slog.NewLogLogger(slog.NewTextHandler(io.Discard, nil), slog.LevelDebug)}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
}
