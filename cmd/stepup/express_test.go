package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stepup/sidecar"
	"stepup/sidecar/demo/idp"
)

const expressFolder = "../../deploy/examples/express"

// TestExpressStepUp runs the example's own tests, which need Node alone.
func TestExpressStepUp(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), nodeTool(t, "node"), "--test")
	cmd.Dir = expressFolder
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("node --test in %s: %v\n%s", cmd.Dir, err, out)
	}
}

// TestExpress signs in at the example with Express and Passport, whose packages are those
// of its lock file, before a provider and a sidecar as they are.
func TestExpress(t *testing.T) {
	folder := installExpress(t)
	for _, row := range []struct {
		name      string
		misbehave idp.Misbehave
		walk      func(*express)
	}{
		{"employees with a code", idp.Misbehave{}, expressEmployees},
		{"straight to employees", idp.Misbehave{}, expressStraight},
		{"a step-up given up", idp.Misbehave{}, expressGivenUp},
		{"a token that expires", idp.Misbehave{}, expressExpired},
		{"a sign-in that ages", idp.Misbehave{}, expressAgeing},
		{"somebody who cannot", idp.Misbehave{}, expressCannot},
		{"somebody else comes back", idp.Misbehave{}, expressSomebodyElse},
		{"a provider that ignores acr_values", idp.Misbehave{IgnoreACRValues: true}, expressIgnored},
		{"a provider with an old auth_time", idp.Misbehave{OldAuthTime: 2 * time.Hour}, expressOld},
		{"what a script gets", idp.Misbehave{}, expressScript},
		{"a sidecar that stops", idp.Misbehave{}, expressWithoutSidecar},
	} {
		t.Run(row.name, func(t *testing.T) { row.walk(newExpress(t, folder, row.misbehave)) })
	}
	t.Run("a sidecar that wants another login each time", func(t *testing.T) { expressFickle(t, folder) })
}

func expressEmployees(e *express) {
	e.open("/customers").shows(200, "Sign in")
	e.signIn("alice").shows(200, "Customers", "Alice Adams", "Northwind Traders")
	e.went(1)
	e.open("/employees?code=1&error=no").shows(200, "Enter your code") // which answers nothing
	e.answer("code", e.demo.code(person(e.T, "alice"))).shows(200, "Employees", "Carol Clark")
	e.at("/employees?code=1&error=no")
	e.went(1)
	e.open("/customers").shows(200, "Customers")
	e.open("/EMPLOYEES/").shows(200, "Employees") // another spelling is the same page
	e.open("/employees").shows(200, "Employees")
	e.went(0)
}

func expressStraight(e *express) {
	e.open("/employees?by=name").shows(200, "Sign in")
	e.signIn("alice").shows(200, "Enter your code")
	e.answer("code", e.demo.code(person(e.T, "alice"))).shows(200, "Employees")
	e.at("/employees?by=name")
	e.went(2) // to sign in, and more strongly
}

func expressGivenUp(e *express) {
	e.open("/customers")
	e.signIn("alice").shows(200, "Customers")
	e.open("/employees").shows(200, "Enter your code")
	e.cancel().shows(403, "You did not sign in")
	e.open("/customers").shows(200, "Customers", "Alice Adams")
	e.open("/employees").shows(200, "Enter your code")
	e.answer("code", e.demo.code(person(e.T, "alice"))).shows(200, "Employees")
}

// expressExpired gives a step-up up, and comes back when the ID token has expired.
func expressExpired(e *express) {
	e.open("/employees")
	e.signIn("alice").shows(200, "Enter your code")
	e.cancel().shows(403, "You did not sign in")
	e.went(2)
	e.demo.clock.Advance(11 * time.Minute)
	e.open("/employees").shows(200, "Enter your code")
	e.went(2) // to sign in, where the provider asks for nothing, and more strongly
	e.answer("code", e.demo.code(person(e.T, "alice"))).shows(200, "Employees")
}

// expressAgeing is asked again two hours later, as if it were the first time.
func expressAgeing(e *express) {
	e.open("/employees")
	e.signIn("alice")
	e.answer("code", e.demo.code(person(e.T, "alice"))).shows(200, "Employees")
	e.demo.clock.Advance(2 * time.Hour)
	e.open("/customers").shows(200, "Customers")
	e.open("/employees").shows(200, "Enter your code")
	e.answer("code", e.demo.code(person(e.T, "alice"))).shows(200, "Employees")
}

func expressCannot(e *express) {
	e.open("/employees")
	e.signIn("bob").shows(403, "Your account cannot sign in that strongly")
	e.went(2)
	e.open("/customers").shows(200, "Customers", "Bob Baker")
}

