package explain

import (
	"context"

	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
	"stepup/sidecar/input"
	"stepup/sidecar/policy"
)

// A Sought is all that was tried after a refusal.
type Sought struct {
	Vocabulary *assurance.Vocabulary
	Present    input.Document // of the login that did happen
	Tried      []Tried        // in the vocabulary's order
}

// A Tried is a login that the policy was asked about after a refusal, and how it came out.
type Tried struct {
	Login  assurance.Login
	Number int // its place in the vocabulary's list, from 1 on
	// Documents are what the policy was shown of its members, as if it had happened just
	// now; the last may have been refused.
	Documents []input.Document
	// Would reports that it would do; TooShort that it would for MaxAge seconds, which is
	// too short for a person; Fault why that could not be told. MaxAge nil: at any age.
	Would, TooShort bool
	MaxAge          *int64
	Fault           error
}

// Logins tell what became of each login that was tried.
type Logins struct {
	Vocabulary string  `json:"vocabulary"`
	TimeTold   bool    `json:"time_told"` // its tokens tell when the login was
	Logins     []Login `json:"logins"`    // in the vocabulary's order, weakest first
}

// The verdicts on a login.
const (
	WouldDo    = "would_do"
	WouldNotDo = "would_not_do"
	TooShort   = "window_too_short"
	AtFault    = "fault"
)

// A Login is what one login would have come to, had the person just signed in by it.
type Login struct {
	Number  int             `json:"number"`
	Level   string          `json:"level"`
	Claims  []access.Object `json:"claims"`
	Scopes  []string        `json:"scopes,omitempty"`
	Verdict string          `json:"verdict"`
	Fault   string          `json:"fault,omitempty"`
	// Rule is the one that would hold; if none would, the one of which most conditions do.
	Rule *Rule `json:"rule,omitempty"`
	// Mends is the condition of that rule that the present login fails and this one meets.
	Mends *Change `json:"mends,omitempty"`
	// MaxAge is the last age before the first refusal; absent if there is none.
	MaxAge *int64 `json:"max_age,omitempty"`
	// Limit says where MaxAge comes from.
	Limit *Limit `json:"limit,omitempty"`
}

// A Change is a condition that failed and would hold.
type Change struct {
	Failed Condition `json:"failed"`
	Then   []Input   `json:"then"` // the same places of the document, after the login
}

// A Limit is why a login is not accepted for longer.
type Limit struct {
	// Refused is the condition that fails one second later.
	Refused *Condition `json:"refused,omitempty"`
	// Misread is where the policy uses the age in a way that is not understood; Unknown
	// that it does so, where it cannot be told.
	Misread *Place `json:"misread,omitempty"`
	Unknown bool   `json:"unknown,omitempty"`
}

// A Place is where something stands in the policy.
type Place struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Text string `json:"text"`
}

// Seek adds what became of the logins that were tried. It asks the snapshot that decided,
// once or twice for each login. The error is the context's.
func (e *Explanation) Seek(ctx context.Context, s *policy.Snapshot, sought Sought) error {
	present, err := s.Trace(ctx, sought.Present)
	if err != nil {
		return err
	}
	k := seeker{ctx: ctx, snapshot: s, sought: sought, present: present}
	v := sought.Vocabulary
	e.Logins = &Logins{Vocabulary: v.Name, TimeTold: len(v.AuthTime) > 0, Logins: []Login{}}
	for _, tried := range sought.Tried {
		login, err := k.login(tried)
		if err != nil {
			return err
		}
		e.Logins.Logins = append(e.Logins.Logins, login)
	}
	return nil
}

type seeker struct {
	ctx      context.Context
	snapshot *policy.Snapshot
	sought   Sought
	present  policy.Trace
}

func (k seeker) login(tried Tried) (Login, error) {
	l := Login{
		Number: tried.Number, Verdict: verdict(tried), MaxAge: tried.MaxAge,
		Level: tried.Login.Level, Claims: tried.Login.Claims, Scopes: tried.Login.Scopes,
	}
	if tried.Fault != nil {
		l.Fault = tried.Fault.Error()
	}
	if len(tried.Documents) == 0 {
		return l, nil
	}
	if !tried.Would && !tried.TooShort {
		l.MaxAge = nil
		return l, k.refused(&l, tried.Documents[len(tried.Documents)-1])
	}
	if err := k.limited(&l, tried.Documents); err != nil {
		return l, err
	}
	return l, k.held(&l, tried.Documents[0])
}

