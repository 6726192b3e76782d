package derive

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"stepup/sidecar/assurance"
)

// Floor is the shortest max_age, in seconds, that a person can be asked to meet: the time
// to come back from the provider.
const Floor = 30

// MaxEvaluations bounds how often one search asks its oracle.
const MaxEvaluations = 1024

// ErrBound means that the search asked its oracle [MaxEvaluations] times and was not done.
var ErrBound = errors.New("too many evaluations to derive a step-up")

// An Oracle says what the policy would answer about one request, had the person signed in
// otherwise. A candidate is a member claim set of a login.
type Oracle interface {
	// Allows reports whether the policy would allow the request after that login, age
	// seconds ago. An error means that it cannot say: the login does not count.
	Allows(ctx context.Context, c Candidate, age int64) (bool, error)
	// Breakpoints returns ages at which the answer may change.
	Breakpoints(ctx context.Context, c Candidate) (Breakpoints, error)
}

// A Candidate is one login as one of its member claim sets would show it.
type Candidate struct {
	Login  assurance.Login
	Number int // the login's place in the vocabulary's list
	Member int // index into Login.Claims
}

// Breakpoints are the ages, in seconds and in any order, at which a policy's answer may
// differ from that of the second before: between two of them it is constant.
type Breakpoints struct {
	Ages []int64
	// Known is false when they cannot be found: the policy uses the age in a way that is
	// not understood.
	Known bool
}

// A Way is a login that would do.
type Way struct {
	Login  assurance.Login
	Number int // the login's place in the vocabulary's list
	// MaxAge is the last age in seconds before the policy's first refusal; nil if it was
	// never seen to refuse.
	MaxAge *int64
}

// Holds reports whether the way was evaluated to allow at every age up to maxAge (nil: at
// any age).
func (w Way) Holds(maxAge *int64) bool {
	return w.MaxAge == nil || (maxAge != nil && *w.MaxAge >= *maxAge)
}

// A Finding is the outcome of a search.
type Finding struct {
	// Ways are the logins that would do, in the vocabulary's order; none: none would.
	Ways []Way
	// TooShort reports that some login would do, but for less than [Floor] seconds.
	TooShort bool
	// Faults are the errors of logins that did not count because of them.
	Faults []error
	// Tried tells of every login, in the vocabulary's order.
	Tried []Trial
}

// A Trial is how one login came out. MaxAge counts when it would do, and when it would for
// too short a time.
type Trial struct {
	Way
	// Err is why it does not count: [ErrRefused], [ErrTooShort], or an error of the oracle.
	Err error
}

// Search asks the oracle about every login, in order. Its error is that of the context or
// [ErrBound]; there is no finding then.
func Search(ctx context.Context, logins []assurance.Login, oracle Oracle) (Finding, error) {
	s := &search{oracle: oracle, left: MaxEvaluations}
	var found Finding
	for n, login := range logins {
		way, err := s.way(ctx, Way{Login: login, Number: n})
		found.Tried = append(found.Tried, Trial{way, err})
		switch {
		case ctx.Err() != nil:
			return Finding{}, context.Cause(ctx)
		case errors.Is(err, ErrBound):
			return Finding{}, err
		case errors.Is(err, ErrTooShort):
			found.TooShort = true
		case errors.Is(err, ErrRefused):
		case err != nil:
			found.Faults = append(found.Faults, fmt.Errorf("login %s: %w", login.Level, err))
		default:
			found.Ways = append(found.Ways, way)
		}
	}
	return found, nil
}

// Why a login does not count, besides an error of the oracle: the policy refuses it at
// once, or before [Floor].
var (
	ErrRefused  = errors.New("refused at once")
	ErrTooShort = errors.New("allowed for too short a time")
)

type search struct {
	oracle Oracle
	left   int
}

// way finds how long a login works. It works only as long as all its members do.
func (s *search) way(ctx context.Context, way Way) (Way, error) {
	for m := range way.Login.Claims {
		allowed, err := s.allows(ctx, way.candidate(m), 0)
		if err != nil {
			return way, err
		}
		if !allowed {
			return way, ErrRefused
		}
	}
	for m := range way.Login.Claims {
		last, err := s.lastAge(ctx, way.candidate(m))
		if err != nil {
			return way, err
		}
		way.MaxAge = younger(way.MaxAge, last)
	}
	if way.MaxAge != nil && *way.MaxAge < Floor {
		return way, ErrTooShort
	}
	return way, nil
}

func (w Way) candidate(member int) Candidate {
	return Candidate{Login: w.Login, Number: w.Number, Member: member}
}

// lastAge returns the last age before the first refusal of a candidate that is allowed at
// age 0; nil if it is never refused. Where the breakpoints are not known it asks second by
// second up to the floor: sufficient, not the largest.
func (s *search) lastAge(ctx context.Context, c Candidate) (*int64, error) {
	points, err := s.oracle.Breakpoints(ctx, c)
	switch {
	case err != nil:
		return nil, err
	case !points.Known:
		floor := int64(Floor)
		return s.beforeRefusal(ctx, c, seconds(Floor), &floor)
	}
	return s.beforeRefusal(ctx, c, tested(points.Ages), nil)
}

// beforeRefusal asks at ages in ascending order and returns the one before the first that
// is refused, since from the age asked before it up to there the answer was the same;
// otherwise what is given for that.
func (s *search) beforeRefusal(ctx context.Context, c Candidate, ages []int64, otherwise *int64) (*int64, error) {
	for _, age := range ages {
		allowed, err := s.allows(ctx, c, age)
		if err != nil {
			return nil, err
		}
		if !allowed {
			last := age - 1
			return &last, nil
		}
	}
	return otherwise, nil
}

// seconds returns the ages from 1 to the last.
func seconds(last int64) []int64 {
	ages := make([]int64, last)
	for i := range ages {
		ages[i] = int64(i) + 1
	}
	return ages
}

// tested returns the ages at which to ask: each breakpoint and the second after it, which
// stands for all seconds up to the next.
func tested(breakpoints []int64) []int64 {
	var ages []int64
	for _, b := range breakpoints {
		for _, age := range []int64{b, b + 1} {
			if age > 0 {
				ages = append(ages, age)
			}
		}
	}
	slices.Sort(ages)
	return slices.Compact(ages)
}

func (s *search) allows(ctx context.Context, c Candidate, age int64) (bool, error) {
	if s.left == 0 {
		return false, ErrBound
	}
	s.left--
	return s.oracle.Allows(ctx, c, age)
}

func younger(a, b *int64) *int64 {
	if a == nil || (b != nil && *b < *a) {
		return b
	}
	return a
}
