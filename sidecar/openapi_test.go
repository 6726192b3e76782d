package sidecar_test

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar"
	"stepup/sidecar/protocol/forwardauth"
	"stepup/sidecar/protocol/openapitest"
)

// described are the OpenAPI documents of all doors, by their packages.
var described = sync.OnceValue(func() map[string]*openapitest.Document {
	documents := map[string]*openapitest.Document{}
	for _, door := range []string{"native", "login", "authzen", "opadata", "forwardauth"} {
		documents[door] = openapitest.Read(filepath.Join("protocol", door, "openapi.yaml"))
	}
	return documents
})

// healthDescribed is the OpenAPI document of the health listener.
var healthDescribed = sync.OnceValue(func() *openapitest.Document { return openapitest.Read("health_openapi.yaml") })

// witness holds every answer of a sidecar to the documents, whatever the test looks at.
func witness(t *testing.T, server *sidecar.Server) {
	by := func(documents ...*openapitest.Document) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler { return openapitest.Witness(t, next, documents...) }
	}
	server.Witness(by(slices.Collect(maps.Values(described()))...), by(described()["opadata"]), by(healthDescribed()))
}

// TestSameShapesEverywhere: what several documents describe under one name is one thing, as it is in
// the code.
func TestSameShapesEverywhere(t *testing.T) {
	all := maps.Clone(described())
	all["health"] = healthDescribed()
	for _, name := range []string{"Reason", "Assurance", "StepUp", "Login", "HTTPAnswer"} {
		want := described()["native"].Schema(name)
		for door, document := range all {
			if got := document.Schema(name); got != nil {
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s in the document of %s (-native +%s)\n%s", name, door, door, diff)
				}
			}
		}
	}
}

// TestNobodyUnknownAsks asks whatever the doors' documents describe as a caller who is not known, and
// as one whose door is none of them.
func TestNobodyUnknownAsks(t *testing.T) {
	const key = "a key of one whose door is that of administrators"
	gateways := "gateways:\n"
	for _, proxy := range forwardauth.Proxies() {
		gateways += fmt.Sprintf("  %s: {peers: [127.0.0.1]}\n", proxy.Name)
	}
	s := start(t, fmt.Sprintf("callers: [{name: admin, key_hash: 'sha256:%x', doors: [admin]}]\nlogin: {enabled: true}\n%s", sha256.Sum256([]byte(key)), gateways))
	for door, document := range described() {
		unknown := http.StatusUnauthorized
		if door == "forwardauth" {
			unknown = http.StatusForbidden // where a 401 would be the user's
		}
		for _, operation := range document.Operations() {
			if status, text := send(t, "http://"+s.http, operation, ""); status != unknown {
				t.Errorf("%s of nobody known: %d %s, want %d", operation, status, text, unknown)
			}
			if status, text := send(t, "http://"+s.http, operation, "", "Authorization", "Bearer "+key); status != http.StatusForbidden {
				t.Errorf("%s of somebody else: %d %s, want 403", operation, status, text)
			}
		}
	}
}

func TestHealthDescribesTheRoutes(t *testing.T) {
	server, err := sidecar.NewServer(t.Context(), loaded(t, ""), false)
	if err != nil {
		t.Fatal(err)
	}
	healthDescribed().CheckRoutes(t, server.HealthRoutes())
}

// TestHealthIsDescribed asks for everything that the health listener answers to a sidecar that is
// ready and to one that is not.
func TestHealthIsDescribed(t *testing.T) {
	for _, row := range []struct {
		config string
		ready  int
	}{{"policy: {anonymous: true}\n", 200}, {"", 503}} {
		s := start(t, row.config)
		for target, want := range map[string]int{
			"GET /livez": 200, "GET /readyz": row.ready, "GET /metrics": 200, "GET /health": 200, "GET /health?bundles&plugins": 200,
			"HEAD /livez": 200, "HEAD /readyz": row.ready, "HEAD /metrics": 200, "HEAD /health": 200, "HEAD /health/live": 500,
			"GET /health/live": 500, "POST /livez": 405, "PUT /metrics": 405, "OPTIONS /health/live": 405, "GET /openapi.yaml": 404,
		} {
			if status, text := send(t, "http://"+s.health, target, ""); status != want {
				t.Errorf("%s: %d %s, want %d", target, status, text, want)
			}
		}
		if status, text := send(t, "http://"+s.health, "GET /livez", "x"); status != 400 {
			t.Errorf("GET with a body: %d %s, want 400", status, text)
		}
	}
}