func verdict(tried Tried) string {
	switch {
	case tried.Fault != nil:
		return AtFault
	case tried.Would:
		return WouldDo
	case tried.TooShort:
		return TooShort
	}
	return WouldNotDo
}

// refused tells of the rule that comes closest.
func (k seeker) refused(l *Login, doc input.Document) error {
	trace, err := k.snapshot.Trace(k.ctx, doc)
	if err != nil {
		return err
	}
	if way := closest(trace.Ways); way != nil {
		l.Rule = &explainRules([]policy.Way{*way})[0]
	}
	return nil
}

// closest is the way of which most conditions hold; nil if there is none.
func closest(ways []policy.Way) *policy.Way {
	var best *policy.Way
	for i, w := range ways {
		if best == nil || w.Passed > best.Passed {
			best = &ways[i]
		}
	}
	return best
}

// held tells of the rule that would hold, and what of it the present login fails.
func (k seeker) held(l *Login, doc input.Document) error {
	trace, err := k.snapshot.Trace(k.ctx, doc)
	if err != nil {
		return err
	}
	way := holding(trace.Ways)
	if way == nil {
		return nil
	}
	l.Rule = &explainRules([]policy.Way{*way})[0]
	before := same(k.present.Ways, *way)
	if before == nil || before.Failed == nil {
		return nil
	}
	l.Mends, err = change(*before.Failed, doc)
	return err
}

// change looks up after a login what a condition looked at before it, and what the rules
// looked at that it asks.
func change(failed policy.Condition, doc input.Document) (*Change, error) {
	then, err := policy.Reread(reads(failed), doc)
	if err != nil {
		return nil, err
	}
	c := &Change{Failed: *explainCondition(&failed), Then: []Input{}}
	for _, r := range then {
		c.Then = append(c.Then, Input(r))
	}
	return c, nil
}

// reads are the places that a condition looked at, and those of the rules it asks, once.
func reads(c policy.Condition) []policy.Read {
	var all []policy.Read
	seen := map[string]bool{}
	var collect func(policy.Condition)
	collect = func(c policy.Condition) {
		for _, r := range c.Reads {
			if !seen[r.Path] {
				seen[r.Path] = true
				all = append(all, r)
			}
		}
		for _, w := range c.Rules {
			if w.Failed != nil {
				collect(*w.Failed)
			}
		}
	}
	collect(c)
	return all
}

// limited tells why a login is not accepted for longer: by the condition at which the
// first of its members is refused one second later.
func (k seeker) limited(l *Login, docs []input.Document) error {
	if l.MaxAge == nil || len(k.sought.Vocabulary.AuthTime) == 0 {
		return nil
	}
	for _, doc := range docs {
		at, err := k.snapshot.Trace(k.ctx, doc.Aged(k.sought.Vocabulary, *l.MaxAge))
		if err != nil {
			return err
		}
		after, err := k.snapshot.Trace(k.ctx, doc.Aged(k.sought.Vocabulary, *l.MaxAge+1))
		if err != nil {
			return err
		}
		if c := lost(at, after); c != nil {
			l.Limit = &Limit{Refused: explainCondition(c)}
			return nil
		}
	}
	l.Limit = k.misread(docs)
	return nil
}

// lost is the condition that stopped holding between two moments, if the policy refuses
// because of it.
func lost(at, after policy.Trace) *policy.Condition {
	way := holding(at.Ways)
	if way == nil || after.Result.Allow {
		return nil
	}
	if later := same(after.Ways, *way); later != nil {
		return later.Failed
	}
	return nil
}

// misread tells where the age is used in a way that is not understood.
func (k seeker) misread(docs []input.Document) *Limit {
	for _, doc := range docs {
		if place, found := k.snapshot.MisreadAge(k.ctx, doc, k.sought.Vocabulary.AuthTime[:1]); found {
			return &Limit{Misread: &Place{place.File, place.Line, place.Text}}
		}
	}
	return &Limit{Unknown: true}
}

func holding(ways []policy.Way) *policy.Way {
	for i, w := range ways {
		if w.Held() {
			return &ways[i]
		}
	}
	return nil
}

// same finds a definition again in another trace.
func same(ways []policy.Way, way policy.Way) *policy.Way {
	for i, w := range ways {
		if w.File == way.File && w.Line == way.Line {
			return &ways[i]
		}
	}
	return nil
}
