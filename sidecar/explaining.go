package sidecar

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"stepup/sidecar/access"
	"stepup/sidecar/decisionlog"
	"stepup/sidecar/pdp"
	"stepup/sidecar/policy"
	"stepup/sidecar/protocol"
)

// An explainer answers administrators. It implements [protocol.Explainer].
type explainer struct {
	decider  *pdp.Decider
	patience time.Duration // for telling how, once the answer is there
}

// ExplainDecision decides anew, and records the decision as any other.
func (e explainer) ExplainDecision(ctx context.Context, r access.Request, how protocol.Explanation) (access.Decision, json.RawMessage, error) {
	decision, asked := e.decider.DecideAnew(ctx, r)
	text, err := e.explain(ctx, r, asked, how)
	return decision, text, withID(err, decision.ID)
}

// ExplainValue tells a further document, and records that as any other.
func (e explainer) ExplainValue(ctx context.Context, r access.Request, how protocol.Explanation) (access.FurtherDocument, json.RawMessage, error) {
	further, asked, err := e.decider.ValueAnew(ctx, r, how.Document)
	if err != nil {
		return further, nil, err
	}
	text, err := e.explain(ctx, r, asked, how)
	return further, text, withID(err, further.ID)
}

// explain evaluates once more, with a copy of the question from which every credential was
// taken: what the evaluation never sees can be in no step of it, whatever the rules make of
// their input.
func (e explainer) explain(ctx context.Context, r access.Request, asked pdp.Asked, how protocol.Explanation) (json.RawMessage, error) {
	snapshot, is := asked.Policy.(*policy.Snapshot)
	if !is {
		return nil, nil // nothing was asked
	}
	ctx, cancel := context.WithTimeout(ctx, e.patience)
	defer cancel()
	in := decisionlog.Cleaned(asked.Document.Object(), r)
	return snapshot.Explain(ctx, in, asked.Document.Now, how.Document, how.Mode, how.Pretty)
}

// withID tells why there is no explanation, under the id of the answer that was recorded.
func withID(err error, id string) error {
	if err == nil {
		return nil
	}
	p := protocol.ProblemOf(err)
	if errors.Is(err, policy.ErrTooLong) {
		p = &protocol.Problem{Status: http.StatusInternalServerError, Reasons: []access.Reason{access.Because(access.PolicyError)}, Detail: "The explanation is too long: ask with explain=notes or explain=fails, or for less than the whole package. " + err.Error()}
	}
	p.DecisionID = id
	return p
}
