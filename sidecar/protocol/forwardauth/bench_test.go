package forwardauth_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"stepup/sidecar/protocol"
	"stepup/sidecar/protocol/forwardauth"
)

// BenchmarkAnswer is what the door of nginx adds to a decision, without a network.
func BenchmarkAnswer(b *testing.B) {
	door := forwardauth.New(forwardauth.Proxies()[0], forwardauth.Config{
		Decider: &asked{answer: allowed()}, Peers: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}, // httptest's
	})
	e := protocol.NewEcho(protocol.Config{})
	protocol.MountProxied(e, "nginx", door.Routes()...)
	r := httptest.NewRequest(http.MethodGet, "/gw/nginx", nil)
	for name, value := range map[string]string{
		"X-Original-Method": "GET", "X-Original-Uri": "/employees/7?q=1", "X-Forwarded-Host": "intranet.fabrikam.example",
		"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7", "Authorization": "Bearer a.b.c", "Accept": "text/html",
	} {
		r.Header.Set(name, value)
	}
	b.ReportAllocs()
	for b.Loop() {
		answer := httptest.NewRecorder()
		if e.ServeHTTP(answer, r); answer.Code != http.StatusOK {
			b.Fatal(answer.Code, answer.Body)
		}
	}
}
