package telemetry

import (
	"context"
	"io"
	"log/slog"
	"sync"
)

// Lines writes what is logged to another writer, at once, but beside whoever logs it: while one
// write is under way the next lines come together, so that under load they share a write. No
// line is lost: who logs waits while too much does, [Lines.Flush] waits for all, and a
// logger of [NewLogger] waits for warnings and errors. It is safe for concurrent use.
type Lines struct {
	to io.Writer

	mu      sync.Mutex
	changed sync.Cond // writing, or what waits, has become less
	waiting []byte
	spare   []byte
	writing bool
}

// most is how many bytes may wait.
const most = 1 << 20

// NewLines returns Lines to a writer, which gets whole lines only.
func NewLines(to io.Writer) *Lines {
	l := &Lines{to: to}
	l.changed.L = &l.mu
	return l
}

// Write implements [io.Writer]. What is wrong with the writer below is told to nobody: it is
// the log itself that would tell.
func (l *Lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.waiting) > most {
		l.changed.Wait()
	}
	l.waiting = append(l.waiting, line...)
	if !l.writing {
		l.writing = true
		go l.write()
	}
	return len(line), nil
}

// write goes on until nothing waits.
func (l *Lines) write() {
	for lines := l.next(nil); lines != nil; lines = l.next(lines) {
		_, _ = l.to.Write(lines)
	}
}

// next takes what waits, and leaves what was written for the lines to come; nil: nothing waits.
func (l *Lines) next(written []byte) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.changed.Broadcast()
	if written != nil {
		l.spare = written[:0]
	}
	if len(l.waiting) == 0 {
		l.writing = false
		return nil
	}
	lines := l.waiting
	l.waiting, l.spare = l.spare, nil
	return lines
}

// Flush returns when all lines are written that were logged before.
func (l *Lines) Flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.writing {
		l.changed.Wait()
	}
}

// A prompt handler waits until what is worth a warning is written, with all before it.
type prompt struct {
	slog.Handler
	lines *Lines
}

// Handle implements [slog.Handler], and so do the others.
func (p prompt) Handle(ctx context.Context, r slog.Record) error {
	err := p.Handler.Handle(ctx, r)
	if r.Level >= slog.LevelWarn {
		p.lines.Flush()
	}
	return err
}

func (p prompt) WithAttrs(attrs []slog.Attr) slog.Handler {
	return prompt{p.Handler.WithAttrs(attrs), p.lines}
}

func (p prompt) WithGroup(name string) slog.Handler {
	return prompt{p.Handler.WithGroup(name), p.lines}
}
