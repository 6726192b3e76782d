package main

import (
	"encoding/xml"
	"fmt"
	"os"
	"strings"
	"time"

	"stepup/sidecar"
	"stepup/sidecar/policy"
)

// The report as JUnit's XML, as CI systems read it.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		File    string        `xml:"file,attr"`
		Line    int           `xml:"line,attr"`
		Time    string        `xml:"time,attr"`
		Skipped *struct{}     `xml:"skipped"`
		Failure *junitFailure `xml:"failure"`
		took    time.Duration
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// writeJUnit writes the report, in place of one that is there.
func (r *testReport) writeJUnit(file string) error {
	text, err := xml.MarshalIndent(r.junit(), "", "  ")
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if err := os.WriteFile(file, append([]byte(xml.Header), append(text, '\n')...), 0o666); err != nil {
		return hinted{fmt.Errorf("writing the report: %w", err), "--junit names a file in a folder that is there"}
	}
	return nil
}

func (r *testReport) junit() junitSuites {
	var policyCases, rego, trials []junitCase
	for _, f := range append(r.rego.Broken, r.rego.Inputs...) {
		policyCases = append(policyCases, findingAsJUnit(f))
	}
	for _, t := range r.rego.Tests {
		rego = append(rego, testAsJUnit(t))
	}
	for _, t := range r.trials {
		trials = append(trials, trialAsJUnit(t))
	}
	if r.unread != nil {
		trials = append(trials, unreadAsJUnit(r.unread))
	}
	all := junitSuites{}
	for _, s := range []junitSuite{suiteOf("policy", policyCases), suiteOf("rego", rego), suiteOf("cases", trials)} {
		if len(s.Cases) > 0 {
			all.Suites = append(all.Suites, s)
			all.Tests, all.Failures, all.Skipped = all.Tests+s.Tests, all.Failures+s.Failures, all.Skipped+s.Skipped
		}
	}
	return all
}

func suiteOf(name string, list []junitCase) junitSuite {
	s := junitSuite{Name: name, Tests: len(list), Cases: list}
	var took time.Duration
	for i, c := range list {
		took += c.took
		list[i].Time = seconds(c.took)
		if c.Failure != nil {
			s.Failures++
		}
		if c.Skipped != nil {
			s.Skipped++
		}
	}
	s.Time = seconds(took)
	return s
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.6f", d.Seconds()) }

func findingAsJUnit(f policy.Finding) junitCase {
	return junitCase{
		Class: "policy", Name: f.Message, File: f.File, Line: f.Line,
		Failure: &junitFailure{Message: f.Message, Text: f.String()},
	}
}

func testAsJUnit(t policy.TestResult) junitCase {
	c := junitCase{Class: t.Package, Name: t.Name, File: t.File, Line: t.Line, took: t.Took}
	switch {
	case t.Skipped:
		c.Skipped = &struct{}{}
	case !t.Passed:
		var b strings.Builder
		tellTest(&b, t)
		c.Failure = &junitFailure{Message: t.Failure.Text, Text: b.String()}
	}
	return c
}

func trialAsJUnit(t sidecar.Trial) junitCase {
	c := junitCase{Class: "cases", Name: t.Case.Name, File: t.Case.File, Line: t.Case.Line, took: t.Took}
	if !t.Passed() {
		var b strings.Builder
		tellTrial(&b, t)
		c.Failure = &junitFailure{Message: t.Case.Description, Text: b.String()}
	}
	return c
}

func unreadAsJUnit(err error) junitCase {
	return junitCase{
		Class: "cases", Name: "cases that cannot be read",
		Failure: &junitFailure{Message: "cases that cannot be read", Text: err.Error()},
	}
}
