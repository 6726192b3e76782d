package jwks

import (
	"context"
	"log/slog"
	"reflect"
	"slices"
	"time"

	"golang.org/x/sync/singleflight"

	"stepup/sidecar/access"
)

// cause is why somebody wants a refresh.
type cause struct {
	due  func(state, time.Time) bool
	miss bool // for the sake of an unknown kid
}

// stale reports whether it is time to ask again.
func (s *Set) stale(st state, now time.Time) bool {
	return s.dueAt(st, now, st.lifetime)
}

// dueAt is the rule behind [Set.stale] and [Set.Run], which does not wait until the
// lifetime is over.
func (s *Set) dueAt(st state, now time.Time, lifetime time.Duration) bool {
	switch {
	case st.attempts == 0 || s.source.changed():
		return true
	case st.err != nil:
		return now.Sub(st.attempted) >= s.pause(st, now)
	case s.isFile():
		return st.got.IsZero() // the first reading is under way: wait for it
	}
	return now.Sub(st.got) >= lifetime
}

// pause is how long to wait after failures in a row. With a good set at hand there is
// less hurry, and whoever makes us look must not make us ask more often.
func (s *Set) pause(st state, now time.Time) time.Duration {
	pause := min(retryFirst<<min(st.failures-1, 10), retryMost)
	if s.usable(st, now) {
		return max(pause, missInterval)
	}
	return pause
}

// missed is the cause of a caller whose kid is unknown: the issuer may have new keys. A
// refresh that began after the caller came has told already.
func (s *Set) missed(attemptsBefore int) cause {
	return cause{miss: true, due: func(st state, now time.Time) bool {
		if s.isFile() || st.attempts > attemptsBefore {
			return false
		}
		return st.missed.IsZero() || now.Sub(st.missed) >= missInterval
	}}
}

// refresh waits until a refresh has ended: the one under way, or a new one if it is due.
// The caller's context ends the waiting only.
func (s *Set) refresh(ctx context.Context, why cause) error {
	select {
	case <-s.start(why):
		return nil
	case <-ctx.Done():
		return s.failure(access.KeysUnavailable, "waiting for its keys", ctx.Err())
	}
}

// start joins the refresh under way, or begins one. Whether one is due is asked inside,
// where nothing else refreshes: one may have ended since the caller looked.
func (s *Set) start(why cause) <-chan singleflight.Result {
	return s.flight.DoChan("", func() (any, error) {
		if s.begin(why) {
			s.fetch()
		}
		return nil, nil
	})
}

// begin counts an attempt if it is due. It counts even if it fails.
func (s *Set) begin(why cause) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.config.now()
	if !why.due(s.state, now) {
		return false
	}
	s.state.attempts++
	s.state.attempted = now
	if why.miss {
		s.state.missed = now
	}
	return true
}

// fetch makes one attempt, in its own time and not in that of whoever waits for it.
func (s *Set) fetch() {
	ctx, cancel := context.WithTimeout(context.Background(), refreshTimeout)
	defer cancel()
	s.tellFirst()
	began := time.Now()
	doc, err := s.source.fetch(ctx)
	before, after := s.conclude(doc, err)
	s.report(before, after)
	if s.config.Observe != nil {
		s.config.Observe(Fetch{
			Issuer: s.config.Issuer, Took: time.Since(began),
			Keys: len(after.keys), Skipped: len(after.skipped), Err: err,
		})
	}
}

// tellFirst logs that the first attempt begins: until it has ended, every question with a token of
// this issuer waits for it.
func (s *Set) tellFirst() {
	if s.snapshot().attempts == 1 && !s.isFile() {
		s.config.logger().Info("fetching the issuer's keys", slog.String("issuer", s.config.Issuer))
	}
}

// conclude takes in what an attempt brought. A failed one changes no key; one that worked
// replaces them all, so that a key that was removed verifies nothing from then on.
func (s *Set) conclude(doc document, err error) (before, after state) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before = s.state
	if s.state.err = err; err != nil {
		s.state.failures++
		return before, s.state
	}
	s.state.failures = 0
	s.state.got, s.state.lifetime = s.config.now(), doc.lifetime
	if !doc.same {
		s.state.exchange(doc)
	}
	return before, s.state
}

// exchange takes in other keys. The same ones again, which is what most refreshes bring,
// are no new generation: proofs by them stand.
func (st *state) exchange(doc document) {
	if !reflect.DeepEqual(st.keys, doc.keys) {
		st.number++
	}
	st.keys, st.skipped = doc.keys, doc.skipped
}

// report logs what changed: the first keys; a failure once, and the recovery; a set without
// a key that could be used; the keys that were skipped when they are others than before.
func (s *Set) report(before, after state) {
	log := s.config.logger().With(slog.String("issuer", s.config.Issuer))
	switch {
	case after.err != nil && (before.err == nil || before.err.Error() != after.err.Error()):
		log.Warn("the issuer's keys cannot be had", slog.Any("error", after.err), slog.Int("keys_at_hand", len(after.keys)))
	case after.err != nil:
	case len(after.keys) == 0 && (before.got.IsZero() || before.err != nil || len(before.keys) > 0):
		log.Warn("the issuer's key set has no key that could be used; its tokens are refused")
	case before.got.IsZero():
		log.Info("the issuer's keys are here", slog.Int("keys", len(after.keys)))
	case before.err != nil:
		log.Info("the issuer's keys can be had again", slog.Int("keys", len(after.keys)))
	}
	if !slices.Equal(before.skipped, after.skipped) {
		for _, why := range after.skipped {
			log.Warn("a key of the issuer verifies nothing", slog.String("reason", why))
		}
	}
}

// Run keeps the set fresh until ctx is done: it fetches at once, then when three quarters
// of a lifetime are over, and after failures in growing intervals.
func (s *Set) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.start(cause{due: s.early}):
		}
		select {
		case <-ctx.Done():
			return
		case <-s.after(s.wait()):
		}
	}
}

func (s *Set) early(st state, now time.Time) bool {
	return s.dueAt(st, now, st.lifetime/4*3)
}

// wait is how long Run sleeps.
func (s *Set) wait() time.Duration {
	st, now := s.snapshot(), s.config.now()
	switch {
	case s.isFile():
		return filePoll
	case st.err != nil:
		return max(st.attempted.Add(s.pause(st, now)).Sub(now), time.Second)
	}
	return max(st.got.Add(st.lifetime/4*3).Sub(now), time.Second)
}
