package explain

import (
	"encoding/json"
	"fmt"
	"strings"

	"stepup/sidecar/access"
)

// Text tells what became of the logins that were tried; empty if none was.
func (l *Logins) Text() string {
	if l == nil || len(l.Logins) == 0 {
		return ""
	}
	w := &writer{}
	w.line(0, "Had the person just signed in, by each login of the vocabulary %s, weakest first:", l.Vocabulary)
	for _, one := range l.Logins {
		w.blank()
		one.write(w, 1)
	}
	if !l.TimeTold {
		w.blank()
		w.line(0, "Tokens of this vocabulary never tell when the login was, so no new login meets a condition on its age.")
	}
	return w.String()
}

func (l Login) write(w *writer, depth int) {
	w.line(depth, "%d. %s  %s", l.Number, l.Level, l.told())
	w.line(depth+1, "%s", l.verdict())
	if !l.Rule.tellsFault() {
		w.optional(depth+2, l.Fault)
	}
	l.writeRule(w, depth+2)
	l.Mends.write(w, depth+1)
	l.Limit.write(w, depth+1, l.MaxAge)
}

// told is what a token tells after the login.
func (l Login) told() string {
	var members []string
	for _, claims := range l.Claims {
		members = append(members, claimsText(claims))
	}
	text := strings.Join(members, " or ")
	if len(l.Scopes) > 0 {
		text += ", with the scope " + strings.Join(l.Scopes, " ")
	}
	return text
}

func claimsText(claims access.Object) string {
	if text, err := json.Marshal(claims); err == nil {
		return string(text)
	}
	return "claims that cannot be shown"
}

func (l Login) verdict() string {
	switch l.Verdict {
	case WouldDo:
		if l.MaxAge == nil {
			return "would do, at any age, by"
		}
		return fmt.Sprintf("would do for %d s, by", *l.MaxAge)
	case TooShort:
		return fmt.Sprintf("would do for %d s only, in which nobody comes back from signing in, by", *l.MaxAge)
	case AtFault:
		return "does not count, because the policy is at fault for it"
	}
	if l.Rule == nil {
		return "would not do"
	}
	return "would not do; what comes closest is"
}

// writeRule names the rule that decides about the login; what it is for stands further up.
func (l Login) writeRule(w *writer, depth int) {
	if l.Rule == nil {
		return
	}
	w.line(depth, "%s  %s:%d%s", l.Rule.Rule, l.Rule.File, l.Rule.Line, inBrackets(l.Rule.Title))
	if l.Rule.Failed != nil {
		l.Rule.Failed.write(w, depth+1)
	}
}

// tellsFault reports that the condition at which the rule ends says what is at fault.
func (r *Rule) tellsFault() bool { return r != nil && r.Failed != nil && r.Failed.Fault != "" }

func inBrackets(title string) string {
	if title == "" {
		return ""
	}
	return "  (" + title + ")"
}

func (c *Change) write(w *writer, depth int) {
	if c == nil {
		return
	}
	w.line(depth, "meets what the present login fails:")
	w.line(depth+1, "%s  %s:%d", c.Failed.Text, c.Failed.File, c.Failed.Line)
	now := map[string]Input{}
	c.Failed.collect(now)
	for _, then := range c.Then {
		before, after := now[then.Path].text(), then.text()
		if before == after {
			w.line(depth+2, "%s stays %s", then.Path, after)
			continue
		}
		w.line(depth+2, "%s is %s, then %s", then.Path, before, after)
	}
}

// collect gathers what a condition looked at, and the rules that it asks.
func (c *Condition) collect(into map[string]Input) {
	for _, i := range c.Inputs {
		into[i.Path] = i
	}
	for _, r := range c.Rules {
		if r.Failed != nil {
			r.Failed.collect(into)
		}
	}
}

func (l *Limit) write(w *writer, depth int, maxAge *int64) {
	switch {
	case l == nil:
	case l.Refused != nil:
		w.line(depth, "is refused at %d s by", *maxAge+1)
		l.Refused.write(w, depth+1)
	case l.Misread != nil:
		w.line(depth, "%d s is what is safe, since the age is used in a way that is not understood:", *maxAge)
		w.line(depth+1, "%s  %s:%d", l.Misread.Text, l.Misread.File, l.Misread.Line)
	default:
		w.line(depth, "%d s is what is safe, since the age is used in a way that is not understood", *maxAge)
	}
}
