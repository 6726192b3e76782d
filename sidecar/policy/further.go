package policy

import (
	"context"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"

	"stepup/sidecar/access"
	"stepup/sidecar/input"
)

// Value returns a further document of the policy ([Config.Documents], by its name there) for
// a question. What is asked are the policy's own rules, as they stand: nothing of them is a
// decision. Errors are [ErrEvaluation] and [ErrTimeout].
func (s *Snapshot) Value(ctx context.Context, doc input.Document, name string) (access.FurtherDocument, error) {
	further := access.FurtherDocument{Name: name, Revision: s.revision}
	err := s.value(ctx, doc, &further)
	return further, told(err)
}

func (s *Snapshot) value(ctx context.Context, doc input.Document, into *access.FurtherDocument) error {
	asked, there := s.further[into.Name]
	if !there {
		return fmt.Errorf("%w: %s is no further document", ErrEvaluation, into.Name)
	}
	in, err := ast.InterfaceToValue(doc.Object())
	if err != nil {
		return unreadable("the document", err)
	}
	var tracker topdown.EvaluatedRuleTracker
	values, err := asked.run(ctx, in, doc.Now, s.tracking(&tracker)...)
	if err != nil || values[0] == nil {
		return err
	}
	value, err := ast.JSON(values[0])
	if err != nil {
		return unreadable("the result", err)
	}
	into.Value, into.Defined, into.Labels = value, true, tracker.Labels
	return nil
}

// tracking notes the labels of rules where there are some.
func (s *Snapshot) tracking(tracker *topdown.EvaluatedRuleTracker) []rego.EvalOption {
	if !s.labelled() {
		return nil
	}
	return []rego.EvalOption{rego.EvalEvaluatedRuleTracker(tracker)}
}

// prepareFurther prepares a query for each further document. One that the policy does not
// have is undefined, as it is to OPA.
func (l *loader) prepareFurther(ctx context.Context, s *Snapshot) (err error) {
	s.further = make(map[string]*program, len(l.config.Documents))
	for _, name := range l.config.Documents {
		asked := &program{compiler: s.policy.compiler, store: s.policy.store, outputs: []ast.Ref{refOf(name)}}
		if err := asked.prepare(ctx); err != nil {
			return fmt.Errorf("preparing the document %s: %w", name, err)
		}
		s.further[name] = asked
	}
	return nil
}

// refOf returns data.<name>, for a name with dots. It is built of its segments, never read as
// Rego.
func refOf(name string) ast.Ref {
	ref := ast.Ref{ast.DefaultRootDocument}
	for segment := range strings.SplitSeq(name, ".") {
		ref = append(ref, ast.StringTerm(segment))
	}
	return ref
}

// maxHealthPath is how many segments a path of OPA's /health may have: each asks for one more
// step of a query that is prepared for it.
const maxHealthPath = 8

// once prepares and runs a program whose query is not asked again.
func (p *program) once(ctx context.Context, input access.Object, now int64) ([]ast.Value, error) {
	if err := p.prepare(ctx); err != nil {
		return nil, err
	}
	in, err := ast.InterfaceToValue(input)
	if err != nil {
		return nil, unreadable("the input", err)
	}
	return p.run(ctx, in, now)
}

// Healthy asks what OPA asks at /health/<path>: data.system.health.<path>, about the state of
// its plugins. Nil: it is true. The errors are for everybody: they have OPA's words, and tell
// nothing of the policy.
func (s *Snapshot) Healthy(ctx context.Context, path []string, state access.Object, now int64) error {
	ref := refOf("system.health")
	if len(path) > maxHealthPath {
		return fmt.Errorf("health check (%v.…) was undefined", ref)
	}
	for _, segment := range path {
		ref = append(ref, ast.StringTerm(segment))
	}
	asked := &program{compiler: s.policy.compiler, store: s.policy.store, outputs: []ast.Ref{ref}}
	values, err := asked.once(ctx, state, now)
	switch {
	case err != nil:
		return fmt.Errorf("health check (%v) could not be evaluated", ref)
	case values[0] == nil:
		return fmt.Errorf("health check (%v) was undefined", ref)
	case values[0].Compare(ast.Boolean(true)) != 0:
		return fmt.Errorf("health check (%v) returned unexpected value", ref)
	}
	return nil
}
