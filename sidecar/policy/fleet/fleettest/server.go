package fleettest

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// A Fault is something that a server does instead of answering well.
type Fault int

// The faults. None is the zero value.
const (
	None     Fault = iota
	Down           // it answers 503
	HangUp         // it closes the connection
	Truncate       // it sends the first half, as if that were all
	Corrupt        // it sends the bundle with one byte changed
	Stall          // it sends the first half and then nothing more, until something changes
)

// A Server serves bundles below /bundles/, as OPA asks for them. It is safe for
// concurrent use.
type Server struct {
	URL string

	mu       sync.Mutex
	bundles  map[string]*served
	changed  chan struct{} // closed at each change
	longPoll bool
	counts   map[string]int // of answers, by name and kind
	stop     chan struct{}
}

type served struct {
	archive []byte
	fault   Fault
}

// NewServer starts a server that ends with the test.
func NewServer(t testing.TB) *Server {
	t.Helper()
	s := &Server{bundles: map[string]*served{}, changed: make(chan struct{}), counts: map[string]int{}, stop: make(chan struct{})}
	listener := httptest.NewServer(s)
	s.URL = listener.URL
	t.Cleanup(listener.Close)
	t.Cleanup(func() { close(s.stop) })
	return s
}

// Serve serves an archive under a name from now on, and without faults.
func (s *Server) Serve(name string, archive []byte) { s.change(name, &served{archive: archive}) }

// Break lets the server do badly what is served under a name.
func (s *Server) Break(name string, how Fault) {
	s.mu.Lock()
	archive := s.bundles[name].archive
	s.mu.Unlock()
	s.change(name, &served{archive: archive, fault: how})
}

func (s *Server) change(name string, to *served) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bundles[name] = to
	close(s.changed)
	s.changed = make(chan struct{})
}

// LongPoll makes the server one that can wait.
func (s *Server) LongPoll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.longPoll = true
}

// Count tells how often a name was answered in a way: "200", "304" or "waited".
func (s *Server) Count(name, kind string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[name+" "+kind]
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/bundles/")
	for {
		b, changed, waits := s.look(name)
		switch {
		case b == nil:
			http.NotFound(w, r)
			return
		case r.Header.Get("If-None-Match") != b.etag() || b.fault != None:
			s.send(w, name, b, waits, changed)
			return
		case !waits || !strings.Contains(r.Header.Get("Prefer"), "wait="):
			s.count(name, "304")
			w.WriteHeader(http.StatusNotModified)
			return
		}
		s.count(name, "waited")
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		case <-s.stop:
			return
		}
	}
}

func (s *Server) look(name string) (*served, <-chan struct{}, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bundles[name], s.changed, s.longPoll
}

func (s *Server) count(name, kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[name+" "+kind]++
}

// etag is that of the archive, whatever is sent of it.
func (b *served) etag() string {
	sum := sha256.Sum256(b.archive)
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}

func (s *Server) send(w http.ResponseWriter, name string, b *served, longPoll bool, changed <-chan struct{}) {
	body := b.archive
	switch b.fault {
	case Down:
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	case HangUp:
		panic(http.ErrAbortHandler)
	case Truncate, Stall:
		body = body[:len(body)/2]
	case Corrupt:
		body = append([]byte(nil), body...)
		body[len(body)/2] ^= 0xff
	}
	s.count(name, "200")
	w.Header().Set("Content-Type", "application/gzip")
	if longPoll {
		w.Header().Set("Content-Type", "application/vnd.openpolicyagent.bundles")
	}
	w.Header().Set("ETag", b.etag())
	_, _ = w.Write(body)
	if b.fault == Stall {
		_ = http.NewResponseController(w).Flush()
		select {
		case <-changed:
		case <-s.stop:
		}
		panic(http.ErrAbortHandler)
	}
}
