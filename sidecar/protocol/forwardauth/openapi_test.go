package forwardauth_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"stepup/sidecar/protocol"
	"stepup/sidecar/protocol/forwardauth"
	"stepup/sidecar/protocol/openapitest"
)

// document is the OpenAPI document of all kinds of proxies, to which every answer in these tests is
// held.
var document = sync.OnceValue(func() *openapitest.Document { return openapitest.Read("openapi.yaml") })

func TestOpenAPIDescribesTheRoutes(t *testing.T) {
	var routes []protocol.Route
	for _, proxy := range forwardauth.Proxies() {
		routes = append(routes, forwardauth.New(proxy, forwardauth.Config{Decider: &asked{}}).Routes()...)
	}
	document().CheckRoutes(t, routes)
}

// TestRefusedBeforeTheDoor: what is no check, or comes from nobody who may ask, or finds no place, is
// refused by a problem document, and described.
func TestRefusedBeforeTheDoor(t *testing.T) {
	uid := uint32(7)
	callers, err := protocol.NewCallers([]protocol.Caller{{Name: "elsewhere", UID: &uid, Doors: []string{"native"}}})
	if err != nil {
		t.Fatal(err)
	}
	full := protocol.NewPlaces(1, nil)
	leave, err := full.Take()
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	for _, row := range []struct {
		name   string
		shared protocol.Config
		method string
		body   string
		status int
	}{
		{"a caller who shows nothing", protocol.Config{Callers: callers}, "GET", "", 403},
		{"no place is left", protocol.Config{Places: full}, "GET", "", 503},
		{"no place is left for HEAD", protocol.Config{Places: full}, "HEAD", "", 503},
		{"no method of a check", protocol.Config{}, "PROPFIND", "", 405},
		{"GET with a body", protocol.Config{}, "GET", "x", 400},
	} {
		for _, proxy := range forwardauth.Proxies() {
			a := &asked{answer: allowed()}
			path := proxy.Prefix()
			if proxy.Name == "envoy" {
				path += "/employees"
			}
			r, err := http.NewRequestWithContext(t.Context(), row.method, serveShared(t, row.shared, forwardauth.Config{Decider: a})+path, strings.NewReader(row.body))
			if err != nil {
				t.Fatal(err)
			}
			answer, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			if answer.StatusCode != row.status || a.last != nil {
				t.Errorf("%s at %s: %d, asked %v; want %d and nobody asked", row.name, proxy.Name, answer.StatusCode, a.last, row.status)
			}
		}
	}
}
