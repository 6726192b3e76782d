package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"stepup/sidecar/input"
)

// A Trace tells how a policy came to its answer for one document. It shows rules and
// values of the document: it is for the policy's author, not for callers or logs.
type Trace struct {
	Package string // as its author writes it
	Result  Result
	Fault   error // why there is no result, in the engine's own words; nil if there is one
	Ways    []Way // every definition of allow, in the order of file and line
}

// A Way is one definition of a rule and how it came out.
type Way struct {
	Rule        string // its name, in a partial rule with its key
	Title       string // from its METADATA; may be empty
	Description string // from its METADATA; may be empty
	File        string
	Line        int
	Value       string     // what it gave, as Rego writes it; empty if it did not hold
	Failed      *Condition // the first condition that did not hold; nil if all held
	Passed      int        // how many conditions held before it
}

// Held reports that all conditions of the way held.
func (w Way) Held() bool { return w.Failed == nil }

// A Condition is one expression of a rule's body that did not hold.
type Condition struct {
	File  string
	Line  int
	Text  string // its source
	Fault string // why it could not be evaluated; empty if it only did not hold
	Reads []Read // what of the input it looked at
	Rules []Way  // the definitions of the rules it asked
}

// A Read is one place of the input that a condition looked at.
type Read struct {
	Path    string
	Present bool
	Value   any // as JSON; nil if it is not there
}

// Trace evaluates the document and tells, for each definition of allow, whether it held
// or which of its conditions was the first that did not. It is slow, and meant for one
// question at a time. The error is the context's.
func (s *Snapshot) Trace(ctx context.Context, doc input.Document) (Trace, error) {
	in, err := ast.InterfaceToValue(doc.Object())
	if err != nil {
		return Trace{}, fmt.Errorf("reading the document: %w", err)
	}
	t := tracer{snapshot: s, ctx: ctx, input: in, now: time.Unix(doc.Now, 0)}
	trace := Trace{Package: s.contract.pkg}
	result, err := s.Evaluate(ctx, doc)
	trace.Result, trace.Fault = result, forAuthor(err)
	trace.Ways = t.ways(s.pkg.Append(ast.StringTerm(outAllow)), maxDepth)
	return trace, ctx.Err()
}

// maxDepth is how many rules deep a trace follows the rules that a condition asks.
const maxDepth = 5

type tracer struct {
	snapshot *Snapshot
	ctx      context.Context
	input    ast.Value
	now      time.Time
}

// ways tells of all definitions of the rule at a place below data. Functions are left
// out: how they come out depends on who calls.
func (t *tracer) ways(ref ast.Ref, depth int) []Way {
	if depth == 0 {
		return nil
	}
	var ways []Way
	for _, d := range t.snapshot.definitions(ref) {
		if len(d.rule.Head.Args) == 0 && !d.rule.Default {
			ways = append(ways, t.chain(d, depth)...)
		}
	}
	return ways
}

// chain follows a rule along its else until one holds.
func (t *tracer) chain(d definition, depth int) []Way {
	var ways []Way
	for ; d.rule != nil; d.rule = d.rule.Else {
		w := t.way(d, depth)
		ways = append(ways, w)
		if w.Held() {
			break
		}
	}
	return ways
}

// way evaluates ever longer beginnings of a rule's body. The first that is undefined
// ends with the condition that no evaluation got past, whatever its variables were.
func (t *tracer) way(d definition, depth int) Way {
	w := d.way()
	body := d.rule.Body
	for n := 1; n <= len(body); n++ {
		held, err := t.holds(d, body[:n])
		if unsafeVars(err) && n < len(body) {
			continue // a variable gets its value further on
		}
		if !held {
			w.Failed, w.Passed = t.condition(d, body[n-1], err, depth), n-1
			return w
		}
	}
	w.Value, w.Passed = t.value(d), len(body)
	return w
}

func (t *tracer) holds(d definition, body ast.Body) (bool, error) {
	values, err := t.eval(d, ast.BooleanTerm(true), body)
	return len(values) > 0, err
}

// eval gives the values of a term for which conditions hold, as if both stood in the
// module of the definition. A query of its own would count false as a result.
func (t *tracer) eval(d definition, term *ast.Term, body ast.Body) ([]ast.Value, error) {
	all := ast.SetComprehensionTerm(term.Copy(), body.Copy())
	query, err := t.snapshot.policy.rego(
		rego.ParsedQuery(ast.NewBody(ast.Equality.Expr(ast.VarTerm(resultVar), all))),
		rego.ParsedPackage(d.module.Package),
		rego.ParsedImports(d.module.Imports),
	).PrepareForEval(t.ctx)
	if err != nil {
		return nil, err
	}
	set, err := query.Eval(t.ctx, rego.EvalParsedInput(t.input), rego.EvalTime(t.now))
	if err != nil || len(set) == 0 {
		return nil, err
	}
	var values []ast.Value
	set[0].Bindings[resultVar].(ast.Set).Foreach(func(v *ast.Term) { values = append(values, v.Value) })
	return values, nil
}

func unsafeVars(err error) bool {
	var list ast.Errors
	return errors.As(err, &list) && slices.ContainsFunc(list, func(e *ast.Error) bool { return e.Code == ast.UnsafeVarErr })
}

// value is what a definition whose body holds gives: of a partial set its elements.
func (t *tracer) value(d definition) string {
	term := d.rule.Head.Value
	if d.rule.Head.Key != nil && term == nil {
		term = d.rule.Head.Key
	}
	if term == nil {
		return "true"
	}
	values, err := t.eval(d, term, d.rule.Body)
	if err != nil || len(values) == 0 {
		return ""
	}
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = v.String()
	}
	return strings.Join(texts, ", ")
}

func (t *tracer) condition(d definition, expr *ast.Expr, err error, depth int) *Condition {
	c := &Condition{
		File: expr.Location.File,
		Line: expr.Location.Row,
		Text: sourceText(expr.Location),
	}
	if err != nil {
		c.Fault = oneLine(forAuthor(fault(t.ctx, err)).Error())
	}
	a := asked{snapshot: t.snapshot, seen: map[*ast.Rule]bool{}}
	a.expr(d, expr)
	for _, path := range a.paths() {
		c.Reads = append(c.Reads, t.read(path))
	}
	for _, ref := range a.rules {
		c.Rules = append(c.Rules, t.ways(ref, depth-1)...)
	}
	return c
}

// sourceText is the source of an expression on one line, without its comments.
func sourceText(l *ast.Location) string {
	lines := strings.Split(string(l.Text), "\n")
	for i, line := range lines {
		if before, _, found := strings.Cut(line, " # "); found && !strings.ContainsAny(line, "\"`") {
			lines[i] = before
		}
	}
	return oneLine(strings.Join(lines, " "))
}

// read looks a place of the input up.
func (t *tracer) read(path ast.Ref) Read {
	r := Read{Path: path.String()}
	found, err := t.input.Find(path[1:])
	if err != nil {
		return r
	}
	r.Present = true
	r.Value, _ = ast.JSON(found)
	return r
}
