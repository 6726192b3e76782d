package jwks_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"stepup/sidecar/access"
	"stepup/sidecar/token"
	"stepup/sidecar/token/jwks"
	"stepup/sidecar/token/tokentest"
)

func TestAFreshSetIsNotFetchedAgain(t *testing.T) {
	b := newBench(t)
	if s := b.set.Status(); s.Usable || s.Keys != 0 || !s.FetchedAt.IsZero() {
		t.Errorf("Status before the first fetch = %+v, want nothing", s)
	}
	b.want("first", "key-1", found, 1)
	b.want("again", "key-1", found, 1)
	b.want("without a kid", "", found, 1)
	b.clock.Advance(15*time.Minute - time.Second)
	b.want("just before its lifetime is over", "key-1", found, 1)
	b.clock.Advance(time.Second)
	b.want("when it is over", "key-1", found, 2)
	if s := b.set.Status(); !s.Usable || s.Keys != 1 || !s.FetchedAt.Equal(b.clock.Now()) || s.LastError != "" {
		t.Errorf("Status = %+v, want usable, 1 key, fetched now", s)
	}
}

func TestAnUnknownKidIsNotRepeated(t *testing.T) {
	b := newBench(t)
	_, err := b.set.Find(t.Context(), "MARK")
	if e, ok := errors.AsType[*token.Error](err); !ok || e.Code != access.KeyNotFound || strings.Contains(e.Error(), "MARK") {
		t.Errorf("Find(MARK) = %v, want %s without what nobody verified", err, access.KeyNotFound)
	}
}

func TestARemovedKeyStopsVerifying(t *testing.T) {
	b := newBench(t, tokentest.WithClock(func() time.Time { return time.Unix(1795428120, 0) }))
	text := b.issuer.Token(nil)
	if got := b.verify(text); got != "accepted" {
		t.Fatalf("Verify = %s, want accepted", got)
	}
	b.issuer.Rotate()
	if got := b.verify(text); got != "accepted" {
		t.Errorf("before the refresh: Verify = %s, want accepted", got)
	}
	b.clock.Advance(15 * time.Minute)
	if got := b.verify(text); got != "key_not_found" {
		t.Errorf("after the refresh: Verify = %s, want key_not_found", got)
	}
	b.issuer.Publish()
	b.clock.Advance(15 * time.Minute)
	b.want("all keys withdrawn", "key-1", "key_not_found", 3)
	if s := b.set.Status(); s.Usable {
		t.Errorf("Status = %+v, want not usable", s)
	}
}

func TestAnUnknownKidIsAskedForOnceInThirtySeconds(t *testing.T) {
	b := newBench(t)
	b.want("first", "key-1", found, 1)
	next := b.issuer.Rotate()
	b.want("a key made since", next.ID, found, 2)
	b.want("an invented one", "x1", "key_not_found", 2)
	b.clock.Advance(29 * time.Second)
	for n := range 50 {
		b.want("a flood of invented ones", fmt.Sprint("y", n), "key_not_found", 2)
	}
	b.clock.Advance(time.Second)
	b.want("half a minute later", "x2", "key_not_found", 3)
	b.want("and at once again", "x3", "key_not_found", 3)
}

func TestAFirstFetchIsNotRepeatedForAnUnknownKid(t *testing.T) {
	b := newBench(t)
	b.want("unknown from the start", "x", "key_not_found", 1)
}

func TestAFailedAttemptForAnUnknownKidCounts(t *testing.T) {
	b := newBench(t)
	b.want("first", "key-1", found, 1)
	b.issuer.Handle(tokentest.KeySet, tokentest.Answer(http.StatusInternalServerError, "text/plain", "oops"))
	b.want("fails", "x", "key_not_found", 2)
	b.want("the known key still verifies", "key-1", found, 2)
	b.clock.Advance(29 * time.Second)
	b.want("within the interval", "x", "key_not_found", 2)
}

