package explain

import (
	"stepup/sidecar/access"
	"stepup/sidecar/policy"
)

// An Explanation is a decision with the reasons behind its reasons. Its JSON form is for
// tools; [Explanation.Text] is for people.
type Explanation struct {
	Outcome   string    `json:"outcome"`
	Reasons   []Reason  `json:"reasons"`
	Assurance Assurance `json:"assurance"`
	Revision  string    `json:"revision,omitempty"`
	Policy    *Policy   `json:"policy,omitempty"` // absent: the policy was not asked
	Logins    *Logins   `json:"logins,omitempty"` // absent: no other login was tried; see [Explanation.Seek]

	told access.Outcome // for people: Outcome has no word for a fault
}

// A Reason is why it was refused; Meaning is for the author, and empty for a policy's own.
type Reason struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Meaning string `json:"meaning,omitempty"`
}

// Assurance is what the token told of the login.
type Assurance struct {
	Level    string   `json:"level"`
	Levels   []string `json:"levels"`
	Methods  []string `json:"methods"`
	AuthTime int64    `json:"auth_time"` // 0: not told
}

// Policy is what the policy's rules made of the document.
type Policy struct {
	Package string `json:"package"`
	Allow   bool   `json:"allow"`
	Fault   string `json:"fault,omitempty"`
	Rules   []Rule `json:"rules"` // the definitions of allow
}

// A Rule is one definition of a rule and how it came out.
type Rule struct {
	Rule        string     `json:"rule"`
	Title       string     `json:"title,omitempty"`
	Description string     `json:"description,omitempty"`
	File        string     `json:"file"`
	Line        int        `json:"line"`
	Held        bool       `json:"held"`
	Value       string     `json:"value,omitempty"`  // as Rego writes it
	Failed      *Condition `json:"failed,omitempty"` // the first condition that did not hold
}

// A Condition did not hold, or could not be evaluated.
type Condition struct {
	File   string  `json:"file"`
	Line   int     `json:"line"`
	Text   string  `json:"text"`
	Fault  string  `json:"fault,omitempty"`
	Inputs []Input `json:"inputs"`          // what of the document it looked at
	Rules  []Rule  `json:"rules,omitempty"` // the rules that it asked
}

// An Input is one place of the document.
type Input struct {
	Path    string `json:"path"`
	Present bool   `json:"present"`
	Value   any    `json:"value"`
}

// New explains a decision. The trace is that of the same document under the same
// snapshot; nil if the policy was not asked.
func New(d access.Decision, t *policy.Trace) Explanation {
	e := Explanation{
		Outcome:   d.Outcome.String(),
		Reasons:   []Reason{},
		Assurance: Assurance{d.Assurance.Level, d.Assurance.Levels, d.Assurance.Methods, d.Assurance.AuthTime},
		Revision:  d.Revision,
		told:      d.Outcome,
	}
	for _, r := range d.Reasons {
		row, _ := access.Lookup(r.Code)
		e.Reasons = append(e.Reasons, Reason{string(r.Code), r.Message, row.Meaning})
	}
	if t != nil {
		e.Policy = explainPolicy(*t)
	}
	return e
}

func explainPolicy(t policy.Trace) *Policy {
	p := &Policy{Package: t.Package, Allow: t.Result.Allow, Rules: explainRules(t.Ways)}
	if t.Fault != nil {
		p.Fault = t.Fault.Error()
	}
	return p
}

func explainRules(ways []policy.Way) []Rule {
	rules := []Rule{}
	for _, w := range ways {
		rules = append(rules, Rule{
			Rule: w.Rule, Title: w.Title, Description: w.Description, File: w.File, Line: w.Line,
			Held: w.Held(), Value: w.Value, Failed: explainCondition(w.Failed),
		})
	}
	return rules
}

func explainCondition(c *policy.Condition) *Condition {
	if c == nil {
		return nil
	}
	inputs := []Input{}
	for _, r := range c.Reads {
		inputs = append(inputs, Input(r))
	}
	return &Condition{File: c.File, Line: c.Line, Text: c.Text, Fault: c.Fault, Inputs: inputs, Rules: explainRules(c.Rules)}
}
