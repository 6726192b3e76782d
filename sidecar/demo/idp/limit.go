package idp

import (
	"sync"
	"time"
)

// A limiter counts attempts by key within a window. An attempt counts before it is
// judged, so that many at once are no way round.
type limiter struct {
	window time.Duration

	mu   sync.Mutex
	seen map[string]*attempts
}

type attempts struct {
	count int
	until time.Time
}

// maxLimited bounds the memory of a limiter.
const maxLimited = 10_000

func newLimiter(window time.Duration) *limiter {
	return &limiter{window: window, seen: map[string]*attempts{}}
}

// take counts one attempt, and reports whether it is among the first most of its window.
func (l *limiter) take(key string, most int, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.seen[key]
	if a == nil || !now.Before(a.until) {
		l.makeRoom(now)
		a = &attempts{until: now.Add(l.window)}
		l.seen[key] = a
	}
	a.count++
	return a.count <= most
}

// clear forgets the attempts of a key: this one was right.
func (l *limiter) clear(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.seen, key)
}

// forgive takes back one attempt of a key that many share: it was right.
func (l *limiter) forgive(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.seen[key]; a != nil {
		a.count--
	}
}

// makeRoom drops what is past and, where that is not enough, whatever ends first.
func (l *limiter) makeRoom(now time.Time) {
	if len(l.seen) < maxLimited {
		return
	}
	var first string
	for key, a := range l.seen {
		if !now.Before(a.until) {
			delete(l.seen, key)
		} else if first == "" || a.until.Before(l.seen[first].until) {
			first = key
		}
	}
	if len(l.seen) >= maxLimited {
		delete(l.seen, first)
	}
}
