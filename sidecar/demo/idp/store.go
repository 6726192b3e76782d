package idp

import (
	"crypto/sha256"
	"slices"
	"sync"
	"time"
)

type key = [sha256.Size]byte

// A shelf keeps values under secrets until their end. Whoever reads its memory learns no
// secret. It is bounded: when it is full, what ends first goes.
type shelf[V any] struct {
	mu    sync.Mutex
	items map[key]item[V]
}

type item[V any] struct {
	value V
	until time.Time
}

const maxShelved = 10_000

func newShelf[V any]() *shelf[V] { return &shelf[V]{items: map[key]item[V]{}} }

func (s *shelf[V]) put(secret string, value V, now, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.makeRoom(now)
	s.items[digest(secret)] = item[V]{value, until}
}

func (s *shelf[V]) get(secret string, now time.Time) (V, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, there := s.items[digest(secret)]
	if !there || !now.Before(i.until) {
		var none V
		return none, false
	}
	return i.value, true
}

func (s *shelf[V]) drop(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.items, digest(secret))
}

// dropIf drops every value that the condition holds for.
func (s *shelf[V]) dropIf(condition func(V) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, i := range s.items {
		if condition(i.value) {
			delete(s.items, k)
		}
	}
}

func (s *shelf[V]) makeRoom(now time.Time) {
	if len(s.items) < maxShelved {
		return
	}
	var first key
	var until time.Time
	for k, i := range s.items {
		if !now.Before(i.until) {
			delete(s.items, k)
		} else if until.IsZero() || i.until.Before(until) {
			first, until = k, i.until
		}
	}
	if len(s.items) >= maxShelved {
		delete(s.items, first)
	}
}

// A session is one person's single sign-on, in one browser. Its ID is sid in tokens and
// stays; the cookie that finds it changes with every proof.
type session struct {
	id      string
	account *account
	ends    time.Time

	mu     sync.Mutex
	proofs []Proof
	over   bool
}

func (s *session) completed() []Proof {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.proofs)
}

func (s *session) prove(method string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proofs = with(s.proofs, method, now)
}

// end makes the session worthless, for whoever still holds it.
func (s *session) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over, s.proofs = true, nil
}

func (s *session) live(now time.Time) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.over && now.Before(s.ends)
}

// A grant is what a finished login gave a client: what its code and refresh tokens stand
// for. All but used and revoked stays as it was made.
type grant struct {
	client  Client
	account *account
	sid     string
	scopes  []string
	nonce   string
	claims  Claims
	ends    time.Time // of refreshing

	// What the login rule was told at the login, and is told again on a refresh.
	asked       AuthorizationRequest
	proofs      []Proof
	requestedAt int64

	mu      sync.Mutex
	revoked bool
}

func (g *grant) revoke() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.revoked = true
}

func (g *grant) isRevoked() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.revoked
}
