package forwardauth_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"stepup/sidecar/access"
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

// TestEveryMethod: a check is answered by any method, and what is answered is described for each.
func TestEveryMethod(t *testing.T) {
	because := func(o access.Outcome, c access.Code, challenges ...access.Challenge) access.Decision {
		return access.Decision{ID: "d", Outcome: o, Reasons: []access.Reason{access.Because(c)}, Challenges: challenges, StepUp: &access.StepUpAdvice{Level: "mfa"}}
	}
	for _, row := range []struct {
		answer        access.Decision
		status, nginx int
	}{
		{allowed(), 200, 200},
		{because(access.StepUp, access.LevelTooLow, access.Challenge{Scheme: "Bearer"}), 401, 401},
		{because(access.Deny, access.NotAllowed), 403, 403},
		{because(access.Indeterminate, access.PolicyTimeout), 503, 500},
		{because(access.Indeterminate, access.PolicyError), 500, 500},
	} {
		url := serve(t, &asked{answer: row.answer}, nil, "127.0.0.1/32")
		for _, proxy := range forwardauth.Proxies() {
			want := row.status
			if proxy.Name == "nginx" {
				want = row.nginx
			}
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
				if answer := check(t, url, proxy.Name, ":method "+method); answer.StatusCode != want {
					t.Errorf("%s by %s: %d, want %d", method, proxy.Name, answer.StatusCode, want)
				}
			}
		}
	}
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
