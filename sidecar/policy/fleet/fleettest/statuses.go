package fleettest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// Statuses is a service that takes what OPA's status plugin sends to POST /status. It is
// safe for concurrent use.
type Statuses struct {
	URL string

	mu   sync.Mutex
	all  [][]byte
	odd  []string
	last Report
}

// A Report is one of them, as far as it is about bundles.
type Report struct {
	Labels  map[string]string       `json:"labels"`
	Bundles map[string]BundleStatus `json:"bundles"`
	Plugins map[string]struct {
		State string `json:"state"`
	} `json:"plugins"`
	Discovery *BundleStatus `json:"discovery"`
}

// A BundleStatus is what a report says about one bundle.
type BundleStatus struct {
	Name           string      `json:"name"`
	ActiveRevision string      `json:"active_revision"`
	Code           string      `json:"code"`
	Message        string      `json:"message"`
	HTTPCode       json.Number `json:"http_code"`
	Errors         []struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"errors"`
}

// Says is all that a status tells of an error.
func (s BundleStatus) Says() string {
	said := s.Message
	for _, e := range s.Errors {
		said += "\n" + e.Code + ": " + e.Message
	}
	return said
}

// NewStatuses starts a service that ends with the test.
func NewStatuses(t testing.TB) *Statuses {
	t.Helper()
	s := &Statuses{}
	listener := httptest.NewServer(s)
	s.URL = listener.URL
	t.Cleanup(listener.Close)
	return s
}

// ServeHTTP implements [http.Handler].
func (s *Statuses) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	var report Report
	if err == nil {
		err = json.Unmarshal(text, &report)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || r.Method != http.MethodPost || r.URL.Path != "/status" && r.URL.Path != "/status/" {
		s.odd = append(s.odd, r.Method+" "+r.URL.Path)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.all, s.last = append(s.all, text), report
}

// Last is the last report; the zero Report if there is none.
func (s *Statuses) Last() Report { s.mu.Lock(); defer s.mu.Unlock(); return s.last }

// All are the texts of all reports.
func (s *Statuses) All() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([][]byte(nil), s.all...)
}

// Odd tells what came and was no report.
func (s *Statuses) Odd() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.odd...)
}
