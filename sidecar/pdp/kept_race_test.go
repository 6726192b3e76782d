package pdp_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stepup/sidecar/access"
	"stepup/sidecar/pdp"
	"stepup/sidecar/policy"
	"stepup/sidecar/token"
	"stepup/sidecar/token/tokentest"
)

// TestKeptWhileTheWorldChanges asks from many sides at once while policies are swapped, keys
// rotate and the clock goes on. An answer must be that of the revision it names, and once a
// change is over nothing may be answered by what was before it.
func TestKeptWhileTheWorldChanges(t *testing.T) {
	w := newChanging(t)
	var askers sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		askers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					w.asks()
				}
			}
		})
	}
	// A machine that is busy may let nobody ask within a millisecond: then there is more to come.
	for round, end := 0, time.Now().Add(time.Minute); round < 200 || !w.sawAll() && time.Now().Before(end); round++ {
		w.changes(round)
	}
	close(stop)
	askers.Wait()
	if !w.sawAll() {
		t.Errorf("allowed %d, denied %d, expired %d, by an old key %d: want some of each",
			w.allowed.Load(), w.denied.Load(), w.expired.Load(), w.unsigned.Load())
	}
}

// changing is a world that changes while it is asked about.
type changing struct {
	t       *testing.T
	ring    *ring
	open    *policy.Policies // allows
	shut    *policy.Policies // denies
	active  atomic.Pointer[policy.Policies]
	clock   atomic.Int64
	decider *pdp.Decider

	// token is what is asked with; the moments of the world's changes are even while nothing
	// is changing.
	token   atomic.Pointer[string]
	changed atomic.Int64
	valid   atomic.Bool

	allowed, denied, expired, unsigned atomic.Int64
}

func newChanging(t *testing.T) *changing {
	l := &life{t: t, began: 1}
	w := &changing{t: t, ring: &ring{key: tokentest.NewKey(t, "ES256", "k0")}}
	w.open, w.shut = l.open("package p\n\nallow if input.assurance.age <= 3600\n", 1<<20), l.open("package p\n\nallow if input.assurance.age > 3600\n", 1<<20)
	w.active.Store(w.open)
	w.clock.Store(now.Unix())
	verifier, err := token.NewVerifier([]token.Issuer{{URL: lifeIssuer, Audiences: []string{lifeAPI}, Vocabulary: "oidc", Keys: w.ring}}, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	w.sign()
	w.decider = pdp.New(pdp.Config{
		Verifier: verifier, Policy: func() pdp.Policy { return w.active.Load().Current() }, Recorder: &counted{},
		Now: func() time.Time { return time.Unix(w.clock.Load(), 0) }, Deadline: time.Minute, Keep: time.Minute,
		Memory: pdp.NewMemory(pdp.MemoryConfig{Bytes: 48 << 20}),
	})
	return w
}

// sawAll reports whether every kind of answer was there.
func (w *changing) sawAll() bool {
	return w.allowed.Load() > 0 && w.denied.Load() > 0 && w.expired.Load() > 0 && w.unsigned.Load() > 0
}

// sign makes a token that is good for ten seconds.
func (w *changing) sign() {
	at := w.clock.Load()
	text := w.ring.key.Sign(w.t, w.ring.key.Header("at+jwt"), access.Object{
		"iss": lifeIssuer, "sub": "alice", "aud": lifeAPI, "client_id": "app", "jti": "j", "iat": at, "exp": at + 10, "acr": "mfa", "auth_time": at,
	})
	w.token.Store(&text)
	w.valid.Store(true)
}

// changes makes one change as a whole.
func (w *changing) changes(round int) {
	w.changed.Add(1)
	switch round % 5 {
	case 0:
		w.active.Store(w.shut)
	case 1:
		w.active.Store(w.open)
	case 2:
		next := tokentest.NewKey(w.t, "ES256", "k0")
		w.ring.change(func(r *ring) { r.key, r.number = next, r.number+1 })
		w.valid.Store(false)
	case 3:
		w.sign()
	case 4:
		w.clock.Add(10)
		w.valid.Store(false)
	}
	w.changed.Add(1)
	time.Sleep(time.Millisecond)
	if round%5 == 4 {
		w.changed.Add(1)
		w.sign()
		w.changed.Add(1)
	}
}

// asks asks once, and judges the answer by the world as it was if it did not change meanwhile.
func (w *changing) asks() {
	before := w.changed.Load()
	text, valid, allows := *w.token.Load(), w.valid.Load(), w.active.Load() == w.open
	d := w.decider.Decide(w.t.Context(), access.Request{
		Credential: access.NewCredential(text), Action: access.Action{Name: "GET"}, Resource: access.Resource{Type: "route", ID: "/a"},
	})
	if d.Outcome == access.Allow && d.Revision != w.open.Current().Revision() {
		w.t.Errorf("allowed under %s, which denies", d.Revision)
	}
	if before%2 != 0 || w.changed.Load() != before {
		return
	}
	switch {
	case valid && allows && d.Outcome == access.Allow:
		w.allowed.Add(1)
	case valid && !allows && d.Code() == access.NotAllowed:
		w.denied.Add(1)
	case !valid && d.Code() == access.TokenExpired:
		w.expired.Add(1)
	case !valid && d.Code() == access.SignatureInvalid:
		w.unsigned.Add(1)
	default:
		w.t.Errorf("valid %t, policy allows %t: %v %v", valid, allows, d.Outcome, d.Reasons)
	}
}

// counted is a recorder that only counts.
type counted struct{ n atomic.Int64 }

func (c *counted) Record(context.Context, pdp.Record) { c.n.Add(1) }
