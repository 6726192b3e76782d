package authzen

import (
	"fmt"
	"net/http"
	"strings"

	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
	"stepup/sidecar/wwwauth"
)

// answer is a decision as it is written.
type answer struct {
	Decision bool          `json:"decision"`
	Context  answerContext `json:"context,omitzero"`
}

// answerContext is what goes with a decision. The specification prefigures acr_values, as
// one text; max_age goes beside it. The rest are the members of the native answer, under
// their names and in their shapes.
type answerContext struct {
	ACRValues   string             `json:"acr_values,omitzero"`
	MaxAge      *int64             `json:"max_age,omitzero"`
	Reasons     []protocol.Reason  `json:"reasons,omitempty"`
	Assurance   protocol.Assurance `json:"assurance,omitzero"`
	StepUp      *protocol.StepUp   `json:"step_up,omitzero"`
	Obligations []access.Object    `json:"obligations,omitempty"`
	Headers     map[string]string  `json:"headers,omitempty"`
	HTTP        *httpAnswer        `json:"http,omitzero"`
	DecisionID  string             `json:"decision_id,omitzero"`
	Revision    string             `json:"revision,omitzero"`
	ValidUntil  int64              `json:"valid_until,omitzero"`
	Error       *itemError         `json:"error,omitzero"`
}

// httpAnswer is what a resource server would answer.
type httpAnswer struct {
	Status          int      `json:"status"`
	WWWAuthenticate []string `json:"www_authenticate"`
}

// itemError is why one item of a batch could not be decided.
type itemError struct {
	Status  int    `json:"status"`
	Message string `json:"message"`
}

// render returns a decision as it is written. What is no decision, and what cannot be told
// as this protocol promises, is an error instead.
func render(d access.Decision, asked access.Object) (answer, error) {
	switch d.Outcome {
	case access.Allow, access.Deny:
	case access.StepUp:
		if d.StepUp == nil {
			return answer{}, fmt.Errorf("decision %s: a step-up without a login that would do", d.ID)
		}
	case access.Indeterminate:
		return answer{}, protocol.FaultOf(d)
	default:
		return answer{}, fmt.Errorf("decision %s: unknown outcome %d", d.ID, d.Outcome)
	}
	challenges, err := wwwauth.PrintAll(d.Challenges)
	if err != nil {
		return answer{}, fmt.Errorf("decision %s: %w", d.ID, err)
	}
	a := answer{Decision: d.Outcome == access.Allow, Context: contextOf(d, challenges)}
	if d.Outcome == access.StepUp {
		a.Context.stepUp(*d.StepUp, supports(asked, stepUpObligation))
	}
	return a, nil
}

func contextOf(d access.Decision, challenges []string) answerContext {
	c := answerContext{
		Reasons:     protocol.Reasons(d.Reasons),
		Assurance:   protocol.AssuranceOf(d.Assurance),
		Obligations: d.Obligations,
		HTTP:        &httpAnswer{Status: d.Status(), WWWAuthenticate: challenges},
		DecisionID:  d.ID,
		Revision:    d.Revision,
	}
	// Headers are for the upstream, which is reached on allow only; a step-up is not valid
	// until any time.
	if d.Outcome == access.Allow {
		c.Headers = d.Headers
	}
	if d.Outcome != access.StepUp {
		c.ValidUntil = d.ValidUntil
	}
	return c
}

// stepUpObligation is the type of the obligation to have somebody sign in (AuthZEN
// Obligations profile, draft 1).
const stepUpObligation = "step-up"

// stepUp tells which login would do: in the specification's words where it has some, and
// as an obligation where the caller says that it can fulfil one.
func (c *answerContext) stepUp(advice access.StepUpAdvice, obligation bool) {
	c.StepUp = protocol.StepUpOf(advice)
	c.MaxAge = advice.MaxAge
	c.ACRValues = strings.Join(advice.ACRValues, " ")
	// Its member acr_value is required, and the name of a level is none.
	if obligation && len(advice.ACRValues) > 0 {
		c.Obligations = append(append([]access.Object(nil), c.Obligations...), access.Object{
			"id": stepUpObligation, "type": stepUpObligation,
			"properties": access.Object{"acr_value": advice.ACRValues[0]},
		})
	}
}

// renderError returns the answer of an item that could not be decided.
func renderError(p *protocol.Problem) answer {
	status := http.StatusInternalServerError
	switch {
	case p.Status < http.StatusInternalServerError:
		status = p.Status
	case isBecause(p, access.PolicyTimeout), isBecause(p, access.Overloaded):
		status = http.StatusServiceUnavailable
	}
	return answer{Context: answerContext{
		Error: &itemError{Status: status, Message: p.Detail}, Reasons: protocol.Reasons(p.Reasons), DecisionID: p.DecisionID,
	}}
}

func isBecause(p *protocol.Problem, code access.Code) bool {
	return len(p.Reasons) > 0 && p.Reasons[0].Code == code
}

// statusOf is the status by which a problem is told: the specification has no 415, and 503
// for overload only.
func statusOf(p *protocol.Problem) int {
	switch {
	case p.Status == http.StatusUnsupportedMediaType:
		return http.StatusBadRequest
	case p.Status == http.StatusServiceUnavailable && !isBecause(p, access.Overloaded):
		return http.StatusInternalServerError
	}
	return p.Status
}