func TestAllWhoWaitShareOneFetch(t *testing.T) {
	b := newBench(t)
	b.issuer.Stall()
	var wg sync.WaitGroup
	outcomes := make(chan string, 20)
	for range cap(outcomes) {
		wg.Go(func() { outcomes <- b.find("key-1") })
	}
	eventually(t, "the fetch begins", func() bool { return b.issuer.Fetches("") == 1 })
	b.issuer.Resume()
	wg.Wait()
	close(outcomes)
	for got := range outcomes {
		if got != found {
			t.Errorf("Find = %s, want found", got)
		}
	}
	if n := b.issuer.Fetches(tokentest.KeySet); n != 1 {
		t.Errorf("the key set was fetched %d times, want once", n)
	}
}

func TestWhoGivesUpDoesNotCancelForOthers(t *testing.T) {
	b := newBench(t)
	b.issuer.Stall()
	impatient, giveUp := context.WithCancel(t.Context())
	first := make(chan error)
	go func() { _, err := b.set.Find(impatient, "key-1"); first <- err }()
	eventually(t, "the fetch begins", func() bool { return b.issuer.Fetches("") == 1 })
	second := make(chan string)
	go func() { second <- b.find("key-1") }()
	giveUp()
	err := <-first
	if e, ok := err.(*token.Error); !ok || e.Code != access.KeysUnavailable || !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up is told %v, want %s", err, access.KeysUnavailable)
	}
	b.issuer.Resume()
	if got := <-second; got != found {
		t.Errorf("who waited: Find = %s, want found", got)
	}
	if n := b.issuer.Fetches(tokentest.KeySet); n != 1 {
		t.Errorf("the key set was fetched %d times, want once", n)
	}
}

func TestTheLastGoodSetOutlivesAnOutage(t *testing.T) {
	b := newBench(t)
	b.want("first", "key-1", found, 1)
	b.issuer.Handle(tokentest.KeySet, tokentest.Answer(http.StatusBadGateway, "text/html", "<html>"))
	b.clock.Advance(15 * time.Minute)
	b.want("when stale it is asked, and serves", "key-1", found, 2)
	b.want("not again at once", "key-1", found, 2)
	b.clock.Advance(23*time.Hour + 45*time.Minute)
	if got := b.find("key-1"); got != found {
		t.Errorf("after 24 hours: Find = %s, want found", got)
	}
	b.clock.Advance(time.Second)
	eventually(t, "keys_unavailable after 24 hours", func() bool { return b.find("key-1") == "keys_unavailable" })
	if s := b.set.Status(); s.Usable || s.LastError == "" {
		t.Errorf("Status = %+v, want not usable, with an error", s)
	}
	b.issuer.Handle(tokentest.KeySet, nil)
	b.clock.Advance(time.Minute)
	if got := b.find("key-1"); got != found {
		t.Errorf("when the issuer is back: Find = %s, want found", got)
	}
	if failures, recoveries := b.log.count("cannot be had"), b.log.count("can be had again"); failures != 1 || recoveries != 1 {
		t.Errorf("logged %d failures and %d recoveries, want one of each:\n%s", failures, recoveries, b.log.text.String())
	}
}

// TestAnEmptySetIsTold publishes no key at first: nobody could find out otherwise why all
// tokens are refused.
func TestAnEmptySetIsTold(t *testing.T) {
	b := newBench(t)
	b.issuer.Publish()
	_ = b.find("key-1")
	if n := b.log.count("no key that could be used"); n != 1 {
		t.Errorf("logged %d times that the set is empty, want once:\n%s", n, b.log.text.String())
	}
}

func TestAnIssuerThatIsDownAtStart(t *testing.T) {
	b := newBench(t)
	b.issuer.Down()
	if got := b.find("key-1"); got != "keys_unavailable" {
		t.Errorf("down: Find = %s, want keys_unavailable", got)
	}
	asked := b.issuer.Fetches("")
	if got := b.find("key-1"); got != "keys_unavailable" || b.issuer.Fetches("") != asked {
		t.Errorf("at once again: Find = %s with %d more requests, want keys_unavailable with none", got, b.issuer.Fetches("")-asked)
	}
	b.issuer.Up()
	b.clock.Advance(5 * time.Second)
	if got := b.find("key-1"); got != found {
		t.Errorf("up: Find = %s, want found", got)
	}
}

