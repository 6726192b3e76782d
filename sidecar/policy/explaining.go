package policy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/server/types"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/topdown/lineage"

	"stepup/sidecar/access"
)

// ErrTooLong says that there is more to tell of an evaluation than an explanation may have.
var ErrTooLong = errors.New("the explanation would be too long")

// How much an explanation may have: steps of the evaluation, and bytes of what they tell.
const (
	maxSteps = 20_000
	maxTold  = 2 << 20
)

// Explain evaluates a document of the policy, by its name with dots, and tells the steps as the
// Data API of OPA does with the parameter explain, which mode is: notes, fails, full or debug.
// Pretty tells lines of text in place of events.
//
// Input is what the policy is asked about. Whatever stands in it, in the data and in the rules
// can be in the explanation. The errors are [ErrTooLong] and those of [Snapshot.Evaluate].
func (s *Snapshot) Explain(ctx context.Context, in access.Object, now int64, name, mode string, pretty bool) (json.RawMessage, error) {
	text, err := s.explain(ctx, in, now, name, mode, pretty)
	if err == nil || errors.Is(err, ErrTooLong) {
		return text, err
	}
	return nil, told(err)
}

func (s *Snapshot) explain(ctx context.Context, in access.Object, now int64, name, mode string, pretty bool) (text json.RawMessage, err error) {
	defer func() {
		if r := recover(); r != nil {
			text, err = nil, broke(r)
		}
	}()
	question, err := ast.InterfaceToValue(in)
	if err != nil {
		return nil, unreadable("the document", err)
	}
	steps, err := s.steps(ctx, question, now, refOf(name))
	if err != nil {
		return nil, err
	}
	if steps, err = chosen(steps, mode); err != nil {
		return nil, err
	}
	if toldBy(steps) > maxTold {
		return nil, fmt.Errorf("%w: it has more than %d bytes", ErrTooLong, maxTold)
	}
	made, err := types.NewTraceV1(steps, pretty)
	return json.RawMessage(made), err
}

// steps evaluates a reference as OPA does for a path, and returns what happened.
func (s *Snapshot) steps(ctx context.Context, in ast.Value, now int64, ref ast.Ref) ([]*topdown.Event, error) {
	query, err := s.policy.rego(rego.ParsedQuery(ast.NewBody(ast.NewExpr(ast.NewTerm(ref))))).PrepareForEval(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEvaluation, err)
	}
	cancel := topdown.NewCancel()
	defer context.AfterFunc(ctx, cancel.Cancel)()
	noted := &stepsTaken{cancel: cancel}
	_, err = query.Eval(ctx, rego.EvalParsedInput(in), rego.EvalTime(time.Unix(now, 0)), rego.EvalExternalCancel(cancel), rego.EvalQueryTracer(noted))
	switch {
	case noted.tooMany:
		return nil, fmt.Errorf("%w: the evaluation has more than %d steps", ErrTooLong, maxSteps)
	case err != nil:
		return nil, fault(ctx, err)
	}
	return noted.BufferTracer, nil
}

// stepsTaken notes the steps of an evaluation, and ends it after too many.
type stepsTaken struct {
	topdown.BufferTracer
	cancel  topdown.Cancel
	tooMany bool
}

// TraceEvent implements [topdown.QueryTracer].
func (s *stepsTaken) TraceEvent(e topdown.Event) {
	if s.tooMany = s.tooMany || len(s.BufferTracer) >= maxSteps; s.tooMany {
		s.cancel.Cancel()
		return
	}
	s.BufferTracer.TraceEvent(e)
}

// chosen are the steps that a mode tells.
func chosen(steps []*topdown.Event, mode string) ([]*topdown.Event, error) {
	switch types.ExplainModeV1(mode) {
	case types.ExplainNotesV1:
		return lineage.Notes(steps), nil
	case types.ExplainFailsV1:
		return lineage.Fails(steps), nil
	case types.ExplainFullV1:
		return lineage.Full(steps), nil
	case types.ExplainDebugV1:
		return lineage.Debug(steps), nil
	case types.ExplainOffV1:
	}
	return nil, fmt.Errorf("%w: there is no explanation of the mode %q", ErrEvaluation, mode)
}

// toldBy is how many bytes steps tell, about, as far as it matters.
func toldBy(steps []*topdown.Event) (n int) {
	for _, step := range steps {
		if step.Node != nil {
			n += len(fmt.Sprint(step.Node))
		}
		if step.Locals != nil {
			step.Locals.Iter(func(_, value ast.Value) bool {
				n += len(value.String())
				return n > maxTold
			})
		}
		if n > maxTold {
			return n
		}
	}
	return n
}
