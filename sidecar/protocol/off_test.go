package protocol_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"stepup/sidecar/protocol"
)

// TestOff asks at a door that is off, at one that is not, and at a path that is misspelt. The log
// is told of the first question at each door that is off, and of no other.
func TestOff(t *testing.T) {
	const why = "gateways.nginx.peers is empty"
	var log bytes.Buffer
	e := protocol.NewEcho(protocol.Config{})
	protocol.MountOff(e, slog.New(slog.NewTextHandler(&log, nil)), "nginx", why, "/gw/nginx")
	off, nothing := "This door is off: "+why+".", "There is nothing at this path: check how it is written, its case too."
	for _, row := range []struct{ method, path, want string }{
		{http.MethodGet, "/gw/nginx", off},
		{http.MethodGet, "/gw/nginx", off},
		{http.MethodPost, "/gw/nginx", off},
		{http.MethodOptions, "/gw/nginx", off},
		{http.MethodGet, "/gw/nginx/employees", off},
		{http.MethodGet, "/gw/ngnix", nothing},
		{http.MethodGet, "/gw", nothing},
		{http.MethodGet, "/gw/nginx2", nothing},
	} {
		w := httptest.NewRecorder()
		e.ServeHTTP(w, httptest.NewRequest(row.method, row.path, nil))
		var got struct {
			Outcome, Detail string
			Decision        bool
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatalf("%s %s: %v: %s", row.method, row.path, err, w.Body)
		}
		if w.Code != http.StatusNotFound || got.Detail != row.want || got.Decision || got.Outcome != "deny" {
			t.Errorf("%s %s: %d %+v, want 404, deny and %q", row.method, row.path, w.Code, got, row.want)
		}
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 1 || !strings.Contains(log.String(), why) {
		t.Errorf("%d warnings, want one that names the key:\n%s", n, log.String())
	}
}
