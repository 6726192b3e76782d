package fleet_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// signature is the secret of a presigned URL, and password that of one with a user in it.
const (
	signature = "4f1e9c0d7a"
	password  = "hunter2hunter2"
)

// TestPresignedURLsAreNotTold lets each kind of loader fail whose place is a URL with a secret
// in it: neither the log, nor the status, nor a metric has the secret.
func TestPresignedURLsAreNotTold(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	host := strings.TrimPrefix(gone.URL, "http://")
	redirecting := httptest.NewServer(http.RedirectHandler(gone.URL+"/shop.tar.gz?X-Amz-Signature="+signature, http.StatusTemporaryRedirect))
	t.Cleanup(redirecting.Close)
	missing := filepath.Join(t.TempDir(), "none.tar.gz")
	for name, c := range map[string]struct{ service, resource, kind string }{
		"a presigned object":  {gone.URL, "shop.tar.gz?X-Amz-Date=1&X-Amz-Signature=" + signature, ""},
		"a signed service":    {gone.URL + "/container?sig=" + signature, "x", ""},
		"a user in the URL":   {"http://ops:" + password + "@" + host, "shop.tar.gz", ""},
		"a redirect":          {redirecting.URL, "shop.tar.gz", ""},
		"a registry":          {"http://ops:" + password + "@" + host, host + "/team/shop:latest", "oci"},
		"a file with a query": {gone.URL, "file://" + missing + "?sig=" + signature, ""},
	} {
		t.Run(name, func(t *testing.T) {
			service := map[string]any{"url": c.service}
			if c.kind != "" {
				service["type"] = c.kind
			}
			w := newWorld(t, map[string]any{
				"services":              map[string]any{"origin": service},
				"bundles":               map[string]any{"shop": map[string]any{"service": "origin", "trigger": "manual", "resource": c.resource}},
				"persistence_directory": t.TempDir(),
				"status":                map[string]any{"service": "control", "trigger": "manual", "prometheus": true},
			})
			if err := w.fetch(); err == nil {
				t.Fatal("it was fetched")
			}
			if got := w.reported("shop"); got.Code == "" {
				t.Errorf("the status is %+v", got)
			}
			told := map[string]string{"the log": w.log.String(), "the metrics": metricsOf(t, w.registry)}
			for i, text := range w.statuses.All() {
				told[fmt.Sprint("status ", i)] = string(text)
			}
			for where, text := range told {
				if strings.Contains(text, signature) || strings.Contains(text, password) {
					t.Errorf("%s tells the secret: %s", where, text)
				}
			}
			if !strings.Contains(w.log.String(), "level=ERROR") {
				t.Errorf("the log does not tell of it: %s", w.log)
			}
		})
	}
}

func metricsOf(t *testing.T, registry *prometheus.Registry) string {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(families)
}

// TestPresignedURLsWork: what is not told is sent.
func TestPresignedURLsWork(t *testing.T) {
	archive := good("r1").Build(t)
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, secret, _ := r.BasicAuth()
		switch {
		case r.URL.Path == "/first" && r.URL.Query().Get("sig") == signature && user == "ops" && secret == password:
			http.Redirect(w, r, "/second?sig=two", http.StatusFound)
		case r.URL.Path == "/second" && r.URL.RawQuery == "sig=two":
			_, _ = w.Write(archive)
		default:
			http.Error(w, "who are you?", http.StatusForbidden)
		}
	}))
	t.Cleanup(origin.Close)
	w := newWorld(t, map[string]any{
		"services": map[string]any{"origin": map[string]any{"url": strings.Replace(origin.URL, "://", "://ops:"+password+"@", 1)}},
		"bundles":  map[string]any{"shop": map[string]any{"service": "origin", "trigger": "manual", "resource": "first?sig=" + signature}},
	})
	w.mustFetch()
	w.wants("presigned", "shop@r1", "")
}
