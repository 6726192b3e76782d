package derive

import (
	"context"
	"errors"
	"slices"

	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
)

// Requirements finds the logins by which somebody could be allowed, before it is known
// who asks. It is the walk of [Search] with another oracle: Allows tells whether anybody's
// request could be allowed after that login at that age, and false is certain.
//
// What it finds is never stricter than what [Search] finds for anyone: a login is left
// out, or given a max_age, only by an age at which nobody is allowed. So what cannot be
// found out makes it weaker, not stricter: a login counts when the oracle fails, and when
// the search asked [MaxEvaluations] times; breakpoints that are not known give no max_age.
// Its error is that of the context.
func Requirements(ctx context.Context, logins []assurance.Login, oracle Oracle) ([]Way, error) {
	s := &search{oracle: foresight{oracle}, left: MaxEvaluations}
	var ways []Way
	for n, login := range logins {
		way, err := s.way(ctx, Way{Login: login, Number: n})
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, ErrRefused), errors.Is(err, ErrTooShort):
			// Nobody could use it for as long as [Floor].
		case err != nil:
			ways = append(ways, Way{Login: login, Number: n})
		default:
			ways = append(ways, way)
		}
	}
	return ways, nil
}

// A foresight asks at the floor where [Search] would ask at every second up to it: what
// is refused there is of no use to anybody.
type foresight struct{ Oracle }

// Breakpoints implements [Oracle]. They are taken for known, although there may be more:
// an age at which nobody is allowed is a limit wherever it was found.
func (f foresight) Breakpoints(ctx context.Context, c Candidate) (Breakpoints, error) {
	points, err := f.Oracle.Breakpoints(ctx, c)
	if !points.Known {
		points = Breakpoints{Ages: append(slices.Clone(points.Ages), Floor), Known: true}
	}
	return points, err
}

// Advice says what a way demands and how to ask for it, when no token is there yet.
func (w Way) Advice() access.StepUpAdvice {
	advice := Present{}.advice(w, w)
	advice.ACRValues = w.Login.ACRValues()
	return advice
}
