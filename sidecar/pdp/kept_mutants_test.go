package pdp_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
	"stepup/sidecar/input"
	"stepup/sidecar/keep"
	"stepup/sidecar/pdp"
	"stepup/sidecar/policy"
	"stepup/sidecar/token"
)

// TestKeptMutants breaks what is kept in one way after another, and wants the lives of
// [TestKeptEqualsFresh] to notice each: a property that nothing can violate proves nothing.
func TestKeptMutants(t *testing.T) {
	for _, m := range []struct {
		name    string
		breakIt func(*life)
	}{
		{"keys that changed are not noticed", func(l *life) { l.kept.Verifier = l.verifier(stuck{l.ring}) }},
		{"a proof outlives its token", func(l *life) { l.kept.Verifier = l.everlasting() }},
		{"a policy that was swapped is not noticed", func(l *life) {
			l.live(`input.resource.id == "/a"`, `input.resource.id == "/b"`) // which look at the same
			l.each(func(p *mutant, _ *policy.Snapshot) *mutant { return p })
		}},
		{"what the policy looks at is not in the key", func(l *life) {
			l.mutate(func(m *mutant) { m.see = func(input.Document, keep.Sight) {} })
		}},
		{"the age of the login is not in the key", func(l *life) {
			l.mutate(func(m *mutant) {
				m.see = func(d input.Document, to keep.Sight) {
					d.Assurance.AuthTime, d.Now = 1, 1
					m.Snapshot.See(d, to)
				}
			})
		}},
		{"a policy that reads the clock is taken for one of ages", func(l *life) {
			l.live(`input.now % 3 != 0`)
			l.mutate(func(m *mutant) { m.agesOnly = func() bool { return true } })
		}},
		{"an answer lasts a second too long", func(l *life) {
			l.mutate(func(m *mutant) {
				m.lasts = func(ctx context.Context, d input.Document) (int64, bool) {
					until, known := m.Snapshot.LastsUntil(ctx, d)
					if until == policy.Forever {
						return until, known
					}
					return until + 1, known
				}
			})
		}},
		{"what is not understood lasts", func(l *life) {
			l.mutate(func(m *mutant) {
				m.lasts = func(ctx context.Context, d input.Document) (int64, bool) {
					if until, known := m.Snapshot.LastsUntil(ctx, d); known {
						return until, true
					}
					return d.Now + 20, true
				}
			})
		}},
		{"a reading is taken for that of the same person", func(l *life) {
			read := map[string]assurance.Reading{}
			l.mutate(func(m *mutant) {
				m.assure = func(ctx context.Context, d input.Document) (assurance.Reading, error) {
					if r, known := read[d.Token.Subject]; known {
						return r, nil
					}
					r, err := m.Snapshot.Assure(ctx, d)
					read[d.Token.Subject] = r
					return r, err
				}
			})
		}},
		{"what was noted of one question is believed of another", func(l *life) {
			shared := &access.Note{}
			l.before = func(r *access.Request) { r.Note = shared }
		}},
	} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			if !noticed(t, mutantLives, m.breakIt) {
				t.Errorf("nobody noticed in %d lives", mutantLives)
			}
		})
	}
	t.Run("nothing is broken", func(t *testing.T) {
		if noticed(t, 1, func(l *life) { l.mutate(func(*mutant) {}) }) {
			t.Error("a decider that is not broken differs")
		}
	})
}

// mutantLives are as many as a mutant may live through.
const mutantLives = 12

// noticed lives until the two deciders differ.
func noticed(t *testing.T, lives uint64, breakIt func(*life)) bool {
	differ := false
	for number := uint64(0); number < lives && !differ; number++ {
		l := newLife(t, rand.New(rand.NewPCG(2, number)), &tally{})
		l.wrong = func(string, ...any) { differ = true }
		breakIt(l)
		for n := 0; n < events && !differ; n++ {
			l.happens()
		}
	}
	return differ
}

// live gives a life policies that allow on one condition each, in place of its own.
func (l *life) live(conditions ...string) {
	l.policies = nil
	for _, condition := range conditions {
		text := "package p\n\nallow if " + condition + "\n"
		l.policies = append(l.policies, &twice{l.open(text, 1<<20), l.open(text, 0)})
	}
	l.active.Store(l.policies[0])
}

// stuck are keys that never tell that they are others.
type stuck struct{ *ring }

func (stuck) Generation() (uint64, bool) { return 0, true }

// everlasting is a verifier whose proofs stand for as long as that of a token that never
// expires.
func (l *life) everlasting() pdp.Verifier {
	at := l.began
	long := l.ring.key.Sign(l.t, l.ring.key.Header("at+jwt"), access.Object{
		"iss": lifeIssuer, "sub": "long", "aud": lifeAPI, "client_id": "app", "jti": "long", "iat": at - 1000, "exp": at + 100_000,
	})
	v := l.verifier(l.ring)
	_, standing, err := v.Prove(l.t.Context(), time.Unix(at, 0), access.NewCredential(long))
	if err != nil {
		l.t.Fatal(err)
	}
	return outlived{v, standing}
}

type outlived struct {
	*token.Verifier
	standing token.Standing
}

func (o outlived) Prove(ctx context.Context, now time.Time, c access.Credential) (*token.Claims, token.Standing, error) {
	claims, _, err := o.Verifier.Prove(ctx, now, c)
	return claims, o.standing, err
}

// A mutant is a policy of which some is broken; what is nil is not.
type mutant struct {
	*policy.Snapshot
	see      func(input.Document, keep.Sight)
	agesOnly func() bool
	lasts    func(context.Context, input.Document) (int64, bool)
	assure   func(context.Context, input.Document) (assurance.Reading, error)
}

func (m *mutant) See(d input.Document, to keep.Sight) {
	if m.see != nil {
		m.see(d, to)
		return
	}
	m.Snapshot.See(d, to)
}

func (m *mutant) AgesOnly() bool {
	if m.agesOnly != nil {
		return m.agesOnly()
	}
	return m.Snapshot.AgesOnly()
}

func (m *mutant) LastsUntil(ctx context.Context, d input.Document) (int64, bool) {
	if m.lasts != nil {
		return m.lasts(ctx, d)
	}
	return m.Snapshot.LastsUntil(ctx, d)
}

func (m *mutant) Assure(ctx context.Context, d input.Document) (assurance.Reading, error) {
	if m.assure != nil {
		return m.assure(ctx, d)
	}
	return m.Snapshot.Assure(ctx, d)
}

// mutate breaks every policy of a life in one way; each stays itself, so that only what is
// broken differs.
func (l *life) mutate(breakIt func(*mutant)) {
	made := map[*policy.Snapshot]*mutant{}
	l.each(func(_ *mutant, s *policy.Snapshot) *mutant {
		if made[s] == nil {
			made[s] = &mutant{Snapshot: s}
			breakIt(made[s])
		}
		return made[s]
	})
}

// each chooses what stands for the active policy; given is one that could stand for all.
func (l *life) each(choose func(given *mutant, s *policy.Snapshot) *mutant) {
	given := &mutant{}
	active := l.kept.Policy
	l.kept.Policy = func() pdp.Policy {
		s := active().(*policy.Snapshot)
		m := choose(given, s)
		m.Snapshot = s
		return m
	}
}
