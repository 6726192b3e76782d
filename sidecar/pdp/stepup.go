package pdp

import (
	"context"
	"errors"
	"maps"
	"slices"

	"stepup/sidecar/access"
	"stepup/sidecar/derive"
	"stepup/sidecar/input"
)

// derive looks, after a refusal, for the logins that would do.
func (q *question) derive(ctx context.Context) error {
	switch {
	case q.ruling.Allow:
		return nil
	case q.claims == nil:
		q.why = access.NoCredentials
		return nil
	case q.doc.Subject.Type == access.SubjectClient:
		q.why = access.NoUser // machines do not sign in
		return nil
	}
	if err := q.derivations.enter(ctx); err != nil {
		return err
	}
	defer q.derivations.leave()
	return q.search(ctx)
}

// search asks the same policy about the logins that the issuer offers.
func (q *question) search(ctx context.Context) error {
	q.why = access.NotAllowed
	vocabulary := q.policy.Vocabulary(q.claims.Issuer)
	if vocabulary == nil {
		return nil
	}
	o := &oracle{question: q, imagination: newImagination(q.policy, vocabulary, q.doc)}
	q.searched, q.sought = o, true
	found, err := derive.Search(ctx, vocabulary.Logins, o)
	if err != nil {
		return &access.Fault{Code: access.PolicyTimeout, Err: err}
	}
	o.tried = found.Tried
	q.faulty, q.fault = len(found.Faults) > 0, errors.Join(found.Faults...)
	if len(found.Ways) > 0 {
		present := q.present()
		q.why = o.whyStepUp(ctx, present, found.Ways[0])
		q.advice = present.Advise(found.Ways, q.policy.Order())
		return nil
	}
	q.why = o.whyDeny(ctx, found)
	return nil
}

// present is the login as it is.
func (q *question) present() derive.Present {
	return derive.Present{Levels: q.doc.Assurance.Levels, Scopes: q.claims.Scopes}
}

// An oracle answers what the policy would say, had the person signed in otherwise.
type oracle struct {
	*question
	imagination
	tried []derive.Trial // how the logins came out
}

// Allows implements [derive.Oracle].
func (o *oracle) Allows(ctx context.Context, c derive.Candidate, age int64) (bool, error) {
	return o.allows(ctx, o.document(c).Aged(o.vocabulary, age))
}

// allows asks the policy about an imagined document. A policy whose answer to it would be
// a fault does not allow it.
func (o *oracle) allows(ctx context.Context, doc input.Document) (bool, error) {
	ruling, err := o.policy.Evaluate(ctx, doc)
	if err != nil || !ruling.Allow {
		return false, err
	}
	_, err = upstreamHeaders(o.Headers, ruling.Headers, o.req.HTTP)
	return err == nil, err
}

// Breakpoints implements [derive.Oracle].
func (o *oracle) Breakpoints(ctx context.Context, c derive.Candidate) (derive.Breakpoints, error) {
	if o.timeless() {
		return derive.Breakpoints{Known: true}, nil // these logins have no age
	}
	ages, known, err := o.policy.AgeBreakpoints(ctx, o.document(c), o.vocabulary.AuthTime[:1])
	return derive.Breakpoints{Ages: ages, Known: known}, err
}

// documents returns the documents of all candidates that were imagined.
func (o *oracle) documents() []input.Document {
	if o == nil {
		return nil
	}
	return slices.Collect(maps.Values(o.imagined))
}