// TestAStallEndsByItself: nobody waits longer than the limits say. This takes the real 5 s.
func TestAStallEndsByItself(t *testing.T) {
	if testing.Short() {
		t.Skip("takes five seconds")
	}
	t.Parallel()
	b := newBench(t)
	b.issuer.Stall()
	if got := b.find("key-1"); got != "keys_unavailable" {
		t.Errorf("Find = %s, want keys_unavailable", got)
	}
}

func TestLifetimes(t *testing.T) {
	for _, row := range []struct {
		header string
		want   time.Duration
	}{
		{"", 15 * time.Minute},
		{"max-age=600", 10 * time.Minute},
		{"public, max-age=600, must-revalidate", 10 * time.Minute},
		{`MAX-AGE="600"`, 10 * time.Minute},
		{"max-age=5", time.Minute},
		{"max-age=0", time.Minute},
		{"no-cache", time.Minute},
		{"max-age=600, no-store", time.Minute},
		{"max-age=999999", 24 * time.Hour},
		{"max-age=99999999999999999999", 24 * time.Hour},
		{"max-age=soon", time.Minute},
		{"max-age=-5", time.Minute},
		{"private", 15 * time.Minute},
	} {
		t.Run(row.header, func(t *testing.T) {
			b := benchOf(t, tokentest.New(t), func(c *jwks.Config) { c.JWKSURI = c.Issuer + "/keys" })
			b.issuer.SetHeader("Cache-Control", row.header)
			b.want("first", "key-1", found, 1)
			b.clock.Advance(row.want - time.Second)
			b.want("before", "key-1", found, 1)
			b.clock.Advance(time.Second)
			b.want("after", "key-1", found, 2)
		})
	}
}

func TestRevalidation(t *testing.T) {
	b := newBench(t)
	b.issuer.SetHeader("ETag", `"v1"`)
	b.want("first", "key-1", found, 1)
	b.issuer.Publish() // which the tag hides: a 304 says that nothing changed
	b.clock.Advance(15 * time.Minute)
	b.want("not modified", "key-1", found, 2)
	b.clock.Advance(14 * time.Minute)
	b.want("fresh again", "key-1", found, 2)
	b.issuer.SetHeader("ETag", `"v2"`)
	b.clock.Advance(time.Minute)
	b.want("modified", "key-1", "key_not_found", 3)
}

func TestObserve(t *testing.T) {
	var seen []jwks.Fetch
	b := benchOf(t, tokentest.New(t), func(c *jwks.Config) {
		c.Observe = func(f jwks.Fetch) { seen = append(seen, f) }
	})
	b.find("key-1")
	b.issuer.Handle(tokentest.KeySet, tokentest.Answer(http.StatusNotFound, "text/plain", ""))
	b.find("x")
	if len(seen) != 2 || seen[0].Err != nil || seen[0].Keys != 1 || seen[1].Err == nil || seen[1].Keys != 1 || seen[0].Issuer != b.issuer.URL {
		t.Errorf("observed %+v, want a success and a failure, with one key at hand", seen)
	}
}

// A generation is settled exactly while Find asks nobody, and is another exactly when the
// keys are.
func TestGenerations(t *testing.T) {
	b := newBench(t)
	want := func(what string, number uint64, settled bool) {
		t.Helper()
		if n, ok := b.set.Generation(); n != number || ok != settled {
			t.Errorf("%s: Generation = %d, %t, want %d, %t", what, n, ok, number, settled)
		}
	}
	want("before the first fetch", 0, false)
	b.want("first", "key-1", found, 1)
	want("after it", 1, true)
	b.clock.Advance(15*time.Minute - time.Second)
	want("just before its lifetime is over", 1, true)
	b.clock.Advance(time.Second)
	want("when it is over", 1, false)
	b.want("again", "key-1", found, 2)
	want("the same keys", 1, true)

	next := b.issuer.Rotate()
	want("keys that nobody has seen", 1, true)
	b.want("a key made since", next.ID, found, 3)
	want("other keys", 2, true)

	b.issuer.Down()
	b.clock.Advance(15 * time.Minute)
	want("to be asked for in an outage", 2, false)
	b.want("the last good set serves", next.ID, found, 3)
	want("until the next try", 2, true)
	b.clock.Advance(24 * time.Hour)
	want("too old to be used", 2, false)
}
