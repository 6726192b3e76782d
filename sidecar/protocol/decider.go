package protocol

import (
	"context"
	"encoding/json"

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

// An Explanation says what is to be told of how a policy came to a document: which one, by its
// name with dots, and how, in the words of OPA's parameter explain.
type Explanation struct {
	Document string
	Mode     string // notes, fails, full or debug
	Pretty   bool   // lines of text
}

// An Explainer is a [Decider] and a [Valuer] that finds everything out anew, and tells besides
// how the policy came to it: rules, and what they read. It is for administrators alone. Nil: the
// policy was not asked. It is safe for concurrent use.
type Explainer interface {
	ExplainDecision(ctx context.Context, r access.Request, e Explanation) (access.Decision, json.RawMessage, error)
	ExplainValue(ctx context.Context, r access.Request, e Explanation) (access.FurtherDocument, json.RawMessage, error)
}
