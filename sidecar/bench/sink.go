package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
)

// counted is how many decisions were told of those that were made, by candidate.
type counted struct {
	what       string
	told, made map[string]int
}

func (c *counted) add(name string, told, made int) {
	if c.told == nil {
		c.told, c.made = map[string]int{}, map[string]int{}
	}
	c.told[name] += told
	c.made[name] += made
}

// share tells it as a percentage.
func (c *counted) share(name string) string {
	if c.made[name] == 0 {
		return "none"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(c.told[name])/float64(c.made[name]))
}

// event is in every decision's event once.
var event = []byte(`"decision_id"`)

// ended counts what a process wrote to the console.
func (c *counted) ended(p *process, answers int) {
	f, err := os.Open(p.log)
	if err != nil {
		return
	}
	defer f.Close()
	c.add(p.name, countEvents(f), answers)
	_ = os.Remove(p.log)
}

func countEvents(from io.Reader) (n int) {
	lines := bufio.NewReaderSize(from, 1<<20)
	for {
		line, err := lines.ReadSlice('\n')
		n += bytes.Count(line, event)
		if err != nil && err != bufio.ErrBufferFull {
			return n
		}
	}
}

// A sink is the service that decision logs are sent to. It keeps what it gets as it is, and
// reads it when the load is over.
type sink struct {
	*httptest.Server
	counted
	mu   sync.Mutex
	sent [][]byte
}

// serviceFile configures OPA's server to send its decision log.
const serviceFile = "service.yaml"

func newSink(dir string) (*sink, error) {
	s := &sink{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(a http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			a.WriteHeader(http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.sent = append(s.sent, text)
	}))
	return s, os.WriteFile(filepath.Join(dir, serviceFile), []byte(s.config()), 0o600)
}

// config is that of both, with the buffer by size, which costs both less than that of events, and chunks that
// hold what comes in between two uploads: of a smaller one that got too large OPA's encoder
// reads all events again, and packs them once more.
func (s *sink) config() string {
	return fmt.Sprintf("{services: {sink: {url: %q}}, decision_logs: {service: sink, reporting: "+
		"{min_delay_seconds: 1, max_delay_seconds: 2, buffer_type: size, upload_size_limit_bytes: 33554432}}}", s.URL)
}

// ended counts what a process had sent when it ended.
func (s *sink) ended(p *process, answers int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	told := 0
	for _, text := range s.sent {
		if events, err := gzip.NewReader(bytes.NewReader(text)); err == nil {
			told += countEvents(events)
		}
	}
	s.sent = nil
	s.add(p.name, told, answers)
}
