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
	// Value returns one for a question. Its errors are *access.Fault.
	Value(ctx context.Context, doc input.Document, name string) (access.FurtherDocument, error)
}

// A Valued is the record of a further document. Its decision is none: it has no more than an
// id, a revision and the assurance.
type Valued struct {
	Record
	Further access.FurtherDocument
}

// Value returns a further document of the policy for a question, whose token is verified as
// for a decision. Its errors are [access.Fault], whose code may be that of a refusal too: for
// somebody who is not known nothing is evaluated, since a document in which nothing is said
// may read as consent. Valued is told of each, and what is returned always has the id of that.
func (d *Decider) Value(ctx context.Context, req access.Request, name string) (access.FurtherDocument, error) {
	q := question{Decider: d, req: req, now: d.Now().Truncate(time.Second)}
	return q.tell(ctx, name)
}

// tell finds a further document and records it.
func (q *question) tell(ctx context.Context, name string) (access.FurtherDocument, error) {
	began := time.Now()
	further, err := q.value(ctx, name)
	if err != nil {
		code, _ := classify(err)
		err = &access.Fault{Code: code, Err: err}
		further = access.FurtherDocument{}
	}
	q.decision.ID = newID()
	further.Name, further.ID, further.Revision = name, q.decision.ID, q.decision.Revision
	if q.Valued != nil {
		q.Valued(ctx, Valued{Further: further, Record: Record{
			Request: q.req, Caller: access.CallerOf(ctx), Claims: q.claims, Subject: q.doc.Subject, Document: q.asked,
			Decision: q.decision, Labels: further.Labels, Fault: err, Took: time.Since(began),
		}})
	}
	return further, err
}

func (q *question) value(ctx context.Context, name string) (further access.FurtherDocument, err error) {
	defer func() {
		if p := recover(); p != nil {
			q.claims = nil
			further, err = access.FurtherDocument{}, &access.Fault{Code: access.PolicyError, Err: panicked(p)}
		}
	}()
	q.decision.Assurance = access.NoAssurance()
	if err := take(ctx, []step{q.acquire, q.listed, q.verify}); err != nil {
		return further, err
	}
	ctx, cancel := context.WithTimeout(ctx, q.Deadline)
	defer cancel()
	if err := q.assure(ctx); err != nil {
		return further, err
	}
	policy, can := q.policy.(Documenter)
	if !can {
		return further, errors.New("the policy tells no further documents")
	}
	q.asked = &q.doc
	return policy.Value(ctx, q.doc, name)
}
