package policy

import (
	"cmp"
	"context"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
)

// checkPatience bounds partial evaluation for a warning, which nobody has to wait for.
const checkPatience = 2 * time.Second

// ages warns of uses of a login's time that are not understood, so that the largest max_age
// cannot be found. It looks at what partial evaluation leaves of allow without any input,
// where names, functions and constants are resolved. What depends on more than the time is
// given the benefit of the doubt: for one document it may be a number.
func (c *checker) ages(ctx context.Context) {
	if c.library == nil || c.broken || c.hasErrors() {
		return
	}
	for _, w := range newAuthor(c.rules).packagesWithAllow(c.config.Package) {
		c.agesIn(ctx, w)
	}
}

func (c *checker) hasErrors() bool {
	for _, f := range c.findings {
		if f.Severity == SeverityError {
			return true
		}
	}
	return false
}

// packagesWithAllow gives one definition of allow for each package that may decide.
func (a *author) packagesWithAllow(pkg string) []written {
	var found []written
	seen := map[string]bool{}
	for _, w := range a.allows(pkg) {
		if path := w.module.Package.Path.String(); !seen[path] {
			seen[path] = true
			found = append(found, w)
		}
	}
	return found
}

func (c *checker) agesIn(ctx context.Context, w written) {
	allow := w.module.Package.Path.Append(ast.StringTerm(outAllow))
	p, err := newProgram(ctx, parts{modules: c.rules, data: c.data}, c.capabilities, []ast.Ref{allow})
	if err != nil || thresholds(p.compiler, p.outputs, c.loginTimes()...) != nil {
		return // understood wherever it stands, or what is wrong is found elsewhere
	}
	left := unknownInput(ctx, p, allow)
	if left == nil {
		return
	}
	m := &moments{symbols: c.times(), known: c.timeless(p, left), lenient: true}
	for _, part := range left.parts() {
		m.lost, m.where = false, nil
		part(m)
		if m.lost {
			c.warn(cmp.Or(m.where, w.rule.Location), "this reads the time of the login in a way that is not understood: max_age will be %d, however long it holds; compare input.assurance.age with numbers", shortest)
		}
	}
}

// times are the places that tell a login's time, for the vocabularies in use.
func (c *checker) times() []symbol {
	symbols := []symbol{{refAge, itself()}, {refAuthTime, itself()}}
	for _, v := range c.library.spoken() {
		for _, name := range v.AuthTime {
			symbols = append(symbols, symbol{refClaim(name), itself()})
		}
	}
	return symbols
}

// timeless reports which references below data are to rules that are looked at too, or that
// read no time of a login.
func (c *checker) timeless(p *program, left *residual) func(ast.Ref) bool {
	supported := supports(left.PartialQueries)
	var times []ast.Ref
	for _, s := range c.times() {
		times = append(times, s.ref)
	}
	return func(ref ast.Ref) bool {
		if supported(ref) {
			return true
		}
		walk := ruleWalk{compiler: p.compiler, input: readsAny(times), builtin: nondeterministic, seen: map[*ast.Rule]bool{}}
		walk.ref(ref)
		return !walk.found
	}
}

// loginTimes are the times besides the age, and the hour.
func (c *checker) loginTimes() []ast.Ref {
	refs := []ast.Ref{refNow}
	for _, s := range c.times()[1:] {
		refs = append(refs, s.ref)
	}
	return refs
}

// A residual is what partial evaluation left.
type residual struct{ *rego.PartialQueries }

// unknownInput evaluates allow as far as it goes without any input; nil if it cannot be.
func unknownInput(ctx context.Context, p *program, allow ast.Ref) (left *residual) {
	defer func() {
		if recover() != nil {
			left = nil // the engine broke; a warning is not worth more
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	prepared := preparePartial(ctx, p, allow)
	if prepared == nil {
		return nil
	}
	queries, err := prepared.Partial(ctx, rego.EvalParsedUnknowns([]*ast.Term{ast.NewTerm(ast.InputRootRef)}))
	if err != nil {
		return nil
	}
	return &residual{queries}
}

// parts are the queries and rules, each to be looked at by itself.
func (r residual) parts() []func(*moments) {
	var parts []func(*moments)
	for _, query := range r.Queries {
		parts = append(parts, func(m *moments) { m.body(query, nil) })
	}
	for _, module := range r.Support {
		for _, rule := range module.Rules {
			parts = append(parts, func(m *moments) { m.rule(rule) })
		}
	}
	return parts
}
