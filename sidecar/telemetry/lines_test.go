package telemetry_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"stepup/sidecar/telemetry"
)

// slowly is a writer whose writes wait until they may go on.
type slowly struct {
	mayGo chan struct{}
	mu    sync.Mutex
	text  bytes.Buffer
	count int
}

func (s *slowly) Write(p []byte) (int, error) {
	<-s.mayGo
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	return s.text.Write(p)
}

func (s *slowly) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// TestLinesLosesNone: what several log at a time is all there after Flush, in whole lines and
// for each in order, and lines that came while one was written shared a write.
func TestLinesLosesNone(t *testing.T) {
	const callers, each = 4, 500
	to := &slowly{mayGo: make(chan struct{})}
	lines := telemetry.NewLines(to)
	var logging sync.WaitGroup
	for caller := range callers {
		logging.Go(func() {
			for n := range each {
				fmt.Fprintf(lines, "%d %d\n", caller, n)
			}
		})
	}
	logging.Wait() // nobody waits for the writer
	close(to.mayGo)
	lines.Flush()
	next := [callers]int{}
	for line := range strings.Lines(to.String()) {
		var caller, n int
		if _, err := fmt.Sscanf(line, "%d %d\n", &caller, &n); err != nil || next[caller] != n {
			t.Fatalf("the line %q, want %d of its caller next: %v", line, next[caller], err)
		}
		next[caller]++
	}
	if next != [callers]int{each, each, each, each} {
		t.Errorf("%v lines, want %d of each", next, each)
	}
	if to.count > 2 {
		t.Errorf("%d writes, want the first line's and one of all others", to.count)
	}
}

// TestLinesAreBounded: who logs more than the writer takes waits for it.
func TestLinesAreBounded(t *testing.T) {
	to := &slowly{mayGo: make(chan struct{})}
	lines := telemetry.NewLines(to)
	line, done := bytes.Repeat([]byte("x"), 64<<10), make(chan int)
	go func() {
		for range 64 {
			_, _ = lines.Write(line)
		}
		close(done)
	}()
	select {
	case <-done:
		t.Error("4 MiB waited for the writer, want at most about one")
	case to.mayGo <- struct{}{}:
	}
	close(to.mayGo)
	<-done
	lines.Flush()
	if got := len(to.String()); got != 64*len(line) {
		t.Errorf("%d bytes were written, want %d", got, 64*len(line))
	}
}

// TestWarningsAreWritten before whoever logs them goes on, with all that came before.
func TestWarningsAreWritten(t *testing.T) {
	var to bytes.Buffer // which nobody but the Lines may touch unless all is written
	lines := telemetry.NewLines(&to)
	log, err := telemetry.NewLogger("json", "info", lines)
	if err != nil {
		t.Fatal(err)
	}
	for _, level := range []slog.Level{slog.LevelWarn, slog.LevelError} {
		log.Info("before")
		log.With("a", 1).WithGroup("g").Log(t.Context(), level, "now", "b", 2)
		if got := strings.Count(to.String(), "\n"); got != 2 {
			t.Errorf("after %s: %d lines, want 2: %s", level, got, to.String())
		}
		to.Reset()
	}
	if _, err := telemetry.NewLogger("xml", "info", telemetry.NewLines(io.Discard)); err == nil {
		t.Error("NewLogger(xml) to Lines: no error")
	}
}
