package opadata_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
	"stepup/sidecar/protocol/opadata"
)

// BenchmarkAnswer is what the door adds to a decision: reading the question and writing the
// answer, without a network.
func BenchmarkAnswer(b *testing.B) {
	e := protocol.NewEcho(protocol.Config{})
	protocol.Mount(e, opadata.Name, opadata.New(opadata.Config{
		Decider: decide(func(access.Request) access.Decision { return allow() }), Package: "fabrikam.web",
		Health: func(url.Values) error { return nil },
	}).Routes()...)
	body := `{"input":{"token":"a.b.c","action":{"name":"GET"},"resource":{"type":"route","id":"/employees"}}}`
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/v1/data/fabrikam/web/allow", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		answer := httptest.NewRecorder()
		if e.ServeHTTP(answer, r); answer.Code != http.StatusOK {
			b.Fatal(answer.Code, answer.Body)
		}
	}
}
