package pdp

import (
	"context"
	"time"

	"stepup/sidecar/access"
	"stepup/sidecar/input"
)

// An Asked is what a policy was asked, for whoever explains what it said. The zero value: it
// was not asked.
type Asked struct {
	Policy   Policy
	Document *input.Document
}

// DecideAnew is as Decide, but finds everything out anew, whatever is kept, and keeps nothing.
func (d *Decider) DecideAnew(ctx context.Context, req access.Request) (access.Decision, Asked) {
	q := d.anew(req)
	q.decide(ctx)
	return q.decision, q.told()
}

// ValueAnew is as Value, in the same way.
func (d *Decider) ValueAnew(ctx context.Context, req access.Request, name string) (access.FurtherDocument, Asked, error) {
	q := d.anew(req)
	further, err := q.tell(ctx, name)
	return further, q.told(), err
}

func (d *Decider) anew(req access.Request) *question {
	forgetful := *d
	forgetful.Memory = nil
	return &question{Decider: &forgetful, req: req, now: d.Now().Truncate(time.Second)}
}

func (q *question) told() Asked {
	if q.asked == nil {
		return Asked{}
	}
	return Asked{q.policy, q.asked}
}
