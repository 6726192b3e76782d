package main

import (
	"fmt"
	"io"
	"strings"

	"stepup/sidecar"
	"stepup/sidecar/policy"
)

// A testReport is what a folder's tests came to.
type testReport struct {
	rego     *policy.SuiteReport
	trials   []sidecar.Trial
	unread   error // which cases cannot be read, so that nothing was run; nil: all can
	coverage bool
}

// ran counts what was run; what is skipped was not.
func (r *testReport) ran() int {
	n := len(r.trials)
	for _, one := range r.rego.Tests {
		if !one.Skipped {
			n++
		}
	}
	return n
}

func (r *testReport) skipped() int { return len(r.rego.Tests) + len(r.trials) - r.ran() }

// failures counts Rego tests and cases that failed.
func (r *testReport) failures() int {
	n := 0
	for _, one := range r.rego.Tests {
		if !one.Passed && !one.Skipped {
			n++
		}
	}
	for _, one := range r.trials {
		if !one.Passed() {
			n++
		}
	}
	return n
}

func (r *testReport) failed() bool {
	return r.unread != nil || r.failures() > 0 || len(r.rego.Broken) > 0 || len(r.rego.Inputs) > 0
}

// tell writes every failure with its place, then one line that sums up.
func (r *testReport) tell(w io.Writer) error {
	var b strings.Builder
	for _, f := range append(r.rego.Broken, r.rego.Inputs...) {
		f.File = onOneLine(f.File)
		fmt.Fprintln(&b, f)
	}
	for _, one := range r.rego.Tests {
		if !one.Passed && !one.Skipped {
			tellTest(&b, one)
		}
	}
	for _, one := range r.trials {
		if !one.Passed() {
			tellTrial(&b, one)
		}
	}
	r.sum(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func tellTest(b *strings.Builder, t policy.TestResult) {
	f := t.Failure
	fmt.Fprintf(b, "%s:%d: FAIL %s.%s\n", onOneLine(f.File), f.Line, t.Package, onOneLine(t.Name))
	tellIndented(b, f.Text)
	if f.Got != "" {
		fmt.Fprintf(b, "    got   %s\n    want  %s\n", onOneLine(f.Got), onOneLine(f.Want))
	}
	for _, name := range f.Cases {
		fmt.Fprintf(b, "    fails for  %s\n", onOneLine(name))
	}
	if t.Output != "" {
		b.WriteString("  printed\n")
		tellIndented(b, t.Output)
	}
}

func tellTrial(b *strings.Builder, t sidecar.Trial) {
	fmt.Fprintf(b, "%s:%d: FAIL %s\n", onOneLine(t.Case.File), t.Case.Line, onOneLine(t.Case.Name))
	tellIndented(b, t.Case.Description)
	for _, d := range t.Differences {
		fmt.Fprintf(b, "  %s\n    got   %s\n    want  %s\n", onOneLine(d.Member), onOneLine(d.Got), onOneLine(d.Want))
	}
	if t.Err != nil {
		tellIndented(b, t.Err.Error())
	}
	if t.Detail != "" {
		fmt.Fprintf(b, "  because  %s\n", onOneLine(t.Detail))
	}
}

// tellIndented writes a text of several lines.
func tellIndented(b *strings.Builder, text string) {
	for _, line := range strings.Split(strings.ReplaceAll(strings.TrimSpace(text), "\t", "  "), "\n") {
		fmt.Fprintf(b, "  %s\n", onOneLine(strings.TrimRight(line, " \t\r")))
	}
}

// sum is the last line, and the coverage if it was asked for.
func (r *testReport) sum(b *strings.Builder) {
	if len(r.rego.Broken) > 0 {
		b.WriteString("FAILED: nothing was run, for the policy or its tests are broken\n")
		return
	}
	if r.unread != nil {
		return // it says so itself
	}
	if r.coverage {
		r.tellCoverage(b)
	}
	if r.ran() == 0 && !r.failed() {
		return // an error says so
	}
	word := "passed:"
	switch {
	case r.failures() > 0:
		word = fmt.Sprintf("FAILED: %d of", r.failures())
	case r.failed():
		word = "FAILED: tests of what never happens among"
	}
	fmt.Fprintf(b, "%s %s", word, r.kinds())
	if n := r.skipped(); n > 0 {
		fmt.Fprintf(b, ", %d skipped", n)
	}
	b.WriteString("\n")
}

// kinds counts what was run. A kind of which there is none is left out beside the other.
func (r *testReport) kinds() string {
	rego, trials := r.ran()-len(r.trials), len(r.trials)
	switch {
	case rego == 0 && trials > 0:
		return counted(trials, "case")
	case trials == 0 && rego > 0:
		return counted(rego, "Rego test")
	}
	return counted(rego, "Rego test") + " and " + counted(trials, "case")
}

func (r *testReport) tellCoverage(b *strings.Builder) {
	c := r.rego.Coverage
	for _, gap := range c.Gaps {
		place := fmt.Sprintf("%s:%d", onOneLine(gap.File), gap.From)
		if gap.To > gap.From {
			place += fmt.Sprintf("-%d", gap.To)
		}
		fmt.Fprintf(b, "%s: not evaluated by any test\n", place)
	}
	fmt.Fprintf(b, "coverage %.1f %%: %d of %d lines of rules\n", c.Percent(), c.Covered, c.Covered+c.NotCovered)
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
