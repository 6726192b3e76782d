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

// A LoginRule says what a provider is to do with one login, whose document is that of
// schema.login.input but for the members now and clock_skew, which the rule's side adds.
// Its errors are [*access.Fault]. It is safe for concurrent use.
type LoginRule interface {
	Login(ctx context.Context, doc access.Object) (access.LoginAnswer, error)
}

// A Valuer returns a further document of the policy for a question, by its name with dots.
// Its errors are [*access.Fault], whose code may be that of a refusal; the document then says
// no more than under which id that was recorded. It is safe for concurrent use.
type Valuer interface {
	Value(ctx context.Context, r access.Request, name string) (access.FurtherDocument, error)
}
