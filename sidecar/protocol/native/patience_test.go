package native_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
	"stepup/sidecar/protocol/native"
)

type counting struct{ asked int }

func (c *counting) Decide(context.Context, access.Request) access.Decision {
	c.asked++
	return access.Decision{Outcome: access.Allow, ID: "id"}
}

// TestBatchOutOfTime: what a batch has no time for is told so, item by item, and not asked.
func TestBatchOutOfTime(t *testing.T) {
	decider := &counting{}
	e := protocol.NewEcho(protocol.Config{})
	protocol.Mount(e, native.Name, native.New(native.Config{Decider: decider, Patience: time.Nanosecond}).Routes()...)
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/decisions",
		strings.NewReader(`{"action":{"name":"GET"},"resource":{"type":"route","id":"/"},"requests":[{},{}]}`))
	request.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	document().Witness(t, e).ServeHTTP(answer, request)
	var body struct{ Decisions []protocol.Document }
	if err := json.Unmarshal(answer.Body.Bytes(), &body); err != nil || answer.Code != http.StatusOK || len(body.Decisions) != 2 || decider.asked != 0 {
		t.Fatalf("answered %d %s after %d decisions: %v", answer.Code, answer.Body, decider.asked, err)
	}
	for _, d := range body.Decisions {
		if d.Decision || d.Status != http.StatusServiceUnavailable || d.Reasons[0].Code != string(access.PolicyTimeout) {
			t.Errorf("an item out of time is %+v", d)
		}
	}
}
