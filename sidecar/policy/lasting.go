package policy

import (
	"context"
	"math"

	"github.com/open-policy-agent/opa/v1/ast"

	"stepup/sidecar/assurance"
	"stepup/sidecar/input"
)

// Forever is the moment of a change that time alone never brings.
const Forever int64 = math.MaxInt64

// LastsUntil returns the first moment after now at which what the policy says about this
// document could be another, as far as time alone goes: the login gets older, the clock
// goes on, everything else stays. [Forever] if it never could; false if that is not known.
//
// What it costs depends on the policy. One that reads no clock, or only compares the age
// with numbers, was understood when it was loaded; others are evaluated partially.
func (s *Snapshot) LastsUntil(ctx context.Context, doc input.Document) (int64, bool) {
	switch {
	case s.timeless:
		return Forever, true
	case s.thresholds != nil:
		return firstAfter(doc.Now, doc.Assurance.AuthTime, s.thresholds), true
	case doc.Assurance.AuthTime > doc.Now:
		return 0, false // the age stands still at 0 first
	}
	age := linear{integer(1), integer(-doc.Assurance.AuthTime)}
	until, known := s.residualUntil(ctx, doc, []symbol{{refNow, itself()}, {refAge, age}})
	return min(until, firstAfter(doc.Now, doc.Assurance.AuthTime, s.otherThresholds)), known
}

// RefusalLastsUntil is as [Snapshot.LastsUntil], for the answer that no login of the
// vocabulary would do: somebody might sign in at any moment until then. Imagined are
// documents of those logins, made just now.
func (s *Snapshot) RefusalLastsUntil(ctx context.Context, v *assurance.Vocabulary, now int64, imagined []input.Document) (int64, bool) {
	if s.ages != nil {
		// Only the age itself is looked at. That of a login just made is always the same,
		// and that of one whose time is never told is as large as now.
		return firstAfter(now, 0, s.ages), true
	}
	if len(v.AuthTime) == 0 {
		return 0, false
	}
	first := Forever
	symbols := []symbol{{refNow, itself()}, {refAuthTime, itself()}, {refClaim(v.AuthTime[0]), itself()}}
	for _, doc := range imagined {
		until, known := s.residualUntil(ctx, doc, symbols)
		if !known {
			return 0, false
		}
		first = min(first, until)
	}
	return first, true
}

// residualUntil finds the first moment after now at which allow can change, where the symbols
// move with the clock. The other outputs look at nothing but the age: that of a login made
// now is always the same, and whoever asks about another's counts it.
func (s *Snapshot) residualUntil(ctx context.Context, doc input.Document, symbols []symbol) (int64, bool) {
	if s.otherThresholds == nil {
		return 0, false // an output besides allow reads a clock in a way that is not simple
	}
	roots, known, err := s.residualRoots(ctx, doc, symbols, clockUnknown)
	if err != nil || !known {
		return 0, false
	}
	return firstAfter(doc.Now, 0, roots), true
}

// firstAfter returns the first moment after now that is a breakpoint past some beginning,
// or the second after one.
func firstAfter(now, beginning int64, breakpoints []int64) int64 {
	first := Forever
	for _, b := range breakpoints {
		for _, t := range []int64{beginning + b, beginning + b + 1} {
			if t > now {
				first = min(first, t)
			}
		}
	}
	return first
}

// The two ways to evaluate partially: at a moment that is fixed, or while the clock goes
// on, so that built-ins that read it are left alone.
const (
	clockKnown   = true
	clockUnknown = false
)

// besidesAllow are the outputs that go with allow.
func besidesAllow(outputs []ast.Ref) []ast.Ref { return outputs[1:] }

// DerivedLastsUntil is as [Snapshot.LastsUntil], for what was derived from the logins that
// a vocabulary offers: which of them would do, how young, and why the present one does not.
// A login that is imagined now is made now, so that a rule about the moment of a login,
// which never changes its mind about a login that did happen, moves with the clock here.
// False unless no output looks at any time but the age itself, compared with numbers.
func (s *Snapshot) DerivedLastsUntil(doc input.Document) (int64, bool) {
	if s.ages == nil {
		return 0, false
	}
	// The age of a login just made is always the same, that of the present one grows, and
	// that of one whose time is never told is as large as now.
	return min(firstAfter(doc.Now, doc.Assurance.AuthTime, s.ages), firstAfter(doc.Now, 0, s.ages)), true
}

// Steady reports that equal documents get equal answers, so that an answer may be kept at
// all: within the second of its document, and for longer as far as [Snapshot.LastsUntil]
// knows. False if any output could reach a built-in that asks the world outside.
func (s *Snapshot) Steady() bool { return s.steady }
