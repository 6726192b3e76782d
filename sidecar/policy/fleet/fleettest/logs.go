package fleettest

import (
	"compress/gzip"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// Logs is a service that takes decision logs, as OPA sends them: gzipped arrays of JSON to
// POST /logs. It is safe for concurrent use.
type Logs struct {
	URL string

	mu     sync.Mutex
	down   bool
	wait   chan struct{} // nil: it answers at once
	events []json.RawMessage
	odd    []string
}

// NewLogs starts a service that ends with the test.
func NewLogs(t testing.TB) *Logs {
	t.Helper()
	l := &Logs{}
	listener := httptest.NewServer(l)
	l.URL = listener.URL
	t.Cleanup(listener.Close)
	t.Cleanup(l.Up)
	return l
}

// Config is a configuration of OPA that sends decision logs here, with more in reporting.
func (l *Logs) Config(reporting map[string]any) map[string]any {
	return map[string]any{
		"services":      map[string]any{"sink": map[string]any{"url": l.URL}},
		"decision_logs": map[string]any{"service": "sink", "reporting": reporting},
	}
}

// Down lets the service answer 503, and take nothing, until Up.
func (l *Logs) Down() { l.mu.Lock(); defer l.mu.Unlock(); l.down = true }

// Slow lets the service take its time: no answer until Up.
func (l *Logs) Slow() { l.mu.Lock(); defer l.mu.Unlock(); l.wait = make(chan struct{}) }

// Up lets the service take all that comes.
func (l *Logs) Up() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = false
	if l.wait != nil {
		close(l.wait)
		l.wait = nil
	}
}

// Events are those that were taken, in the order in which they came.
func (l *Logs) Events() []json.RawMessage {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]json.RawMessage(nil), l.events...)
}

// Odd tells what came and was no decision log.
func (l *Logs) Odd() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.odd...)
}

// ServeHTTP implements [http.Handler].
func (l *Logs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	events, odd := readLogs(r)
	l.mu.Lock()
	wait := l.wait
	l.mu.Unlock()
	if wait != nil {
		select {
		case <-wait:
		case <-r.Context().Done():
			return
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case odd != "":
		l.odd = append(l.odd, odd)
		w.WriteHeader(http.StatusBadRequest)
	case l.down:
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		l.events = append(l.events, events...)
	}
}

// readLogs holds a request to what OPA documents.
func readLogs(r *http.Request) (events []json.RawMessage, odd string) {
	if r.Method != http.MethodPost || r.URL.Path != "/logs" || r.Header.Get("Content-Encoding") != "gzip" || r.Header.Get("Content-Type") != "application/json" {
		return nil, r.Method + " " + r.URL.Path
	}
	body, err := gzip.NewReader(r.Body)
	if err != nil {
		return nil, err.Error()
	}
	if err := json.NewDecoder(body).Decode(&events); err != nil {
		return nil, err.Error()
	}
	return events, ""
}
