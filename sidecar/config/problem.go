package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// A Source is a kind of place that values come from, weakest first.
type Source int

// The sources, in the order in which a later one overrides an earlier one.
const (
	Default Source = iota
	File
	Environment
	Flag
)

// An Origin says where a value came from. The zero Origin is a default.
type Origin struct {
	Source Source
	Name   string // of the file, the variable or the flag
	Line   int    // in the file or in a variable's YAML text; 0: not a matter of lines
}

// String writes "default", "file stepup.yaml:12", "environment STEPUP_ISSUERS" or
// "flag --http-address".
func (o Origin) String() string {
	switch o.Source {
	case File:
		return "file " + o.place()
	case Environment:
		return "environment " + o.place()
	case Flag:
		return "flag " + o.place()
	default:
		return "default"
	}
}

// place is the origin as a line of an error begins: "stepup.yaml:12", "STEPUP_ISSUERS".
func (o Origin) place() string {
	name := onOneLine(o.Name)
	switch {
	case o.Source == Default:
		return "default"
	case o.Line > 1 || o.Line == 1 && o.Source == File:
		return fmt.Sprintf("%s:%d", name, o.Line)
	default:
		return name
	}
}

// onOneLine quotes a text that would break the line it is written on.
func onOneLine(s string) string {
	if strings.ContainsFunc(s, unicode.IsControl) || s != strings.ToValidUTF8(s, "") {
		return strconv.Quote(s)
	}
	return s
}

// A Problem is one thing wrong with the configuration.
type Problem struct {
	Path   string // the key, "issuers[0].issuer"; empty: the whole file or variable
	Origin Origin // where the value, or the section that lacks it, was written
	What   string // what is wrong
	Do     string // what to do about it; may be empty
}

// String writes "stepup.yaml:3: http.adress: unknown key; the nearest valid key is http.address".
func (p Problem) String() string {
	line := p.Origin.place() + ": "
	if p.Path != "" {
		line += onOneLine(p.Path) + ": "
	}
	line += p.What
	if p.Do != "" {
		line += "; " + p.Do
	}
	return line
}

// An Error is what [Load] returns for a configuration that cannot be used: all of its
// problems (of a great many the first hundred), those of the file first and by line. There
// is always at least one.
type Error struct {
	Problems []Problem
}

// Error writes one problem per line.
func (e *Error) Error() string {
	lines := make([]string, 0, len(e.Problems))
	for _, p := range e.Problems {
		lines = append(lines, p.String())
	}
	return strings.Join(lines, "\n")
}

// faults collects problems, so that one run tells them all.
type faults []Problem

// maxProblems is the most that one run tells: a file with more is not a configuration.
const maxProblems = 100

// full reports whether no more problems are told.
func (f *faults) full() bool { return len(*f) >= maxProblems }

// add notes a problem.
func (f *faults) add(path string, at Origin, what, do string) {
	if f.full() {
		return
	}
	*f = append(*f, Problem{Path: path, Origin: at, What: what, Do: do})
}

// err is the *Error of what was collected, or nil.
func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	slices.SortStableFunc(f, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(rank(a.Origin), rank(b.Origin)), cmp.Compare(a.Origin.Line, b.Origin.Line))
	})
	return &Error{Problems: f}
}

// rank puts a file's problems first, then the other sources', then those of defaults.
func rank(o Origin) int {
	if o.Source == Default {
		return int(Flag) + 1
	}
	return int(o.Source)
}