// expressSomebodyElse takes the hint who is asked for out of the request.
func expressSomebodyElse(e *express) {
	e.open("/customers")
	e.signIn("bob").shows(200, "Customers", "Bob Baker")
	left := e.surfer.get(e.app + "/employees").location
	if !strings.Contains(left, "id_token_hint=") {
		e.Errorf("a step-up without a hint who it is for: %s", left)
	}
	e.follow(with(with(left, "id_token_hint", ""), "prompt", "select_account")).shows(200, "Sign in")
	e.signIn("alice").shows(200, "Enter your code")
	e.answer("code", e.demo.code(person(e.T, "alice"))).shows(403, "Somebody else signed in")
	e.open("/customers").shows(200, "Bob Baker")
}

func expressIgnored(e *express) {
	e.open("/customers")
	e.signIn("alice").shows(200, "Customers")
	e.went(1)
	e.open("/employees").shows(403, "Signing in again did not help")
	e.went(1)
	e.open("/employees").shows(403, "") // by the person's own wish: once more, and no circle
	if e.trips > 1 {
		e.Errorf("%d trips more, want at most one", e.trips)
	}
	e.open("/customers").shows(200, "Customers", "Alice Adams")
}

// expressOld: the OpenID client itself refuses a login older than the max_age it asked for.
func expressOld(e *express) {
	e.open("/employees")
	e.signIn("alice").shows(200, "Enter your code")
	e.answer("code", e.demo.code(person(e.T, "alice"))).shows(502, "Signing in did not work")
	e.went(2)
	e.open("/customers").shows(200, "Alice Adams")
}

func expressScript(e *express) {
	e.open("/customers")
	e.signIn("alice").shows(200, "Customers")
	r, err := http.NewRequest(http.MethodGet, e.app+"/employees", nil)
	r.Header.Set("Accept", "application/json")
	e.page = e.send(r, err)
	e.shows(401, `"outcome":"step_up"`)
	if got := e.page.Header.Get("WWW-Authenticate"); !strings.Contains(got, "insufficient_user_authentication") || !strings.Contains(got, `max_age="3600"`) {
		e.Errorf("a script gets the challenge %q", got)
	}
}

func expressWithoutSidecar(e *express) {
	e.open("/employees")
	e.signIn("alice").shows(200, "Enter your code")
	e.answer("code", e.demo.code(person(e.T, "alice"))).shows(200, "Employees")
	e.stopSidecar()
	for _, path := range []string{"/employees", "/customers"} {
		e.open(path).shows(503, "Not just now")
		if strings.Contains(e.text, "Carol Clark") || strings.Contains(e.text, "Northwind") {
			e.Errorf("%s without a sidecar shows what it guards:\n%s", path, e.text)
		}
	}
	e.open("/").shows(200, "Alice Adams") // which asks nobody
}

// expressFickle asks what is no sidecar of ours: that one has a memory of its own.
func expressFickle(t *testing.T, folder string) {
	var asked atomic.Int64
	fickle := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		level := []string{"mfa", "phr"}[asked.Add(1)%2]
		_, _ = fmt.Fprintf(w, `{"outcome":"step_up","decision":false,"step_up":{"level":%q,"authorization_request":{"scope":"openid"}}}`, level)
	}))
	defer fickle.Close()
	e := newExpressAt(t, folder, idp.Misbehave{}, fickle.URL)
	e.open("/employees").shows(200, "Sign in")
	e.signIn("alice").shows(403, "Signing in again did not help")
	e.went(2) // once for each
}

// An express is a browser before the example.
type express struct {
	*surfer
	page
	app         string // its address
	trips       int    // to the provider, since they were last counted
	stopSidecar func()
}

func newExpress(t *testing.T, folder string, misbehave idp.Misbehave) *express {
	t.Helper()
	return newExpressAt(t, folder, misbehave, "")
}

// newExpressAt lets the application ask at an address; empty: a sidecar of its own.
func newExpressAt(t *testing.T, folder string, misbehave idp.Misbehave, sidecarURL string) *express {
	t.Helper()
	address, _, err := freeAddresses()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(address)
	e := &express{app: "http://localhost:" + port}
	d, _ := newDemoFor(t, demoOptions{app: e.app, misbehave: misbehave})
	e.surfer = newSurfer(t, d)
	if sidecarURL == "" {
		sidecarURL, e.stopSidecar = runSidecar(t, e.demo)
	}
	startExpress(t, folder, "PORT="+port, "APP_URL="+e.app, "ISSUER="+e.demo.providerURL, "STEPUP_URL="+sidecarURL)
	return e
}

// runSidecar starts a sidecar that is the application's alone, and can be stopped while the
// provider goes on. Its policy asks ID tokens, which have no scopes.
func runSidecar(t *testing.T, d *demo) (address string, stop func()) {
	t.Helper()
	cfg, err := demoConfig(0, d.providerURL, "demo_id_token")
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
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the application's sidecar: %v", err)
		}
	})
	t.Cleanup(stop)
	select {
	case a := <-listening:
		return "http://" + a.String(), stop
	case err := <-ended:
		ended <- err
		t.Fatalf("the application's sidecar: %v", err)
	}
	return "", nil
}

