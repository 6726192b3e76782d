package policy

import (
	"context"

	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"

	"stepup/sidecar/input"
)

// EvaluateLabelled is as [Snapshot.Evaluate], and tells besides the labels of the rules that
// took part: those of their metadata, merged and in the order in which OPA's server notes
// them. For a policy without labels it costs no more. As there, an allow that is undefined
// has no labels.
func (s *Snapshot) EvaluateLabelled(ctx context.Context, doc input.Document) (Result, error) {
	if !s.labelled() {
		return s.Evaluate(ctx, doc)
	}
	var tracker topdown.EvaluatedRuleTracker
	values, err := s.ask(ctx, doc, rego.EvalEvaluatedRuleTracker(&tracker))
	if err != nil {
		return Result{}, told(err)
	}
	r, err := s.contract.result(values)
	if err == nil && values[0] != nil {
		r.Labels = tracker.Labels
	}
	return r, told(err)
}

// labelled reports whether any metadata of the policy has labels.
func (s *Snapshot) labelled() bool { return s.policy.compiler.GetAnnotationSet().HasLabels() }

// LabelsLast reports that labels stay the same as long as the rulings do: no longer is known
// of them where a ruling was looked at as a whole, since other rules may lead to the same.
func (s *Snapshot) LabelsLast() bool { return !s.labelled() || s.timeless || s.thresholds != nil }
