package sidecar_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"stepup/sidecar/access"
)

// A corpusCase is one file of testdata/cases: a question, the facts of its token, the
// moment, and the answer. Unknown keys are refused.
type corpusCase struct {
	Description string         `yaml:"description"`
	Source      string         `yaml:"source"`  // where the provider documents such a token, and when that was looked up
	Now         int64          `yaml:"now"`     // the clock, in seconds since 1970
	Issuer      map[string]any `yaml:"issuer"`  // an entry of issuers, as it is configured
	Token       *tokenFacts    `yaml:"token"`   // nil: none is presented
	Policy      policyFacts    `yaml:"policy"`  // zero: the demonstration
	Headers     map[string]any `yaml:"headers"` // as it is configured; nil: the default
	Request     map[string]any `yaml:"request"` // the question as it is posted, less the token
	Body        *string        `yaml:"body"`    // instead of a request: posted as it stands
	Expect      expectation    `yaml:"expect"`
}

// tokenFacts say what a token is made of. Its times are absolute.
type tokenFacts struct {
	Text     string         `yaml:"text" json:"text,omitempty"`           // a literal text instead of facts
	Header   map[string]any `yaml:"header" json:"header,omitempty"`       // kid is added, unless it is there
	Claims   any            `yaml:"claims" json:"claims,omitempty"`       // the whole payload; a string is JSON as it stands
	SignedBy string         `yaml:"signed_by" json:"signed_by,omitempty"` // issuer (default), stranger (another key, the issuer's kid), nobody (no signature)
}

// policyFacts are what a case needs of the configuration's policy.
type policyFacts struct {
	Folder    string `yaml:"folder"` // below testdata/policies; empty: the demonstration
	Package   string `yaml:"package"`
	Anonymous bool   `yaml:"anonymous"`
	Deadline  string `yaml:"deadline"` // empty: long enough for a slow machine
	Watch     bool   `yaml:"watch"`    // as serve --watch, which waits for a policy that loads
}

// An expectation is the answer.
type expectation struct {
	Outcome     string             `yaml:"outcome"` // allow, deny, step_up or fault
	Reasons     []expectedReason   `yaml:"reasons"`
	Subject     string             `yaml:"subject"`     // user or client: goes together with assurance
	Assurance   *expectedAssurance `yaml:"assurance"`   // nil: nobody's, for no token was verified
	Invalid     []string           `yaml:"invalid"`     // claims of the wrong type; the Rego test looks at them
	HTTP        *expectedHTTP      `yaml:"http"`        // nil on a fault
	ValidUntil  any                `yaml:"valid_until"` // a number, or absent; nil: not looked at
	Obligations []any              `yaml:"obligations"`
	Headers     map[string]string  `yaml:"headers"`
	StepUp      map[string]any     `yaml:"step_up"` // as it is answered, whole
	Problem     *expectedProblem   `yaml:"problem"` // of a fault
}

type expectedAssurance struct {
	Level    string   `yaml:"level" json:"level"`
	Levels   []string `yaml:"levels" json:"levels"`
	Methods  []string `yaml:"methods" json:"methods"`
	AuthTime int64    `yaml:"auth_time" json:"auth_time"`
}

type expectedHTTP struct {
	Status          int      `yaml:"status" json:"status"`
	WWWAuthenticate []string `yaml:"www_authenticate" json:"www_authenticate"`
}

type expectedProblem struct {
	Status int `yaml:"status"`
}

// An expectedReason is written as a code of ours, whose sentence is fixed, or as a
// policy's own code with its message.
type expectedReason struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (r *expectedReason) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		row, ours := access.Lookup(access.Code(node.Value))
		if !ours {
			return fmt.Errorf("line %d: %q is no code of ours; a policy's own is written with its message", node.Line, node.Value)
		}
		*r = expectedReason{node.Value, row.Message}
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
		*r = expectedReason{code, message}
	}
	return nil
}

// loadCorpus reads all cases, by name.
func loadCorpus(t *testing.T) map[string]corpusCase {
	t.Helper()
	files, err := filepath.Glob("../testdata/cases/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	corpus := map[string]corpusCase{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		if corpus[name], err = loadCase(file, name); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	return corpus
}

func loadCase(file, name string) (corpusCase, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return corpusCase{}, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	var named map[string]corpusCase
	if err := decoder.Decode(&named); err != nil {
		return corpusCase{}, err
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		return corpusCase{}, errors.New("more than one document in the file")
	}
	c, there := named[name]
	if !there || len(named) != 1 {
		return c, fmt.Errorf("its one top-level key must be %s, as its file is called", name)
	}
	return c, c.check()
}

// check says what is wrong with a case, so that no slip of the pen makes one that
// expects nothing.
func (c corpusCase) check() error {
	e := c.Expect
	verified := e.Assurance != nil
	switch {
	case c.Description == "" || c.Now == 0 || c.Issuer == nil:
		return errors.New("description, now and issuer are required")
	case (c.Body == nil) == (c.Request == nil):
		return errors.New("either request or body is required")
	case c.Token != nil && (c.Token.Text == "") == (c.Token.Claims == nil):
		return errors.New("a token has either text or claims")
	case c.Policy.Folder != "" && c.Policy.Package == "":
		return errors.New("policy.package is required with a folder")
	case verified != (e.Subject != ""):
		return errors.New("expect.assurance and expect.subject go together")
	case verified && (c.Token == nil || e.Assurance.Levels == nil || e.Assurance.Methods == nil):
		return errors.New("expect.assurance is complete, and there is a token")
	case e.Reasons == nil:
		return errors.New("expect.reasons is required")
	}
	return e.check()
}

func (e expectation) check() error {
	fault := e.Outcome == "fault"
	switch e.Outcome {
	case "allow", "deny", "step_up", "fault":
	default:
		return fmt.Errorf("expect.outcome is %q", e.Outcome)
	}
	switch {
	case fault != (e.Problem != nil) || fault == (e.HTTP != nil):
		return errors.New("a fault has a problem, everything else http")
	case (e.Outcome == "allow") != (len(e.Reasons) == 0):
		return errors.New("an allow has no reasons, everything else at least one")
	case (e.Outcome == "step_up") != (e.StepUp != nil):
		return errors.New("a step-up says which, and nothing else does")
	case e.HTTP != nil && e.HTTP.WWWAuthenticate == nil:
		return errors.New("expect.http.www_authenticate is required, if only as []")
	}
	return nil
}

// asJSON brings a value from YAML to what a decoder of JSON makes of it.
func asJSON(t *testing.T, v any) any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var plain any
	if err := decodeJSON(text, &plain); err != nil {
		t.Fatal(err)
	}
	return plain
}

// decodeJSON keeps the digits of numbers, and refuses members that nobody knows.
func decodeJSON(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}
