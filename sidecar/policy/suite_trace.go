package policy

import (
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// A Coverage is how much of the policy's rules was evaluated: tests and samples do not count.
type Coverage struct {
	Covered, NotCovered int // lines
	Gaps                []Gap
}

// Percent is 100 where there is nothing to cover.
func (c Coverage) Percent() float64 {
	if c.Covered+c.NotCovered == 0 {
		return 100
	}
	return 100 * float64(c.Covered) / float64(c.Covered+c.NotCovered)
}

// A Gap is lines that nothing evaluated, the last included.
type Gap struct {
	File     string
	From, To int
}

// suiteTracer watches tests while they run, one at a time: what they cover, where they fail,
// and what they give the policy as input. The next test may begin before what came of the
// one before is looked at.
type suiteTracer struct {
	cover *cover.Cover

	mu     sync.Mutex
	inputs *givenInputs
	test   *ast.Location // of the test that runs; nil: none yet
	query  uint64        // its body
	at     *ast.Location // where in it
	failed map[string]Failure
}

func newSuiteTracer(c *checker) (*suiteTracer, error) {
	inputs, err := newGivenInputs(c)
	return &suiteTracer{cover: cover.New(), inputs: inputs, failed: map[string]Failure{}}, err
}

// Enabled implements [topdown.QueryTracer].
func (*suiteTracer) Enabled() bool { return true }

// Config implements [topdown.QueryTracer].
func (*suiteTracer) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

// TraceEvent implements [topdown.QueryTracer].
func (t *suiteTracer) TraceEvent(e topdown.Event) {
	t.cover.TraceEvent(e)
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.Op == topdown.IndexOp && e.Ref != nil {
		t.inputs.see(*e.Ref, e.Input(), t.at) // where no rule is worth entering
	}
	switch node := e.Node.(type) {
	case *ast.Rule:
		if e.Op == topdown.EnterOp {
			t.enter(e, node)
		}
	case *ast.Expr:
		t.expression(e, node)
	}
}

func (t *suiteTracer) enter(e topdown.Event, rule *ast.Rule) {
	if isTestRule(rule) {
		t.test, t.at, t.query = rule.Loc(), rule.Loc(), e.QueryID
		return
	}
	if rule.Module != nil {
		t.inputs.see(rule.Module.Package.Path, e.Input(), t.at)
	}
}

func (t *suiteTracer) expression(e topdown.Event, x *ast.Expr) {
	if t.test == nil || e.QueryID != t.query {
		return
	}
	if x.Location.HasFile() {
		t.at = x.Location
	}
	if e.Op == topdown.FailOp && x.Location.HasFile() {
		t.failed[t.test.String()] = failureOf(e, x)
	}
}

// isTestRule reports whether OPA's tester takes a rule for a test.
func isTestRule(rule *ast.Rule) bool {
	for _, t := range rule.Head.Ref().GroundPrefix() {
		name := strings.Trim(t.Value.String(), `"`)
		if strings.HasPrefix(name, tester.TestPrefix) {
			return true
		}
	}
	return false
}

// failureOf tells a condition that was not met, and where it compares, with what.
func failureOf(e topdown.Event, x *ast.Expr) Failure {
	f := Failure{File: shown(x.Location.File), Line: x.Location.Row, Text: strings.TrimSpace(string(x.Location.Text))}
	if f.Text == "" {
		f.Text = x.String()
	}
	switch {
	case x.Negated:
		f.Got, f.Want = "true", "false or undefined"
	case x.IsCall() && len(x.Operands()) == 2 && among(operator(x.Terms.([]*ast.Term)), "equal", "eq"):
		f.Got, f.Want = plugged(e, x.Operand(0)), plugged(e, x.Operand(1))
	case !x.IsCall():
		f.Got, f.Want = "false or undefined", "true"
	}
	return f
}

// plugged is a value as the test saw it.
func plugged(e topdown.Event, t *ast.Term) string {
	const most = 2000
	text := e.Plug(t).String()
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}

// result takes what the tester found, with what was seen meanwhile.
func (t *suiteTracer) result(r *tester.Result) TestResult {
	one := TestResult{
		Package: strings.TrimPrefix(r.Package, "data."), Name: r.Name, Passed: r.Pass(), Skipped: r.Skip,
		Took: r.Duration, Output: string(r.Output),
	}
	if r.Location != nil {
		one.File, one.Line = shown(r.Location.File), r.Location.Row
	}
	if !one.Passed && !one.Skipped {
		one.Failure = t.failure(r, one)
	}
	return one
}

func (t *suiteTracer) failure(r *tester.Result, one TestResult) Failure {
	t.mu.Lock()
	defer t.mu.Unlock()
	var f Failure
	if r.Location != nil {
		f = t.failed[r.Location.String()]
	}
	if r.Error != nil {
		f = Failure{Text: r.Error.Error()}
	}
	if f.File == "" {
		f.File, f.Line = one.File, one.Line
	}
	if f.Text == "" {
		f.Text = "it is not true"
	}
	for name, part := range r.SubResults.Iter {
		if part.Fail && len(part.SubResults) == 0 {
			f.Cases = append(f.Cases, strings.Join(name, ", "))
		}
	}
	return f
}

// coverage counts lines of rules only.
func (t *suiteTracer) coverage(rules map[string]*ast.Module) Coverage {
	var all Coverage
	report := t.cover.Report(rules)
	for _, file := range keys(rules) {
		f := report.Files[file]
		if f == nil {
			continue
		}
		all.Covered += f.CoveredLines
		all.NotCovered += f.NotCoveredLines
		all.Gaps = append(all.Gaps, gapsOf(shown(file), f.NotCovered)...)
	}
	return all
}

// gapsOf joins ranges that leave no line between them.
func gapsOf(file string, ranges []cover.Range) []Gap {
	var gaps []Gap
	for _, r := range ranges {
		if last := len(gaps) - 1; last >= 0 && r.Start.Row <= gaps[last].To+1 {
			gaps[last].To = max(gaps[last].To, r.End.Row)
			continue
		}
		gaps = append(gaps, Gap{file, r.Start.Row, r.End.Row})
	}
	return gaps
}
