package loopguard

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"stepup/sidecar/access"
)

// What a Guard does where its Config does not say.
const (
	DefaultSize   = 10_000
	DefaultWindow = 10 * time.Minute
	DefaultSkew   = 30 * time.Second
)

// tries is how many newer logins may fail before a requirement counts as unmet.
const tries = 2

// Config bounds a Guard. The zero value takes the defaults.
type Config struct {
	// Size is how many pairs of person and requirement are remembered; 0: [DefaultSize].
	// Beyond it the one that was asked about least recently is forgotten.
	Size int
	// Window is how long a login in vain is remembered; 0: [DefaultWindow].
	Window time.Duration
	// Skew is how far the issuer's clock and ours may disagree; 0: [DefaultSkew].
	Skew time.Duration
}

func (c Config) withDefaults() Config {
	if c.Size <= 0 {
		c.Size = DefaultSize
	}
	if c.Window <= 0 {
		c.Window = DefaultWindow
	}
	if c.Skew <= 0 {
		c.Skew = DefaultSkew
	}
	return c
}

// A Guard remembers step-ups that were asked for. It reads no clock and is safe for
// concurrent use. Make one with [New].
type Guard struct {
	config Config
	secret secret
	levels maphash.Seed // of the digests of levels

	size   atomic.Int64 // of known, to be read without the lock
	mu     sync.Mutex
	known  map[digest]int32 // their places
	places places
}

// New returns a Guard that remembers nothing yet.
func New(c Config) *Guard {
	return &Guard{config: c.withDefaults(), secret: newSecret(), levels: maphash.MakeSeed(), known: map[digest]int32{}}
}

// An Attempt is a verified login that fails a requirement, although another login would do.
type Attempt struct {
	Requirement
	// Level is what the step-up asks for, and Why what the present login lacks.
	Level string
	Why   access.Code
	// AuthTime is when the person signed in, 0 if that is not told; IssuedAt is the iat of
	// the token. With neither, nothing can be said of this login and it is not remembered.
	AuthTime, IssuedAt int64
}

// login is the moment by which logins are told to be newer.
func (a Attempt) login() int64 {
	if a.AuthTime != 0 {
		return a.AuthTime
	}
	return a.IssuedAt
}

// A Requirement is what somebody wants to do.
type Requirement struct {
	Issuer, Subject, Client, Session string // Session is the sid; empty: not told
	Package, Action                  string
	ResourceType, ResourceID         string
}

// A Verdict says whether to go on asking. The zero value says to.
type Verdict struct {
	// Unmet reports that asking does not help: deny with [access.StepUpUnmet].
	Unmet bool
	// Unchanged is what the newer logins lacked as the first did: [access.LevelTooLow],
	// [access.LoginTooOld] or another code of a step-up. Empty unless Unmet.
	Unchanged access.Code
	// Level was asked for in vain. Empty unless Unmet.
	Level string
}

// Check remembers an attempt and says whether to ask for a login again.
func (g *Guard) Check(now time.Time, a Attempt) Verdict {
	if a.login() == 0 {
		return Verdict{}
	}
	key := g.secret.digest(a.Requirement)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.expire(now)
	n := g.recall(key)
	m := g.places.at(n)
	m.forget(now.Add(-g.config.Window))
	if m.sawNew(now, a, maphash.String(g.levels, a.Level), g.config.Skew) {
		g.places.last(n)
	}
	if !m.unmet(a) {
		return Verdict{}
	}
	return Verdict{Unmet: true, Unchanged: a.Why, Level: a.Level}
}

// Met forgets what was asked of somebody who may now do it: what they do afterwards with
// a weaker login begins anew. It costs next to nothing while nobody was asked anything.
func (g *Guard) Met(r Requirement) {
	if g.size.Load() == 0 {
		return
	}
	key := g.secret.digest(r)
	g.mu.Lock()
	defer g.mu.Unlock()
	if n, known := g.known[key]; known {
		g.drop(n)
	}
}

// Len returns how many pairs of person and requirement are remembered.
func (g *Guard) Len() int { return int(g.size.Load()) }

// recall returns the place of what is remembered, and makes room if that is nothing.
func (g *Guard) recall(key digest) int32 {
	if n, known := g.known[key]; known {
		return n
	}
	if len(g.known) >= g.config.Size {
		g.drop(g.places.first())
	}
	n := g.places.add(memory{key: key})
	g.known[key] = n
	g.size.Store(int64(len(g.known)))
	return n
}

// expire drops what has no login within the window.
func (g *Guard) expire(now time.Time) {
	for n := g.places.first(); n != 0 && g.places.at(n).before(now.Add(-g.config.Window)); n = g.places.first() {
		g.drop(n)
	}
}

func (g *Guard) drop(n int32) {
	delete(g.known, g.places.at(n).key)
	g.places.drop(n)
	g.size.Store(int64(len(g.known)))
}
