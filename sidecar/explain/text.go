package explain

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"

	"stepup/sidecar/access"
)

// Text tells the explanation to a person, without colours and ending in a newline.
func (e Explanation) Text() string {
	w := &writer{}
	w.line(0, "%s", e.headline())
	for _, r := range e.Reasons {
		w.line(1, "%s: %s", r.Code, r.Message)
		w.optional(2, r.Meaning)
	}
	w.line(1, "signed in: %s", e.Assurance.text())
	if e.Revision != "" {
		w.line(1, "policy: %s", e.Revision)
	}
	if e.Policy == nil {
		w.line(1, "The policy was not asked.")
		return w.String()
	}
	e.Policy.write(w)
	return w.String()
}

func (e Explanation) headline() string {
	text := Headline(e.told)
	if e.told == access.Indeterminate && e.Policy != nil && e.Policy.Fault != "" {
		text += ": the policy is at fault"
	}
	return text
}

// Headline is an outcome as a person says it. That there is none is told apart from a refusal,
// which callers are not told.
func Headline(o access.Outcome) string {
	if o == access.Indeterminate {
		return "no decision"
	}
	return strings.ReplaceAll(o.String(), "_", " ")
}

func (a Assurance) text() string {
	text := a.Level
	if len(a.Levels) > 1 {
		text += " (" + strings.Join(a.Levels, ", ") + ")"
	}
	if len(a.Methods) > 0 {
		text += " by " + strings.Join(a.Methods, ", ")
	}
	if a.AuthTime == 0 {
		return text + ", at an unknown time"
	}
	return text + " at " + time.Unix(a.AuthTime, 0).UTC().Format(time.RFC3339)
}

func (p *Policy) write(w *writer) {
	if p.Fault != "" {
		w.line(1, "%s", p.Fault)
	}
	w.blank()
	w.line(0, "%s", p.summary())
	for _, r := range p.Rules {
		w.blank()
		r.write(w, 1)
	}
}

// summary says what to look for in what follows.
func (p *Policy) summary() string {
	switch {
	case p.Fault != "":
		return fmt.Sprintf("What each rule of the package %s came to:", p.Package)
	case len(p.Rules) == 0 && p.Allow:
		return fmt.Sprintf("The default of the package %s allowed it.", p.Package)
	case len(p.Rules) == 0:
		return fmt.Sprintf("The package %s has no way to allow.", p.Package)
	case p.Allow:
		return fmt.Sprintf("A rule of the package %s allowed it.", p.Package)
	default:
		return fmt.Sprintf("No rule of the package %s allowed it. What failed first in each:", p.Package)
	}
}

func (r Rule) write(w *writer, depth int) {
	mark := "no "
	if r.Held {
		mark = "yes"
	}
	w.line(depth, "%s %s  %s:%d%s", mark, r.Rule, r.File, r.Line, r.told())
	w.optional(depth+1, r.Title)
	w.optional(depth+1, r.Description)
	if r.Failed != nil {
		r.Failed.write(w, depth+1)
	}
}

// told is the value of a rule that held, unless it is the one that everybody expects.
func (r Rule) told() string {
	if !r.Held || r.Value == "true" {
		return ""
	}
	return "  gave " + r.Value
}

func (c *Condition) write(w *writer, depth int) {
	w.line(depth, "%s  %s:%d", c.Text, c.File, c.Line)
	w.optional(depth+1, c.Fault)
	for _, i := range c.Inputs {
		w.line(depth+1, "%s is %s", i.Path, i.text())
	}
	for _, r := range c.Rules {
		r.write(w, depth+1)
	}
}

// longest is how much of a value is shown; the JSON form shows all of it.
const longest = 200

func (i Input) text() string {
	if !i.Present {
		return "not there"
	}
	text, err := json.Marshal(i.Value)
	if err != nil {
		return "not to be shown: " + err.Error()
	}
	if runes := []rune(string(text)); len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return string(text)
}

// A writer writes indented lines. What comes from tokens and callers cannot break out of
// its line or steer the terminal.
type writer struct{ strings.Builder }

func (w *writer) line(depth int, format string, args ...any) {
	text := strings.Map(Harmless, fmt.Sprintf(format, args...))
	w.WriteString(strings.Repeat("  ", depth) + text + "\n")
}

// Harmless is for [strings.Map]: it replaces what could end a line or steer a terminal,
// which is controls, invisible formatting such as another direction of writing, and the
// separators of lines and paragraphs.
func Harmless(r rune) rune {
	if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
		return unicode.ReplacementChar
	}
	return r
}

// optional is a line that is left out when there is nothing to say.
func (w *writer) optional(depth int, text string) {
	if text != "" {
		w.line(depth, "%s", text)
	}
}

func (w *writer) blank() { w.WriteString("\n") }
