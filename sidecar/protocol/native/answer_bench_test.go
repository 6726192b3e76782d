package native_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
	"stepup/sidecar/protocol/native"
)

// BenchmarkAnswer is what the door adds to a decision: reading the question and writing the
// answer, without a network.
func BenchmarkAnswer(b *testing.B) {
	e := protocol.NewEcho(protocol.Config{})
	protocol.Mount(e, native.Name, native.New(native.Config{
		Decider: always(access.Decision{ID: "d-1", Outcome: access.Allow, Revision: "folder@1", Assurance: signedIn, ValidUntil: 1795428180}),
	}).Routes()...)
	body := `{"token":"` + strings.Repeat("eyJhbGciOi", 80) + `","action":{"name":"GET"},"resource":{"type":"route","id":"/employees"},"context":{"ticket":"T-1"}}`
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/v1/decision", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		answer := httptest.NewRecorder()
		if e.ServeHTTP(answer, r); answer.Code != http.StatusOK {
			b.Fatal(answer.Code, answer.Body)
		}
	}
}
