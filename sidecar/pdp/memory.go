package pdp

import (
	"context"
	"sync/atomic"
	"time"

	"stepup/sidecar/access"
	"stepup/sidecar/input"
	"stepup/sidecar/keep"
)

// A Memory keeps what was found out, so that it is found out once: verified tokens, what
// they tell of the login, what the policy said, and what resources need. Nothing in it is
// believed by itself. A proof counts while the keys are those it was made with and the token
// is within its times; a saying counts under the policy that said it, in the span of time in
// which a fresh one would be the same.
//
// A token that was refused leaves nothing behind. A nil Memory keeps nothing. It is safe
// for concurrent use; make one with [NewMemory].
type Memory struct {
	config MemoryConfig
	proofs *proofs
	world  atomic.Pointer[world]
	worlds atomic.Uint64 // that there were
}

// MemoryConfig says how much a Memory keeps.
type MemoryConfig struct {
	// Bytes that all kept together take, about; 0: nothing is kept.
	Bytes int64
	// Counters count what was found and what was not; nil: nobody does.
	Counters func(cache string) keep.Counters
}

// The caches of a Memory, as counters name them.
const (
	KeptTokens       = "tokens"
	KeptAnswers      = "answers"
	KeptRequirements = "requirements"
)

// MemoryCaches lists them.
func MemoryCaches() []string { return []string{KeptTokens, KeptAnswers, KeptRequirements} }

// The shares of the caches, in sixteenths. Proofs are the largest and the dearest to make.
const (
	shareTokens       = 9
	shareAnswers      = 6
	shareRequirements = 1
	shares            = 16
)

// NewMemory returns a Memory; nil if it would keep nothing.
func NewMemory(c MemoryConfig) *Memory {
	if c.Bytes <= 0 {
		return nil
	}
	return &Memory{config: c, proofs: newProofs(c.Bytes/shares*shareTokens, c.counters(KeptTokens))}
}

func newCache[V any](c MemoryConfig, name string, share int64) *keep.Cache[V] {
	return keep.New[V](c.Bytes/shares*share, c.counters(name))
}

func (c MemoryConfig) counters(name string) keep.Counters {
	if c.Counters == nil {
		return keep.Counters{}
	}
	return c.Counters(name)
}

// Bytes tells how many bytes each cache takes, about.
func (m *Memory) Bytes() map[string]int64 {
	taken := map[string]int64{}
	if m == nil {
		return taken
	}
	taken[KeptTokens] = m.proofs.bytes()
	if w := m.world.Load(); w != nil {
		taken[KeptAnswers], taken[KeptRequirements] = w.sayings.Bytes(), w.forecasts.Bytes()
	}
	return taken
}

// A world is what is kept under one policy. With the next policy there is a new one, so
// that nothing that the old one said can be found, and the old one is let go of.
type world struct {
	number    uint64 // of no other; what is kept beside a world names it so, and does not hold it
	policy    Policy
	sayings   *keep.Cache[*saying]
	forecasts *keep.Cache[*foreseen]
}

// under returns what is kept under a policy.
func (m *Memory) under(p Policy) *world {
	if m == nil {
		return nil
	}
	for {
		w := m.world.Load()
		if w != nil && w.policy == p {
			return w
		}
		next := &world{
			number:    m.worlds.Add(1),
			policy:    p,
			sayings:   newCache[*saying](m.config, KeptAnswers, shareAnswers),
			forecasts: newCache[*foreseen](m.config, KeptRequirements, shareRequirements),
		}
		if m.world.CompareAndSwap(w, next) {
			return next
		}
	}
}

// A saying is what a policy said about all questions of which it sees the same, and what
// followed from it.
type saying struct {
	span   keep.Span
	ruling access.Ruling
	why    access.Code
	advice *access.StepUpAdvice
	sought bool  // logins that would do were looked for
	until  int64 // of a policy that looks at more than ages; of others it is found anew
}

// What was foreseen of one question about requirements.
type foreseen struct {
	span   keep.Span
	answer access.Requirements
}

