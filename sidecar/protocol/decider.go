package protocol

import (
	"context"

	"stepup/sidecar/access"
)

// A Decider answers questions. It returns no error: what it could not decide has the
// outcome [access.Indeterminate], whose first reason says why. It is safe for
// concurrent use.
type Decider interface {
	Decide(ctx context.Context, r access.Request) access.Decision
}
