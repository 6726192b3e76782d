package pdp

import (
	"context"
	"errors"
	"time"

	"stepup/sidecar/access"
	"stepup/sidecar/input"
)

// A Documenter is a [Policy] that tells further documents.
type Documenter interface {
	// Value returns one for a question; false: it is undefined. Its errors are *access.Fault.
	Value(ctx context.Context, doc input.Document, name string) (value any, defined bool, err error)
}

// Value returns a further document of the policy for a question, whose token is verified as
// for a decision; false: it is undefined. Its errors are [access.Fault], whose code may be
// that of a refused token too: for somebody who is not known nothing is evaluated, since a
// document in which nothing is said may read as consent. Valued is told of each.
func (d *Decider) Value(ctx context.Context, req access.Request, name string) (value any, defined bool, err error) {
	began := time.Now()
	q := question{Decider: d, req: req, now: d.Now().Truncate(time.Second)}
	value, defined, err = q.value(ctx, name)
	if err != nil {
		code, _ := classify(err)
		err = &access.Fault{Code: code, Err: err}
	}
	if d.Valued != nil {
		d.Valued(ctx, name, Record{
			Request: req, Caller: access.CallerOf(ctx), Claims: q.claims, Subject: q.doc.Subject, Fault: err, Took: time.Since(began),
		})
	}
	return value, defined, err
}

func (q *question) value(ctx context.Context, name string) (value any, defined bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			value, defined, err = nil, false, &access.Fault{Code: access.PolicyError, Err: panicked(p)}
		}
	}()
	if err := take(ctx, []step{q.acquire, q.verify}); err != nil {
		return nil, false, err
	}
	ctx, cancel := context.WithTimeout(ctx, q.Deadline)
	defer cancel()
	if err := q.assure(ctx); err != nil {
		return nil, false, err
	}
	policy, can := q.policy.(Documenter)
	if !can {
		return nil, false, errors.New("the policy tells no further documents")
	}
	return policy.Value(ctx, q.doc, name)
}
