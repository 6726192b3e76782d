package policy

import (
	"context"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"

	"stepup/sidecar/input"
)

// A Place is where something stands in a policy.
type Place struct {
	File string
	Line int
	Text string // its source
}

// MisreadAge tells where the policy uses the age of the document's login in a way that is
// not understood, so that [Snapshot.AgeBreakpoints] finds nothing. False when there is no
// such place, or it cannot be told.
func (s *Snapshot) MisreadAge(ctx context.Context, doc input.Document, timeClaims []string) (Place, bool) {
	if _, known, err := s.AgeBreakpoints(ctx, doc, timeClaims); known || err != nil || s.residual == nil {
		return Place{}, false
	}
	in, err := ast.InterfaceToValue(doc.Object())
	if err != nil {
		return Place{}, false
	}
	symbols := ageSymbols(doc, timeClaims)
	left, err := s.partial(ctx, in, doc.Now, termsOf(symbols), clockKnown)
	if err != nil {
		return Place{}, false
	}
	m := &moments{symbols: symbols, known: supports(left)}
	m.residual(left)
	if m.where == nil || m.where.File == "" {
		return Place{}, false
	}
	return Place{m.where.File, m.where.Row, sourceText(m.where)}, true
}

// Reread looks the same places of another document up.
func Reread(reads []Read, doc input.Document) ([]Read, error) {
	in, err := ast.InterfaceToValue(doc.Object())
	if err != nil {
		return nil, fmt.Errorf("reading the document: %w", err)
	}
	t := tracer{input: in}
	again := make([]Read, len(reads))
	for i, r := range reads {
		path, err := ast.ParseRef(r.Path)
		if err != nil {
			return nil, fmt.Errorf("reading the path %s: %w", r.Path, err)
		}
		again[i] = t.read(path)
	}
	return again, nil
}
