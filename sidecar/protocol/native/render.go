package native

import (
	"fmt"

	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
	"stepup/sidecar/wwwauth"
)

// answer is a decision as it is written, its members in this order.
type answer struct {
	Outcome     string             `json:"outcome"`
	Decision    bool               `json:"decision"`
	DecisionID  string             `json:"decision_id"`
	Revision    string             `json:"revision"`
	Reasons     []protocol.Reason  `json:"reasons"`
	Assurance   protocol.Assurance `json:"assurance"`
	StepUp      *protocol.StepUp   `json:"step_up,omitzero"`
	Obligations []access.Object    `json:"obligations,omitempty"`
	Headers     map[string]string  `json:"headers,omitempty"`
	HTTP        httpAnswer         `json:"http"`
	ValidUntil  int64              `json:"valid_until,omitzero"`
}

// httpAnswer is what a resource server would answer.
type httpAnswer struct {
	Status          int      `json:"status"`
	WWWAuthenticate []string `json:"www_authenticate"`
}

// render returns a decision as it is written. What is no decision, and what cannot be
// told as this protocol promises, is a [protocol.Problem] instead.
func render(d access.Decision) (answer, error) {
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
	return written(d, challenges), nil
}

func written(d access.Decision, challenges []string) answer {
	a := answer{
		Outcome:     d.Outcome.String(),
		Decision:    d.Outcome == access.Allow,
		DecisionID:  d.ID,
		Revision:    d.Revision,
		Reasons:     protocol.Reasons(d.Reasons),
		Assurance:   protocol.AssuranceOf(d.Assurance),
		Obligations: d.Obligations,
		HTTP:        httpAnswer{Status: d.Status(), WWWAuthenticate: challenges},
	}
	// Headers are for the upstream, which is reached on allow only; a step-up is not
	// valid until any time.
	if d.Outcome == access.Allow {
		a.Headers = d.Headers
	}
	if d.Outcome == access.StepUp {
		a.StepUp = protocol.StepUpOf(*d.StepUp)
	} else {
		a.ValidUntil = d.ValidUntil
	}
	return a
}
