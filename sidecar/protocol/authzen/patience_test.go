package authzen

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
)

// A leaver allows everything, and its caller's time is over when it was asked so often.
type leaver struct {
	asked, until int
	leave        context.CancelFunc
}

func (l *leaver) Decide(_ context.Context, _ access.Request) access.Decision {
	if l.asked++; l.asked == l.until {
		l.leave()
	}
	return access.Decision{Outcome: access.Allow, ID: "id"}
}

// TestOutOfTime: once a request has taken too long nothing more is asked for it. The items of
// a batch that are left are errors, and of a search there is no answer: half of one would read
// as the whole.
func TestOutOfTime(t *testing.T) {
	const question = `"subject":{"type":"user","id":"alice"},"action":{"name":"read"}`
	for _, row := range []struct {
		name, path, body string
		patience         time.Duration
		until, asked     int // the decisions after which the caller's time is over
		status           int
		want             string
	}{
		{"a batch without any time", pathEvaluations, `{` + question + `,"resource":{"type":"r","id":"1"},"evaluations":[{},{}]}`, time.Nanosecond, 0, 0, 200,
			`{"evaluations":[{"decision":false,"context":{"error":{"status":503,`},
		{"a batch that is cut off", pathEvaluations, `{` + question + `,"resource":{"type":"r","id":"1"},"evaluations":[{},{},{}]}`, time.Hour, 2, 2, 200,
			`"decision_id":"id","revision":"","reasons":[],"assurance":{"level":"none","levels":[],"methods":[],"auth_time":0},"http":{"status":200,"www_authenticate":[]}}},{"decision":false,"context":{"error":{"status":503,`},
		{"a search without any time", pathSearchResource, `{` + question + `,"resource":{"type":"r"}}`, time.Nanosecond, 0, 0, 500, "No decision could be made"},
		{"a search that is cut off", pathSearchResource, `{` + question + `,"resource":{"type":"r"}}`, time.Hour, 2, 2, 500, "No decision could be made"},
		{"a search of subjects", pathSearchSubject, `{"subject":{"type":"user"},"action":{"name":"read"},"resource":{"type":"r","id":"1"}}`, time.Hour, 1, 1, 500, "No decision could be made"},
	} {
		t.Run(row.name, func(t *testing.T) {
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			decider := &leaver{until: row.until, leave: leave}
			e := protocol.NewEcho(protocol.Config{Tellers: Tellers()})
			protocol.Mount(e, Name, New(Config{Decider: decider, Patience: row.patience, Entities: func(context.Context) (access.Entities, bool, error) {
				return access.Entities{Subjects: map[string][]string{"user": {"a", "b"}}, Resources: map[string][]string{"r": {"1", "2", "3"}}}, true, nil
			}}).Routes()...)
			request := httptest.NewRequestWithContext(ctx, http.MethodPost, row.path, strings.NewReader(row.body))
			request.Header.Set("Content-Type", "application/json")
			answer := httptest.NewRecorder()
			document().Witness(t, e).ServeHTTP(answer, request)
			if answer.Code != row.status || !strings.Contains(answer.Body.String(), row.want) || strings.Contains(answer.Body.String(), `"results"`) || decider.asked != row.asked {
				t.Errorf("answered %d %s after %d decisions, want %d %s after %d", answer.Code, answer.Body, decider.asked, row.status, row.want, row.asked)
			}
		})
	}
}