// nodeTool finds node or npm. Where there is none the test is left out, which CI must not.
func nodeTool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("%s is not installed: deploy/examples would go untested", name)
	default:
		t.Skipf("LEFT OUT: the tests of deploy/examples need %s (on Debian: apt-get install nodejs npm)", name)
	}
	return path
}

// installExpress copies the example and installs exactly what its lock file names.
func installExpress(t *testing.T) string {
	t.Helper()
	return installNode(t, expressFolder, "package.json", "package-lock.json", "app.js", "stepup.js")
}

// installNode copies files of an example and installs exactly what its lock file names.
func installNode(t *testing.T, example string, files ...string) string {
	t.Helper()
	nodeTool(t, "node")
	npm, folder := nodeTool(t, "npm"), t.TempDir()
	for _, name := range files {
		text, err := os.ReadFile(filepath.Join(example, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, filepath.Base(name)), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline")
	cmd.Dir, cmd.WaitDelay = folder, time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		if os.Getenv("CI") != "true" && strings.Contains(string(out), "network") {
			t.Skipf("LEFT OUT: %s, whose packages npm could not fetch: %v\n%s", example, err, out)
		}
		t.Fatalf("npm ci in %s: %v\n%s", example, err, out)
	}
	return folder
}

// startExpress runs the application until the test ends, and waits until it listens.
func startExpress(t *testing.T, folder string, environment ...string) {
	t.Helper()
	said := &listener{wanted: "The intranet with Express is at", heard: make(chan struct{})}
	cmd := exec.Command(nodeTool(t, "node"), "app.js")
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = folder, append(os.Environ(), environment...), said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended by itself, which the test has noticed
		<-ended
		if t.Failed() {
			t.Logf("the application said:\n%s", said)
		}
	})
	select {
	case <-said.heard:
	case <-ended:
		t.Fatal("the application ended")
	case <-time.After(endurance):
		t.Fatal("the application does not listen")
	}
}

// A listener keeps what a program says, and tells when something wanted was among it.
type listener struct {
	wanted string
	heard  chan struct{}

	mu   sync.Mutex
	all  bytes.Buffer
	done bool
}

func (l *listener) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all.Write(text)
	if !l.done && strings.Contains(l.all.String(), l.wanted) {
		l.done = true
		close(l.heard)
	}
	return len(text), nil
}

func (l *listener) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

func (e *express) open(path string) *express {
	e.Helper()
	return e.follow(e.app + path)
}

// follow goes where it is sent, and counts the trips to the provider.
func (e *express) follow(address string) *express {
	e.Helper()
	for range 40 {
		if strings.HasPrefix(address, e.demo.providerURL+"/authorize?") {
			e.trips++
		}
		e.page = e.get(address)
		if address = e.location; address == "" {
			return e
		}
	}
	e.Fatalf("sent round in circles, the last time to %s", address)
	return e
}

// answer fills in the provider's form; fields come in pairs.
func (e *express) answer(fields ...string) *express {
	e.Helper()
	form := e.fields()
	form.Set("do", "prove")
	for n := 0; n+1 < len(fields); n += 2 {
		form.Set(fields[n], fields[n+1])
	}
	return e.submit(form)
}

func (e *express) cancel() *express {
	e.Helper()
	form := e.fields()
	form.Set("do", "cancel")
	return e.submit(form)
}

func (e *express) submit(form url.Values) *express {
	e.Helper()
	e.page = e.post(e.demo.providerURL+"/login", form)
	if e.location != "" {
		return e.follow(e.location)
	}
	return e
}

func (e *express) signIn(name string) *express {
	e.Helper()
	return e.answer("name", name, "password", person(e.T, name).Password)
}

func (e *express) shows(status int, texts ...string) {
	e.Helper()
	for _, want := range texts {
		if e.StatusCode != status || !strings.Contains(e.text, want) {
			e.Fatalf("%s: %s, want %d and %q in\n%s", e.Request.URL.Path, e.Status, status, want, e.text)
		}
	}
}

func (e *express) at(want string) {
	e.Helper()
	if got := e.Request.URL.RequestURI(); got != want {
		e.Errorf("at %s, want %s", got, want)
	}
}

func (e *express) went(want int) {
	e.Helper()
	if e.trips != want {
		e.Errorf("%d trips to the provider, want %d", e.trips, want)
	}
	e.trips = 0
}

func person(t *testing.T, name string) idp.User {
	t.Helper()
	for _, u := range idp.DemoUsers() {
		if u.Name == name {
			return u
		}
	}
	t.Fatalf("there is no %s", name)
	return idp.User{}
}
