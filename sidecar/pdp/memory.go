package pdp

import (
	"sync/atomic"
	"time"

	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
	"stepup/sidecar/input"
	"stepup/sidecar/keep"
	"stepup/sidecar/token"
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
	proofs *keep.Cache[*proof]
	world  atomic.Pointer[world]
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
	return &Memory{config: c, proofs: newCache[*proof](c, KeptTokens, shareTokens)}
}

func newCache[V any](c MemoryConfig, name string, share int64) *keep.Cache[V] {
	var counters keep.Counters
	if c.Counters != nil {
		counters = c.Counters(name)
	}
	return keep.New[V](c.Bytes/shares*share, counters)
}

// Bytes tells how many bytes each cache takes, about.
func (m *Memory) Bytes() map[string]int64 {
	taken := map[string]int64{}
	if m == nil {
		return taken
	}
	taken[KeptTokens] = m.proofs.Bytes()
	if w := m.world.Load(); w != nil {
		taken[KeptAnswers], taken[KeptRequirements] = w.sayings.Bytes(), w.forecasts.Bytes()
	}
	return taken
}

// A world is what is kept under one policy. With the next policy there is a new one, so
// that nothing that the old one said can be found, and the old one is let go of.
type world struct {
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
			policy:    p,
			sayings:   newCache[*saying](m.config, KeptAnswers, shareAnswers),
			forecasts: newCache[*foreseen](m.config, KeptRequirements, shareRequirements),
		}
		if m.world.CompareAndSwap(w, next) {
			return next
		}
	}
}

// A proof is a verified token, with the evidence beside it if there was some.
type proof struct {
	claims    *token.Claims
	standings []token.Standing
	reading   atomic.Pointer[read]
}

func (p *proof) holds(now time.Time) bool {
	for _, s := range p.standings {
		if !s.Holds(now) {
			return false
		}
	}
	return true
}

// A read is what the library of one policy read in a token.
type read struct {
	by      *world
	reading assurance.Reading
}

// A saying is what a policy said about one question, and what followed from it.
type saying struct {
	span   keep.Span
	ruling access.Ruling
	why    access.Code
	advice *access.StepUpAdvice
	until  int64
}

// What was foreseen of one question about requirements.
type foreseen struct {
	span   keep.Span
	answer access.Requirements
}

// verified looks for a proof of the question's tokens, and makes and keeps one otherwise.
func (q *question) verified(key keep.Digest, prove func() (*proof, error)) (*proof, error) {
	cache := q.proofs()
	p, kept := cache.Get(key, func(p *proof) bool { return p.holds(q.now) })
	if kept {
		return p, nil
	}
	p, err := prove()
	if err == nil && p.holds(q.now) {
		cache.Put(key, p, p.size(q.req))
	}
	return p, err
}

func (q *question) proofs() *keep.Cache[*proof] {
	if q.Memory == nil {
		return nil
	}
	return q.Memory.proofs
}

// keptReading returns what was read in these tokens before, by the same library.
func (q *question) keptReading() (reading assurance.Reading, kept bool) {
	if q.world == nil || q.proof == nil {
		return reading, false
	}
	r := q.proof.reading.Load()
	if r == nil || r.by != q.world {
		return reading, false
	}
	return r.reading, true
}

func (q *question) keepReading(r assurance.Reading) {
	if q.world != nil && q.proof != nil {
		q.proof.reading.Store(&read{q.world, r})
	}
}

// recall finds what the policy said about this question before, if it would say the same
// now.
func (q *question) recall() bool {
	if !q.keyed() {
		return false
	}
	s, kept := q.world.sayings.Get(*q.key, func(s *saying) bool { return s.span.Holds(q.now.Unix()) })
	if !kept {
		return false
	}
	q.asked = &q.doc
	q.ruling, q.why, q.advice, q.until = s.ruling, s.why, s.advice, s.until
	return true
}

// keyed reports whether what the policy says may be kept at all, and gives the question
// its key.
func (q *question) keyed() bool {
	if q.key != nil {
		return true
	}
	if q.world == nil || q.Keep < time.Second || !q.policy.Steady() {
		return false
	}
	key, exact := keep.Question(q.tokens, q.req)
	if exact {
		q.key = &key
	}
	return exact
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
	s := &saying{span: span, ruling: q.ruling, why: q.why, advice: q.advice, until: q.until}
	q.world.sayings.Put(*q.key, s, s.size())
}

// lasts tells until when all that follows from the ruling would follow from a fresh one.
func (q *question) lasts() (int64, bool) {
	if q.advice == nil && q.until > 0 {
		return q.until, true
	}
	if q.searched == nil {
		return 0, false
	}
	return q.policy.DerivedLastsUntil(q.doc)
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
