package authzen

import (
	"net/http"
	"strings"

	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
)

// answer is a decision as it is written.
type answer struct {
	Decision bool `json:"decision"`
	Context  any  `json:"context"` // told, or failed
}

// told is what goes with a decision. The specification prefigures acr_values, as one text;
// max_age goes beside it. The rest are the members of the native answer.
type told struct {
	ACRValues string `json:"acr_values,omitzero"`
	MaxAge    *int64 `json:"max_age,omitzero"`
	protocol.Answer
}

// failed is what goes with an item of a batch that could not be decided.
type failed struct {
	Error      itemError         `json:"error"`
	Reasons    []protocol.Reason `json:"reasons,omitempty"`
	DecisionID string            `json:"decision_id,omitzero"`
}

// itemError is why one item could not be decided.
type itemError struct {
	Status  int    `json:"status"`
	Message string `json:"message"`
}

// render returns a decision as it is written. What is no decision is an error.
func render(d access.Decision, asked access.Object) (answer, error) {
	written, err := protocol.AnswerOf(d)
	if err != nil {
		return answer{}, err
	}
	t := told{Answer: written}
	if d.Outcome == access.StepUp {
		t.stepUp(*d.StepUp, supports(asked, stepUpObligation))
	}
	return answer{Decision: d.Outcome == access.Allow, Context: t}, nil
}

// stepUpObligation is the type of the obligation to have somebody sign in (AuthZEN
// Obligations profile, draft 1).
const stepUpObligation = "step-up"

// stepUp tells in the specification's words which login would do, and as an obligation where the caller says that it can fulfil one.
func (c *told) stepUp(advice access.StepUpAdvice, obligation bool) {
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
	return answer{Context: failed{itemError{status, p.Detail}, protocol.Reasons(p.Reasons), p.DecisionID}}
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
