package sidecar_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"stepup/sidecar"
	"stepup/sidecar/config"
	"stepup/sidecar/token/tokentest"
)

// followedPolicy allows what the table lists as a page of an employee, and what it does not list
// by its path.
const followedPolicy = `package followed

default allow := false

allow if {
	input.resource.id == "/employees/{id}"
	input.resource.properties.id == "7"
}

allow if input.resource.id == "/help/9"
`

// A followed is a sidecar that follows a file of routes.
type followed struct {
	*running
	token, file string
	log         *lines
}

// lines is a log that may be read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

func follow(t *testing.T, table string) *followed {
	t.Helper()
	dir := t.TempDir()
	f := &followed{file: filepath.Join(dir, "routes", "table.yaml"), log: &lines{}}
	save(t, filepath.Join(dir, "policy", "followed.rego"), followedPolicy)
	save(t, f.file, table)
	issuer := tokentest.New(t)
	f.token = login(issuer)
	save(t, filepath.Join(dir, "stepup.yaml"), fmt.Sprintf(`
http: {address: %q}
policy: {path: %q, package: followed, deadline: 30s}
gateways: {nginx: {peers: [127.0.0.1]}}
routes: {table: %q}
issuers:
%s`, free(t), filepath.Join(dir, "policy"), f.file, issuerEntry(issuer)))
	c, _, err := config.Load(config.Options{File: filepath.Join(dir, "stepup.yaml"), Flags: map[string]string{"health.address": free(t)}})
	if err != nil {
		t.Fatal(err)
	}
	server, err := sidecar.NewServer(t.Context(), sidecar.Options{Config: c, Logger: slog.New(slog.NewTextHandler(f.log, nil)), StateDir: t.TempDir()}, true)
	if err != nil {
		t.Fatal(err)
	}
	f.running = run(t, server, c)
	t.Cleanup(func() { f.stop(); <-f.stopped })
	waitFor(t, "the issuer's keys are there", func() bool { status, _ := f.ready(); return status == http.StatusOK })
	return f
}

// listing is a table.
func listing(paths ...string) string {
	return "routes:\n  - GET " + strings.Join(paths, "\n  - GET ") + "\n"
}

func save(t *testing.T, file, text string) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(file), 0o750)
	if err == nil {
		err = os.WriteFile(file, []byte(text), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// nginx asks as nginx does, and returns whether the request may pass.
func (f *followed) nginx(path string) bool {
	f.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://"+f.http+"/gw/nginx", nil)
	if err != nil {
		f.Fatal(err)
	}
	for name, value := range map[string]string{
		"Authorization": "Bearer " + f.token, "X-Original-Method": "GET", "X-Original-URI": path,
		"X-Forwarded-Host": "intranet.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7",
	} {
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		f.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusForbidden {
		f.Fatalf("GET %s: %d, want an allow or a deny", path, answer.StatusCode)
	}
	return answer.StatusCode == http.StatusOK
}

// data asks as clients of OPA do.
func (f *followed) data(path string) bool {
	f.Helper()
	body := fmt.Sprintf(`{"input": {"token": %q, "request": {"method": "GET", "path": %q}}}`, f.token, path)
	answer, err := http.Post("http://"+f.http+"/v1/data/followed/allow", "application/json", strings.NewReader(body))
	if err != nil {
		f.Fatal(err)
	}
	return decoded(f.T, answer)["result"] == true
}

// want waits until both doors let through what they should, and nothing else.
func (f *followed) want(what string, allowed map[string]bool) {
	f.Helper()
	waitFor(f.T, what, func() bool {
		for path, want := range allowed {
			if f.nginx(path) != want || f.data(path) != want {
				return false
			}
		}
		return true
	})
	for path, want := range allowed { // from what is kept, too
		if got := f.nginx(path); got != want {
			f.Errorf("%s: %s is allowed: %t, want %t", what, path, got, want)
		}
	}
}

func (f *followed) refused() bool {
	f.Helper()
	_, body := f.ready()
	state, _ := body["routes"].(map[string]any)
	return state["refused"] == true
}

// TestRoutesAreFollowed: what is saved is in force a moment later, whole, whatever was answered
// and kept before; what cannot be read changes nothing, and is told.
func TestRoutesAreFollowed(t *testing.T) {
	t.Parallel()
	f := follow(t, listing("/employees/{id}", "/help/{page}"))
	f.want("the first table is in force", map[string]bool{"/employees/7": true, "/employees/8": false, "/help/9": false})
	save(t, f.file, listing("/employees/{name}"))
	f.want("another name of the parameter is in force", map[string]bool{"/employees/7": false, "/help/9": true})
	save(t, f.file, listing("/employees/{id}", "/employees/7"))
	f.want("a narrower route is in force", map[string]bool{"/employees/7": false, "/help/9": true})

	save(t, f.file, listing("/employees/{id}", "/employees/{x}"))
	waitFor(t, "the new file is refused", f.refused)
	f.want("the file is broken", map[string]bool{"/employees/7": false, "/help/9": true})
	if f.log.count("the new routes are refused") != 1 || f.log.count("table.yaml:3: /employees/{x} is the same path") != 1 {
		t.Error("the log does not tell once where the file is wrong")
	}
	if told := metricsOf(t, f.running); strings.Contains(told, "stepup_routes_load_errors_total 0") || !strings.Contains(told, "stepup_routes_load_errors_total ") {
		t.Error("metrics do not count the refused file")
	}
	if err := os.Remove(f.file); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the missing file is told", func() bool { return f.log.count("no such file") > 0 })
	f.want("the file is missing", map[string]bool{"/employees/7": false, "/help/9": true})

	save(t, f.file+".new", listing("/employees/{id}"))
	if err := os.Rename(f.file+".new", f.file); err != nil {
		t.Fatal(err)
	}
	f.want("the file is moved there", map[string]bool{"/employees/7": true, "/help/9": true})
	waitFor(t, "the file is good again", func() bool { return !f.refused() && f.log.count("good again") == 1 })
}

// TestRoutesWithoutAFile: a file that cannot be read at the start is no reason to wait.
func TestRoutesWithoutAFile(t *testing.T) {
	t.Parallel()
	broken := filepath.Join(t.TempDir(), "routes.yaml")
	save(t, broken, "routes:\n  - GET /a\n  - GET a\n")
	for file, want := range map[string]string{broken: "routes: " + broken + ":3: ", broken + ".gone": "routes.table: open " + broken + ".gone: no such file"} {
		c, _, err := config.Load(config.Options{File: "c", ReadFile: func(string) ([]byte, error) { return []byte("routes: {table: '" + file + "'}"), nil }})
		if err != nil {
			t.Fatal(err)
		}
		for _, watch := range []bool{false, true} {
			_, err := sidecar.NewServer(context.Background(), sidecar.Options{Config: c, Logger: slog.New(slog.DiscardHandler)}, watch)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("NewServer (watching %t): %v, want an error with %s", watch, err, want)
			}
		}
	}
}
