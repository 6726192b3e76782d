package cases

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"

	"stepup/sidecar/access"
)

// An Answer is what a sidecar answered, as its caller reads it, and who was taken to have
// asked. Numbers keep their digits ([json.Number]).
type Answer struct {
	Status      int // of the call itself
	Outcome     string
	Decision    bool
	Reasons     []Reason
	Subject     string // empty unless a token was verified; the wire does not tell
	Assurance   *Assurance
	HTTP        *HTTP
	ValidUntil  any // a number, or "absent"
	Obligations []any
	Headers     map[string]string
	StepUp      map[string]any
}

// Read takes an answer apart, and holds it to what is true of every answer.
func Read(status int, text []byte) (Answer, error) {
	read := readProblem
	if status == http.StatusOK {
		read = readDecision
	}
	a, err := read(text)
	a.Status = status
	if err != nil {
		return a, fmt.Errorf("reading the answer with status %d: %w: %s", status, err, text)
	}
	return a, nil
}

func readDecision(text []byte) (Answer, error) {
	var d struct {
		Outcome     string            `json:"outcome"`
		Decision    bool              `json:"decision"`
		DecisionID  string            `json:"decision_id"`
		Revision    string            `json:"revision"`
		Reasons     []Reason          `json:"reasons"`
		Assurance   *Assurance        `json:"assurance"`
		Obligations []any             `json:"obligations"`
		Headers     map[string]string `json:"headers"`
		HTTP        *HTTP             `json:"http"`
		ValidUntil  any               `json:"valid_until"`
		StepUp      map[string]any    `json:"step_up"`
	}
	if err := decodeJSON(text, &d); err != nil {
		return Answer{}, err
	}
	if d.ValidUntil == nil {
		d.ValidUntil = "absent"
	}
	a := Answer{
		Outcome: d.Outcome, Decision: d.Decision, Reasons: d.Reasons, Assurance: d.Assurance, HTTP: d.HTTP,
		ValidUntil: d.ValidUntil, Obligations: d.Obligations, Headers: d.Headers, StepUp: d.StepUp,
	}
	if d.DecisionID == "" || d.Revision == "" {
		return a, fmt.Errorf("decision_id is %q and revision %q", d.DecisionID, d.Revision)
	}
	return a, nil
}

func readProblem(text []byte) (Answer, error) {
	var p struct {
		Type       string   `json:"type"`
		Title      string   `json:"title"`
		Status     int      `json:"status"`
		Detail     string   `json:"detail"`
		Outcome    string   `json:"outcome"`
		Decision   bool     `json:"decision"`
		Reasons    []Reason `json:"reasons"`
		DecisionID string   `json:"decision_id"`
	}
	if err := decodeJSON(text, &p); err != nil {
		return Answer{}, err
	}
	a := Answer{Outcome: p.Outcome, Decision: p.Decision, Reasons: p.Reasons}
	if p.Type != "about:blank" || p.Title != http.StatusText(p.Status) || p.Detail == "" {
		return a, errors.New("an odd problem document")
	}
	return a, nil
}

// Want is what an expectation means for an answer, where it states something; the rest is
// as it was got.
func (e Expectation) Want(got Answer) (Answer, error) {
	want, err := e.stated(got)
	if err != nil || e.Problem != nil {
		return want, err
	}
	if e.Subject == "" {
		want.Subject = got.Subject
	}
	if e.Assurance == nil {
		want.Assurance = got.Assurance
	}
	if e.HTTP == nil {
		want.HTTP = got.HTTP
	}
	if e.Obligations == nil {
		want.Obligations = got.Obligations
	}
	if e.Headers == nil {
		want.Headers = got.Headers
	}
	for member, value := range got.StepUp {
		if _, states := want.StepUp[member]; !states && want.StepUp != nil {
			want.StepUp[member] = value
		}
	}
	return want, nil
}

// WantWhole is what an expectation means where silence is a statement too, except about
// valid_until: see [Case.Whole].
func (e Expectation) WantWhole(got Answer) (Answer, error) {
	want, err := e.stated(got)
	if err == nil && e.Problem == nil && want.Assurance == nil {
		want.Assurance = &Assurance{Level: access.NoLevel, Levels: []string{}, Methods: []string{}}
	}
	return want, err
}

func (e Expectation) stated(got Answer) (Answer, error) {
	want := Answer{Status: http.StatusOK, Outcome: e.Outcome, Decision: e.Outcome == "allow", Reasons: e.Reasons}
	if e.Problem != nil {
		want.Status, want.Outcome = e.Problem.Status, "deny"
		return want, nil
	}
	want.HTTP, want.Subject, want.Headers, want.Assurance = e.HTTP, e.Subject, maps.Clone(e.Headers), e.Assurance
	want.ValidUntil = got.ValidUntil
	var err error
	if e.ValidUntil != nil {
		want.ValidUntil, err = plain[any](e.ValidUntil)
	}
	if e.Obligations != nil && err == nil {
		want.Obligations, err = plain[[]any](e.Obligations)
	}
	if e.StepUp != nil && err == nil {
		want.StepUp, err = plain[map[string]any](e.StepUp)
	}
	return want, err
}

// plain brings a value from YAML to what a decoder of JSON makes of it.
func plain[T any](v any) (T, error) {
	var into T
	text, err := json.Marshal(v)
	if err == nil {
		err = decodeJSON(text, &into)
	}
	return into, err
}

// decodeJSON keeps the digits of numbers, and refuses members that nobody knows.
func decodeJSON(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}
