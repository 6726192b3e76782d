package jwks_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"stepup/sidecar/access"
	"stepup/sidecar/token"
	"stepup/sidecar/token/jwks"
	"stepup/sidecar/token/tokentest"
)

// clock is a clock that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Unix(1795428120, 0)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// bench is a Set of an issuer on loopback, under a clock of its own.
type bench struct {
	t      *testing.T
	issuer *tokentest.Issuer
	clock  *clock
	set    *jwks.Set
	log    *lines
}

func newBench(t *testing.T, options ...tokentest.Option) *bench {
	t.Helper()
	return benchOf(t, tokentest.New(t, options...), nil)
}

func benchOf(t *testing.T, issuer *tokentest.Issuer, change func(*jwks.Config)) *bench {
	t.Helper()
	b := &bench{t: t, issuer: issuer, clock: newClock(), log: &lines{}}
	c := jwks.Config{Issuer: issuer.URL, Now: b.clock.Now, Logger: slog.New(slog.NewTextHandler(b.log, nil))}
	if change != nil {
		change(&c)
	}
	set, err := jwks.New(c)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	b.set = set
	return b
}

// find says what came of looking up a kid: "found", how many if several, or the code.
func (b *bench) find(kid string) string { return outcome(b.set.Find(b.t.Context(), kid)) }

func outcome(keys []jose.JSONWebKey, err error) string {
	switch e := err.(type) {
	case nil:
		return strings.Repeat("found ", len(keys))
	case *token.Error:
		return string(e.Code)
	}
	return "an error of another type"
}

const found = "found "

// want checks a look-up, and how many fetches of the key set there have been.
func (b *bench) want(what, kid, want string, fetches int) {
	b.t.Helper()
	if got := b.find(kid); got != want {
		b.t.Errorf("%s: Find(%q) = %s, want %s (%s)", what, kid, got, want, b.set.Status().LastError)
	}
	if got := b.issuer.Fetches(tokentest.KeySet); got != fetches {
		b.t.Errorf("%s: the key set was fetched %d times, want %d", what, got, fetches)
	}
}

// verify takes a token all the way.
func (b *bench) verify(text string) string {
	b.t.Helper()
	v, err := token.NewVerifier([]token.Issuer{b.issuer.Configuration(b.set)}, 0, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err = v.Verify(b.t.Context(), b.clock.Now(), access.NewCredential(text)); err == nil {
		return "accepted"
	}
	return string(err.(*token.Error).Code)
}

// lines collects a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}

// eventually waits for something that happens behind the caller's back.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within 10 s", what)
		case <-tick.C:
		}
	}
}
