package jwks

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"

	"stepup/sidecar/access"
	"stepup/sidecar/token"
)

const (
	// keep is how long the last good set is used when no newer one can be had.
	keep = 24 * time.Hour
	// missInterval is how often an unknown kid may cause a fetch. The attempt counts
	// even if it fails.
	missInterval = 30 * time.Second
	// retryFirst and retryMost bound the pause after a failed attempt, which doubles.
	retryFirst = 5 * time.Second
	retryMost  = time.Minute
	// refreshTimeout bounds a refresh as a whole: metadata twice, and keys.
	refreshTimeout = 3 * requestTimeout
	// filePoll is how often [Set.Run] looks at a file; Find looks every time.
	filePoll = 5 * time.Second
)

// source is where a key set comes from. It is used by one refresh at a time.
type source interface {
	fetch(ctx context.Context) (document, error)
	changed() bool // there is something new, whatever the lifetime of the last was
}

// A Set is the key set of one issuer. It fetches on demand, so that it works without
// [Set.Run]; with it, verification seldom waits. It is safe for concurrent use.
type Set struct {
	config Config
	source source
	after  func(time.Duration) <-chan time.Time // for Run
	flight singleflight.Group

	mu    sync.Mutex
	state state
}

// state is what is known. Only a refresh changes it.
type state struct {
	keys     []jose.JSONWebKey
	number   uint64 // of these keys: one more for each time they were others than before
	skipped  []string
	got      time.Time // when the keys were last confirmed; zero: never
	lifetime time.Duration

	attempts  int       // attempts begun
	attempted time.Time // when the last one began
	missed    time.Time // when the last one for the sake of an unknown kid began; zero: never
	failures  int       // attempts that failed since the last that worked
	err       error     // of the last attempt; nil: it worked
}

// New checks the configuration and reads CAFile. It fetches nothing: an issuer that is
// down never stops the start.
func New(c Config) (*Set, error) {
	src, err := c.source()
	if err != nil {
		return nil, err
	}
	return &Set{config: c, source: src, after: time.After}, nil
}

// Find implements [token.Keys].
func (s *Set) Find(ctx context.Context, kid string) ([]jose.JSONWebKey, error) {
	before := s.snapshot().attempts
	if err := s.freshen(ctx); err != nil {
		return nil, err
	}
	keys, err := s.lookUp(kid)
	if err != nil || len(keys) > 0 {
		return keys, err
	}
	if err := s.refresh(ctx, s.missed(before)); err != nil {
		return nil, err
	}
	if keys, err = s.lookUp(kid); err != nil || len(keys) > 0 {
		return keys, err
	}
	return nil, s.failure(access.KeyNotFound, "no key with a kid "+token.Unverified(kid), nil)
}

// Generation implements [token.Rotating]. Keys are not settled when a Find would first ask
// for newer ones, or when those at hand are too old to be used.
func (s *Set) Generation() (number uint64, settled bool) {
	st, now := s.snapshot(), s.config.now()
	return st.number, s.usable(st, now) && !s.stale(st, now)
}

// lookUp returns the keys at hand that have this kid; all of them if it is empty.
func (s *Set) lookUp(kid string) ([]jose.JSONWebKey, error) {
	st := s.snapshot()
	if !s.usable(st, s.config.now()) {
		return nil, s.failure(access.KeysUnavailable, "no keys at hand", st.err)
	}
	if kid == "" {
		return st.keys, nil
	}
	var found []jose.JSONWebKey
	for _, k := range st.keys {
		if k.KeyID == kid {
			found = append(found, k)
		}
	}
	return found, nil
}

func (s *Set) failure(code access.Code, what string, err error) *token.Error {
	return &token.Error{Code: code, Detail: fmt.Sprintf("issuer %q: %s", s.config.Issuer, what), Err: err}
}

// freshen waits for a refresh if the set is stale. An issuer that is known to be down is
// asked behind the caller's back while the last good set serves.
func (s *Set) freshen(ctx context.Context) error {
	st, now := s.snapshot(), s.config.now()
	if !s.stale(st, now) {
		return nil
	}
	if st.err != nil && s.usable(st, now) && !s.source.changed() {
		s.start(cause{due: s.stale})
		return nil
	}
	return s.refresh(ctx, cause{due: s.stale})
}

// usable reports whether the keys at hand may be used at all. A file that is as it was
// when it was read well does not age.
func (s *Set) usable(st state, now time.Time) bool {
	if st.got.IsZero() {
		return false
	}
	return now.Sub(st.got) <= keep || s.isFile() && st.err == nil
}

func (s *Set) isFile() bool {
	_, is := s.source.(*file)
	return is
}

func (s *Set) snapshot() state {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Status is what may be told about a Set: no key, no token.
type Status struct {
	Usable    bool      // tokens of the issuer can be verified
	FetchedAt time.Time // when the keys were last confirmed; zero: never
	LastError string    // of the last attempt; empty: it worked, or there was none
	Keys      int       // usable keys at hand
}

// Status tells how the Set is.
func (s *Set) Status() Status {
	st := s.snapshot()
	told := Status{FetchedAt: st.got, Keys: len(st.keys)}
	told.Usable = told.Keys > 0 && s.usable(st, s.config.now())
	if st.err != nil {
		told.LastError = st.err.Error()
	}
	return told
}
