package policy

import (
	"context"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"stepup/sidecar/access"
	"stepup/sidecar/input"
)

// Possible reports whether allow could be true of a document of which some is not known,
// now or later, for a login of the document's age. False is certain: whatever the unknown
// turns out to be, and whenever it is asked, the policy does not allow. True may be wrong
// where the policy is too deep to see through.
//
// Built-ins that ask the world outside are not called and their results not known; the
// clocks of the policy are among them. The errors are as those of
// [Snapshot.Evaluate]; none of them says that it is not possible.
func (s *Snapshot) Possible(ctx context.Context, doc input.Document, u input.Unknown) (bool, error) {
	if s.residual == nil {
		return true, nil
	}
	left, err := s.leftOf(ctx, doc, s.unknown(u))
	if err != nil {
		return true, told(err)
	}
	if len(left.Queries) > 0 {
		return true, nil
	}
	later, err := s.possibleLater(ctx, doc, u)
	return later, told(err)
}

// PossibleBreakpoints returns ages of the login, between 0 and now, at which
// [Snapshot.Possible] may change. It reports false when there may be more of them.
func (s *Snapshot) PossibleBreakpoints(ctx context.Context, doc input.Document, u input.Unknown) ([]int64, bool, error) {
	if s.residual == nil {
		return nil, false, nil
	}
	// The moment is left open, so that a rule that holds at another does not vanish with the
	// ages in it. The places of its changes are those of now.
	symbols := []symbol{{refAge, itself()}, {refAuthTime, before(doc.Now)}, {refNow, constant(integer(doc.Now))}}
	left, err := s.leftOf(ctx, doc, append(s.unknown(u), termsOf(symbols)...))
	if err != nil {
		return nil, false, told(err)
	}
	ages, known := s.rootsLeft(left, symbols)
	if !known && s.ages != nil {
		ages, known = s.ages, true
	}
	return slices.DeleteFunc(slices.Clone(ages), func(age int64) bool { return age < 0 || age > doc.Now }), known, nil
}

// rootsLeft looks at each part of what is left by itself, so that one that is not
// understood does not hide the others.
func (s *Snapshot) rootsLeft(left *rego.PartialQueries, symbols []symbol) ([]int64, bool) {
	made := supports(left)
	known := func(ref ast.Ref) bool { return made(ref) || s.isBase(ref) }
	var roots []int64
	understood := true
	look := func(at func(*moments)) {
		m := &moments{symbols: symbols, known: known}
		at(m)
		roots = append(roots, m.roots...)
		understood = understood && !m.lost
	}
	for _, query := range left.Queries {
		look(func(m *moments) { m.body(query, nil) })
	}
	for _, module := range left.Support {
		for _, rule := range module.Rules {
			look(func(m *moments) { m.rule(rule) })
		}
	}
	return roots, understood
}

// isBase reports whether a reference is into data that no rule is in.
func (s *Snapshot) isBase(ref ast.Ref) bool {
	return slices.ContainsFunc(s.documents, ref.HasPrefix)
}

// leftOf evaluates `data.<package>.allow = true` as far as it goes.
func (s *Snapshot) leftOf(ctx context.Context, doc input.Document, unknown []*ast.Term) (*rego.PartialQueries, error) {
	if ctx.Err() != nil {
		return nil, fault(ctx, ctx.Err())
	}
	in, err := ast.InterfaceToValue(doc.Object())
	if err != nil {
		return nil, unreadable("the document", err)
	}
	left, err := s.partial(ctx, in, doc.Now, unknown, clockUnknown)
	if err != nil {
		return nil, fault(ctx, err)
	}
	return left, nil
}

// unknown gives the references of what is not known.
func (s *Snapshot) unknown(u input.Unknown) []*ast.Term {
	terms := make([]*ast.Term, 0, len(u.Members)+len(s.documents))
	for _, path := range u.Members {
		ref := ast.Ref{ast.InputRootDocument}
		for _, name := range path {
			ref = append(ref, ast.StringTerm(name))
		}
		terms = append(terms, ast.NewTerm(ref))
	}
	if u.Data {
		for _, ref := range s.documents {
			terms = append(terms, ast.NewTerm(ref))
		}
	}
	return terms
}

func termsOf(symbols []symbol) []*ast.Term {
	terms := make([]*ast.Term, len(symbols))
	for i, sym := range symbols {
		terms[i] = ast.NewTerm(sym.ref)
	}
	return terms
}

// baseDocuments lists the policy's own data: the highest references below which there is
// data and no rule. The library's is left out; it is small, and always known.
func baseDocuments(data access.Object, compiler *ast.Compiler) []ast.Ref {
	var documents []ast.Ref
	for _, name := range keys(data) {
		if name != libraryPackage {
			below := ast.Ref{ast.DefaultRootDocument, ast.StringTerm(name)}
			documents = append(documents, documentsAt(below, data[name], compiler)...)
		}
	}
	return documents
}

func documentsAt(ref ast.Ref, value any, compiler *ast.Compiler) []ast.Ref {
	if len(compiler.GetRulesWithPrefix(ref)) == 0 {
		return []ast.Ref{ref}
	}
	var documents []ast.Ref
	if object, ok := value.(access.Object); ok {
		for _, name := range keys(object) {
			documents = append(documents, documentsAt(ref.Append(ast.StringTerm(name)), object[name], compiler)...)
		}
	}
	return documents
}
