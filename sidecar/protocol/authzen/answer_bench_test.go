package authzen

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
)

// BenchmarkAnswer is what the door adds to a decision: reading the question and writing the
// answer, without a network.
func BenchmarkAnswer(b *testing.B) {
	e := protocol.NewEcho(protocol.Config{})
	protocol.Mount(e, Name, New(Config{Decider: nobody{}}).Routes()...)
	body := `{"subject":{"type":"user","id":"alice"},"action":{"name":"GET"},"resource":{"type":"route","id":"/employees"},"context":{"token":"a.b.c"}}`
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/access/v1/evaluation", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		answer := httptest.NewRecorder()
		if e.ServeHTTP(answer, r); answer.Code != http.StatusOK {
			b.Fatal(answer.Code, answer.Body)
		}
	}
}

// nobody allows everything, and keeps nothing.
type nobody struct{}

func (nobody) Decide(context.Context, access.Request) access.Decision {
	return access.Decision{Outcome: access.Allow, ID: "id"}
}
