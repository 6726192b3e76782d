package cases

import (
	"encoding/json"
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"

	"stepup/sidecar/access"
)

// A Case is one file: a question with the facts of its token, the moment, and the answer.
type Case struct {
	Name string `yaml:"-"` // of its file, without the ending
	File string `yaml:"-"`
	Line int    `yaml:"-"` // where expect stands

	Description string         `yaml:"description"`
	Source      string         `yaml:"source"`  // where the provider documents such a token, and when that was looked up
	Now         int64          `yaml:"now"`     // the clock, in seconds since 1970
	Issuer      map[string]any `yaml:"issuer"`  // an entry of issuers, as it is configured; nil: those of the configuration
	Token       *Token         `yaml:"token"`   // nil: none is presented
	Policy      Policy         `yaml:"policy"`  // zero: the one under test
	Headers     map[string]any `yaml:"headers"` // as it is configured; nil: the default
	Request     map[string]any `yaml:"request"` // the question as it is posted, less the token
	Body        *string        `yaml:"body"`    // instead of a request: posted as it stands
	Expect      Expectation    `yaml:"expect"`
}

// A Token is what a token is made of. Its times are absolute.
type Token struct {
	Text     string         `yaml:"text" json:"text,omitempty"`           // a literal text instead of facts
	Header   map[string]any `yaml:"header" json:"header,omitempty"`       // kid is added, unless it is there
	Claims   any            `yaml:"claims" json:"claims,omitempty"`       // the whole payload; a string is JSON as it stands
	SignedBy string         `yaml:"signed_by" json:"signed_by,omitempty"` // issuer (default), stranger (another key, the issuer's kid), nobody (no signature)
}

// A Policy is what a case needs of the configuration's policy.
type Policy struct {
	Folder    string `yaml:"folder"` // below testdata/policies, in the corpus
	Package   string `yaml:"package"`
	Anonymous bool   `yaml:"anonymous"`
	Deadline  string `yaml:"deadline"` // empty: long enough for a slow machine
	Watch     bool   `yaml:"watch"`    // as serve --watch, which waits for a policy that loads
}

// An Expectation is the answer.
type Expectation struct {
	Outcome     string            `yaml:"outcome"` // allow, deny, step_up or fault
	Reasons     []Reason          `yaml:"reasons"`
	Subject     string            `yaml:"subject"` // user or client
	Assurance   *Assurance        `yaml:"assurance"`
	Invalid     []string          `yaml:"invalid"`     // claims of the wrong type; the corpus's Rego test looks at them
	HTTP        *HTTP             `yaml:"http"`        // nil on a fault
	ValidUntil  any               `yaml:"valid_until"` // a number, or absent; nil: not looked at
	Obligations []any             `yaml:"obligations"`
	Headers     map[string]string `yaml:"headers"`
	StepUp      map[string]any    `yaml:"step_up"` // as it is answered
	Problem     *Problem          `yaml:"problem"` // of a fault
}

// Assurance is what the login is taken for.
type Assurance struct {
	Level    string   `yaml:"level" json:"level"`
	Levels   []string `yaml:"levels" json:"levels"`
	Methods  []string `yaml:"methods" json:"methods"`
	AuthTime int64    `yaml:"auth_time" json:"auth_time"`
}

// HTTP is what a resource server would answer.
type HTTP struct {
	Status          int      `yaml:"status" json:"status"`
	WWWAuthenticate []string `yaml:"www_authenticate" json:"www_authenticate"`
}

// A Problem is what is answered where no decision could be made.
type Problem struct {
	Status int `yaml:"status"`
}

// A Reason is written as a code of ours, whose sentence is fixed, or as a policy's own code
// with its message.
type Reason struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (r *Reason) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		row, ours := access.Lookup(access.Code(node.Value))
		if !ours {
			return fmt.Errorf("line %d: %q is no code of ours; a policy's own is written with its message", node.Line, node.Value)
		}
		*r = Reason{node.Value, row.Message}
		return nil
	}
	var own map[string]string
	if err := node.Decode(&own); err != nil {
		return err
	}
	if len(own) != 1 {
		return fmt.Errorf("line %d: a reason is one code", node.Line)
	}
	for code, message := range own {
		*r = Reason{code, message}
	}
	return nil
}

// Question is the body to post: what the case asks, with its token signed by sign.
func (c Case) Question(sign func(Token) (string, error)) ([]byte, error) {
	if c.Body != nil {
		return []byte(*c.Body), nil
	}
	question := map[string]any{}
	for member, value := range c.Request {
		question[member] = value
	}
	if c.Token != nil {
		text := c.Token.Text
		if text == "" {
			var err error
			if text, err = sign(*c.Token); err != nil {
				return nil, fmt.Errorf("signing the token: %w", err)
			}
		}
		question["token"] = text
	}
	return json.Marshal(question)
}

// check says what is wrong with a case, so that no slip of the pen makes one that expects
// nothing.
func (c Case) check() error {
	switch {
	case c.Description == "" || c.Now == 0:
		return errors.New("description and now are required")
	case (c.Body == nil) == (c.Request == nil):
		return errors.New("either request or body is required")
	case c.Token != nil && (c.Token.Text == "") == (c.Token.Claims == nil):
		return errors.New("a token has either text or claims")
	case c.Token != nil && c.Request["token"] != nil:
		return errors.New("the token stands beside request, not in it")
	case c.Policy.Folder != "" && c.Policy.Package == "":
		return errors.New("policy.package is required with a folder")
	}
	return nil
}

func (e Expectation) check() error {
	fault := e.Outcome == "fault"
	switch e.Outcome {
	case "allow", "deny", "step_up", "fault":
	default:
		return fmt.Errorf("expect.outcome is %q; it is allow, deny, step_up or fault", e.Outcome)
	}
	switch {
	case e.Reasons == nil:
		return errors.New("expect.reasons is required, if only as []")
	case fault != (e.Problem != nil) || fault && e.HTTP != nil:
		return errors.New("a fault has expect.problem, and nothing else does")
	case (e.Outcome == "allow") != (len(e.Reasons) == 0):
		return errors.New("expect.reasons: an allow has no reasons, everything else at least one")
	case (e.Outcome == "step_up") != (len(e.StepUp) > 0):
		return errors.New("a step-up says which in expect.step_up, and nothing else does")
	case e.Assurance != nil && (e.Assurance.Levels == nil || e.Assurance.Methods == nil):
		return errors.New("expect.assurance is complete: level, levels, methods and auth_time")
	case e.HTTP != nil && e.HTTP.WWWAuthenticate == nil:
		return errors.New("expect.http.www_authenticate is required, if only as []")
	}
	return nil
}

// Whole says what a case leaves open; nil: nothing. The corpus must say everything.
func (c Case) Whole() error {
	e := c.Expect
	switch verified := e.Assurance != nil; {
	case c.Issuer == nil:
		return errors.New("issuer is required")
	case verified != (e.Subject != ""):
		return errors.New("expect.assurance and expect.subject go together")
	case verified && c.Token == nil:
		return errors.New("expect.assurance is of a token")
	case e.Problem == nil && e.HTTP == nil:
		return errors.New("expect.http is required")
	}
	return nil
}