// recall finds what the policy said before about what it sees of this question, if it would
// say the same now.
func (q *question) recall(ctx context.Context) bool {
	if !q.keyed() {
		return false
	}
	s, kept := q.world.sayings.Get(q.key, func(s *saying) bool { return s.span.Holds(q.now.Unix()) })
	if !kept {
		return false
	}
	q.asked = &q.doc
	q.ruling, q.why, q.advice, q.sought, q.until = s.ruling, s.why, s.advice, s.sought, s.until
	if q.policy.AgesOnly() && q.advice == nil {
		q.until = q.unchangedUntil(ctx) // of this login, which need not be as old as that of then
	}
	return true
}

// keyed reports whether what the policy says may be kept at all, and gives the question
// its key.
func (q *question) keyed() bool {
	if q.hasKey {
		return true
	}
	if q.world == nil || q.Keep < time.Second || !q.policy.Steady() {
		return false
	}
	if q.key, q.hasKey = q.notedKey(); q.hasKey {
		return true
	}
	if q.key, q.hasKey = q.sight(); q.hasKey {
		q.noteKey(q.key)
	}
	return q.hasKey
}

// sight is the digest of all that a saying depends on: what the policy sees, and what the
// search for logins looks at besides. It is the same for many people, since most policies look
// at few things.
func (q *question) sight() (keep.Digest, bool) {
	s := keep.Look()
	s.Text(q.doc.Subject.Type)
	s.Texts(q.doc.Assurance.Levels)
	s.Flag(q.claims != nil)
	if q.claims != nil {
		s.Text(q.claims.Issuer)
		s.Texts(q.claims.Scopes)
	}
	q.policy.See(q.doc, s)
	return s.Digest()
}

// remember keeps what the policy said, until time alone could change it or for
// answers.keep. What is not understood holds for this second only, and what a fault took
// part in for none.
func (q *question) remember() {
	if q.faulty || q.fault != nil || !q.keyed() {
		return
	}
	span := keep.Second(q.now.Unix())
	if until, known := q.lasts(); known && (!q.Labels || q.policy.LabelsLast()) {
		span.Until = min(until, q.now.Add(q.Keep).Unix())
	}
	s := &saying{span: span, ruling: q.ruling.Own(), why: q.why, sought: q.sought, until: q.until}
	if q.advice != nil {
		advice := q.advice.Own()
		s.advice = &advice
	}
	q.world.sayings.Put(q.key, s, s.size())
}

// lasts tells until when a fresh ruling about what looks the same would be the same, with
// all that follows from it. A step-up imagines a login now, so that it is known of one only
// where time is nothing but ages.
func (q *question) lasts() (int64, bool) {
	if q.policy.AgesOnly() {
		return keep.Forever, true
	}
	return q.until, q.advice == nil && q.until > 0
}

// foresee finds what was foreseen for a question before, or finds it out and keeps it: under
// the same policy, for as long as time alone could change nothing, and only if it was found
// out completely.
func (m *Memory) foresee(p Policy, q access.RequirementQuestion, now int64, most time.Duration,
	find func(now int64) (access.Requirements, bool, error)) (access.Requirements, error) {
	w := m.under(p)
	key, exact := keep.Requirement(q)
	// Of nobody's login no time is known, so that its age is as large as now.
	until, known := p.DerivedLastsUntil(input.Document{Now: now})
	if w == nil || !exact || !known || !p.Steady() {
		answer, _, err := find(now)
		return answer, err
	}
	if f, kept := w.forecasts.Get(key, func(f *foreseen) bool { return f.span.Holds(now) }); kept {
		return f.answer, nil
	}
	answer, complete, err := find(now)
	if err == nil && complete && most >= time.Second {
		span := keep.Span{From: now, Until: min(until, now+int64(most/time.Second))}
		w.forecasts.Put(key, &foreseen{span, answer}, sizeOfRequirements(answer))
	}
	return answer, err
}
