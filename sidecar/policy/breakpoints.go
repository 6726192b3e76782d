package policy

import (
	"context"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"stepup/sidecar/input"
)

// The references of the document that move with the clock.
var (
	refNow      = ast.MustParseRef("input.now")
	refAge      = ast.MustParseRef("input.assurance.age")
	refAuthTime = ast.MustParseRef("input.assurance.auth_time")
)

// refClaim is the reference of a claim.
func refClaim(name string) ast.Ref {
	return ast.MustParseRef("input.token.claims").Append(ast.StringTerm(name))
}

// AgeBreakpoints returns ages of the login, between 0 and now, at which the policy's allow
// may change for this document; between two of them it does not. TimeClaims name the
// claims that tell the login time. It reports false when they cannot be found: the policy
// uses the age in a way that is not understood. Errors are of the context.
func (s *Snapshot) AgeBreakpoints(ctx context.Context, doc input.Document, timeClaims []string) ([]int64, bool, error) {
	ages, ok, err := s.residualRoots(ctx, doc, ageSymbols(doc, timeClaims), clockKnown)
	if err != nil {
		return nil, false, err
	}
	if !ok && s.ages != nil {
		ages, ok = s.ages, true
	}
	return slices.DeleteFunc(slices.Clone(ages), func(age int64) bool { return age < 0 || age > doc.Now }), ok, nil
}

// ageSymbols are the places of a document that tell the age of its login.
func ageSymbols(doc input.Document, timeClaims []string) []symbol {
	symbols := []symbol{{refAge, itself()}, {refAuthTime, before(doc.Now)}}
	for _, name := range timeClaims {
		symbols = append(symbols, symbol{refClaim(name), before(doc.Now)})
	}
	return symbols
}

// loginTimes are the references, besides the age, that tell the time of a login.
func (l *library) loginTimes() []ast.Ref {
	refs := []ast.Ref{refNow, refAuthTime}
	for _, v := range l.issuers {
		for _, name := range v.AuthTime {
			refs = append(refs, refClaim(name))
		}
	}
	return refs
}

// residualRoots evaluates allow as far as it goes without the symbols and finds the roots
// of what is left.
func (s *Snapshot) residualRoots(ctx context.Context, doc input.Document, symbols []symbol, clock bool) ([]int64, bool, error) {
	if s.residual == nil {
		return nil, false, nil
	}
	in, err := ast.InterfaceToValue(doc.Object())
	if err != nil {
		return nil, false, unreadable("the document", err)
	}
	left, err := s.partial(ctx, in, doc.Now, termsOf(symbols), clock)
	if err != nil {
		if ctx.Err() != nil {
			return nil, false, fault(ctx, err)
		}
		return nil, false, nil // what cannot be evaluated so far is not understood
	}
	m := &moments{symbols: symbols, known: supports(left)}
	m.residual(left)
	return m.roots, !m.lost, nil
}

// partial evaluates `data.<package>.allow = true` with some of the document unknown.
// Clocks inside the policy show now, if the clock is known.
func (s *Snapshot) partial(ctx context.Context, in ast.Value, now int64, unknown []*ast.Term, clock bool) (left *rego.PartialQueries, err error) {
	defer func() {
		if r := recover(); r != nil {
			left, err = nil, broke(r)
		}
	}()
	return s.residual.Partial(ctx,
		rego.EvalParsedInput(in), rego.EvalParsedUnknowns(unknown), rego.EvalTime(time.Unix(now, 0)),
		rego.EvalNondeterministicBuiltins(clock))
}

// preparePartial prepares the query that [Snapshot.partial] evaluates. Nil where that
// cannot be: an allow that can never be a boolean is found out when it is asked.
func preparePartial(ctx context.Context, p *program, allow ast.Ref) *rego.PreparedPartialQuery {
	query := ast.NewBody(ast.Equality.Expr(ast.NewTerm(allow), ast.BooleanTerm(true)))
	prepared, err := p.rego(rego.ParsedQuery(query)).PrepareForPartial(ctx)
	if err != nil {
		return nil
	}
	return &prepared
}

// residual looks at all that partial evaluation left.
func (m *moments) residual(left *rego.PartialQueries) {
	for _, query := range left.Queries {
		m.body(query, nil)
	}
	for _, module := range left.Support {
		for _, rule := range module.Rules {
			m.rule(rule)
		}
	}
}

// supports reports which references below data name rules that partial evaluation made.
// Any other could hide a use of what is unknown.
func supports(left *rego.PartialQueries) func(ast.Ref) bool {
	var packages []ast.Ref
	for _, module := range left.Support {
		packages = append(packages, module.Package.Path)
	}
	return func(ref ast.Ref) bool {
		return slices.ContainsFunc(packages, func(p ast.Ref) bool { return ref.HasPrefix(p) })
	}
}

// thresholds finds, once for a policy, the ages at which any of its outputs can change
// for any document: those that the age is compared with, when it is only ever compared
// with numbers and none of the others is read that move with it. Nil when there are more.
func thresholds(compiler *ast.Compiler, outputs []ast.Ref, others ...ast.Ref) []int64 {
	walk := ruleWalk{compiler: compiler, builtin: nondeterministic, seen: map[*ast.Rule]bool{}}
	for _, ref := range outputs {
		walk.ref(ref)
	}
	if walk.found {
		return nil
	}
	m := &moments{
		symbols:   []symbol{{refAge, itself()}},
		forbidden: others,
		known:     func(ast.Ref) bool { return true }, // every rule that can be reached is looked at
	}
	named := m.name(compiler, walk.seen, outputs)
	for rule := range walk.seen {
		if named[rule] {
			m.body(rule.Body, nil)
		} else {
			m.one(rule)
		}
	}
	if m.lost {
		return nil
	}
	return append([]int64{}, m.roots...)
}

// name finds the rules that only give the age a name, as `age := input.assurance.age` does,
// or a sum with it, and takes them for what they stand for: x where they are used, as long
// as every use of them is understood. Their conditions are looked at like all others. An
// output is none: what it yields is told.
func (m *moments) name(compiler *ast.Compiler, rules map[*ast.Rule]bool, outputs []ast.Ref) map[*ast.Rule]bool {
	named := map[*ast.Rule]bool{}
	for more := true; more; {
		more = false
		for rule := range rules {
			value, ok := m.nameOf(compiler, rule)
			if ok && !named[rule] && !isOutput(rule.Ref(), outputs) {
				m.symbols = append(m.symbols, symbol{rule.Ref(), value})
				named[rule], more = true, true
			}
		}
	}
	return named
}

// nameOf reads a rule that is the only one of its name and has x for its value.
func (m *moments) nameOf(compiler *ast.Compiler, rule *ast.Rule) (linear, bool) {
	head := rule.Head
	if rule.Default || rule.Else != nil || !plain(rule) || head.Key != nil || head.Value == nil || len(compiler.GetRules(rule.Ref())) != 1 {
		return linear{}, false
	}
	vars := scope{}
	m.bind(rule.Body, vars)
	value, ok := m.linear(head.Value, vars)
	return value, ok && !value.constant()
}

func isOutput(ref ast.Ref, outputs []ast.Ref) bool {
	return slices.ContainsFunc(outputs, func(o ast.Ref) bool { return overlap(o, ref) })
}
