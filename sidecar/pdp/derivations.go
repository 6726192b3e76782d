package pdp

import (
	"context"
	"runtime"

	"stepup/sidecar/access"
)

// derivationsPerCPU bounds how many searches for a step-up run at once. A search costs
// several evaluations; without a bound, refused questions would crowd out all others.
const derivationsPerCPU = 4

// derivations lets a bounded number of searches run at once.
type derivations chan struct{}

func newDerivations() derivations {
	return make(derivations, derivationsPerCPU*runtime.GOMAXPROCS(0))
}

// enter waits for a place until the decision's deadline.
func (d derivations) enter(ctx context.Context) error {
	select {
	case d <- struct{}{}:
		return nil
	case <-ctx.Done():
		return &access.Fault{Code: access.PolicyTimeout, Err: context.Cause(ctx)}
	}
}

func (d derivations) leave() { <-d }
