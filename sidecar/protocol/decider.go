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

// A Requirer answers, before there is a token, which logins could reach a resource. Its
// errors are [*access.Fault]. It is safe for concurrent use.
type Requirer interface {
	Require(ctx context.Context, q access.RequirementQuestion) (access.Requirements, error)
}
