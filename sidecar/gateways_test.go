package sidecar_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"stepup/sidecar/access"
)

// TestRoutesOfAFile starts a sidecar with a file of routes: what it lists is asked about, the rest
// is refused by a decision that is recorded, but for what is no question, and a file that does not read is told with its line.
func TestRoutesOfAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "routes.yaml")
	if err := os.WriteFile(file, []byte("routes:\n  - GET /employees/{id}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(map[string]any{
		"http":     map[string]any{"address": "127.0.0.1:0"},
		"health":   map[string]any{"address": ""},
		"gateways": map[string]any{"nginx": map[string]any{"peers": []string{"127.0.0.1"}}},
		"routes":   map[string]any{"table": file, "unlisted": "deny"},
	})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{}
	w.now.Store(time.Now().Unix())
	w.run(t, string(text), false)
	for _, row := range []struct {
		path     string
		want     int
		recorded access.Code // empty: not
	}{
		{"/employees/7", http.StatusUnauthorized, access.NoCredentials},
		{"/employees", http.StatusForbidden, access.NotAllowed},
		{"/employees/7/", http.StatusForbidden, access.NotAllowed},
		{"/employees/..", http.StatusForbidden, ""}, // ambiguous
	} {
		w.last = nil
		if got := askNginx(t, w.url, row.path); got != row.want {
			t.Errorf("GET %s: %d, want %d", row.path, got, row.want)
		}
		switch {
		case (w.last == nil) != (row.recorded == ""):
			t.Errorf("GET %s: the record is %+v, want one with %q", row.path, w.last, row.recorded)
		case w.last != nil && (w.last.Decision.Code() != row.recorded || w.last.Decision.ID == "" || w.last.Request.Door != "nginx" || w.last.Request.HTTP.Path != row.path):
			t.Errorf("GET %s: the record is %+v, want %s", row.path, w.last, row.recorded)
		}
	}
}

func askNginx(t *testing.T, url, path string) int {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, url+"/gw/nginx", strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"X-Original-Method": "GET", "X-Original-URI": path, "X-Forwarded-Host": "intranet.example",
		"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7",
	} {
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

// What each proxy's page says of a door that is off.
func TestGatewaysAreOffWithoutPeers(t *testing.T) {
	f := newFabrikam(t, "")
	for name, path := range map[string]string{
		"nginx": "/gw/nginx", "traefik": "/gw/traefik", "caddy": "/gw/caddy", "haproxy": "/gw/haproxy", "envoy": "/gw/envoy/employees",
	} {
		resp, err := http.Get(f.world.url + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			t.Fatal(err)
		}
		if want := "This door is off: gateways." + name + ".peers is empty."; resp.StatusCode != http.StatusNotFound || !strings.Contains(string(body), want) {
			t.Errorf("GET %s without peers: %d %s, want 404 and %q", path, resp.StatusCode, body, want)
		}
	}
}
