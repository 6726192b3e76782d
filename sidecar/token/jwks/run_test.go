package jwks_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"stepup/sidecar/token/tokentest"
)

// running starts Run; each sleep is told on asleep and ends when wake is sent to.
func running(b *bench) (asleep chan time.Duration, wake chan time.Time, stop func()) {
	asleep, wake = make(chan time.Duration), make(chan time.Time)
	ctx, cancel := context.WithCancel(context.Background())
	b.set.SetAfter(func(d time.Duration) <-chan time.Time {
		select {
		case asleep <- d:
		case <-ctx.Done():
		}
		return wake
	})
	done := make(chan struct{})
	go func() { defer close(done); b.set.Run(ctx) }()
	return asleep, wake, func() { cancel(); <-done }
}

func TestRunRefreshesBeforeTheLifetimeIsOver(t *testing.T) {
	b := newBench(t)
	b.issuer.SetHeader("Cache-Control", "max-age=1000")
	asleep, wake, stop := running(b)
	defer stop()
	if got, want := <-asleep, 750*time.Second; got != want {
		t.Errorf("after the first fetch Run sleeps %s, want %s", got, want)
	}
	b.want("fetched already", "key-1", found, 1)
	b.clock.Advance(750 * time.Second)
	wake <- b.clock.Now()
	if got, want := <-asleep, 750*time.Second; got != want {
		t.Errorf("after the second fetch Run sleeps %s, want %s", got, want)
	}
	b.clock.Advance(900 * time.Second)
	b.want("nobody had to wait", "key-1", found, 2)
}

func TestRunRetriesInGrowingIntervals(t *testing.T) {
	b := newBench(t)
	b.issuer.Handle(tokentest.OpenIDMetadata, tokentest.Answer(http.StatusServiceUnavailable, "text/plain", ""))
	b.issuer.Handle(tokentest.OAuthMetadata, tokentest.Answer(http.StatusServiceUnavailable, "text/plain", ""))
	asleep, wake, stop := running(b)
	defer stop()
	for _, want := range []time.Duration{5, 10, 20, 40, 60, 60} {
		if got := <-asleep; got != want*time.Second {
			t.Errorf("Run sleeps %s, want %s", got, want*time.Second)
		}
		b.clock.Advance(want * time.Second)
		wake <- b.clock.Now()
	}
	<-asleep
	b.issuer.Handle(tokentest.OpenIDMetadata, nil)
	b.clock.Advance(time.Minute)
	wake <- b.clock.Now()
	if got, want := <-asleep, 15*time.Minute/4*3; got != want {
		t.Errorf("after the recovery Run sleeps %s, want %s", got, want)
	}
	b.want("there again", "key-1", found, 1)
	if n := b.log.count("cannot be had"); n != 1 {
		t.Errorf("one outage was logged %d times:\n%s", n, b.log.text.String())
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	b := newBench(t)
	b.issuer.Stall()
	_, _, stop := running(b)
	eventually(t, "the fetch begins", func() bool { return b.issuer.Fetches("") == 1 })
	if n := b.log.count("fetching the issuer's keys"); n != 1 {
		t.Errorf("the first fetch was logged %d times before it ended, want once:\n%s", n, b.log.text.String())
	}
	stop() // returns only when Run has
}
