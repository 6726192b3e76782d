package protocol

import (
	"fmt"

	"stepup/sidecar/access"
	"stepup/sidecar/wwwauth"
)

// An Answer is a decision as the JSON doors write it, its members in this order. A door adds
// how its protocol says yes and no.
type Answer struct {
	DecisionID  string            `json:"decision_id"`
	Revision    string            `json:"revision"`
	Reasons     []Reason          `json:"reasons"`
	Assurance   Assurance         `json:"assurance"`
	StepUp      *StepUp           `json:"step_up,omitzero"`
	Obligations []access.Object   `json:"obligations,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"` // for the upstream
	HTTP        HTTPAnswer        `json:"http"`
	ValidUntil  int64             `json:"valid_until,omitzero"`
}

// HTTPAnswer is what a resource server would answer.
type HTTPAnswer struct {
	Status          int      `json:"status"`
	WWWAuthenticate []string `json:"www_authenticate"`
}

// AnswerOf returns a decision as it is written. What is no decision, and what cannot be told
// as the protocols promise, is an error instead, of which [ProblemOf] makes the answer.
func AnswerOf(d access.Decision) (Answer, error) {
	if err := tellable(d); err != nil {
		return Answer{}, err
	}
	challenges, err := wwwauth.PrintAll(d.Challenges)
	if err != nil {
		return Answer{}, fmt.Errorf("decision %s: %w", d.ID, err)
	}
	a := Answer{
		DecisionID:  d.ID,
		Revision:    d.Revision,
		Reasons:     Reasons(d.Reasons),
		Assurance:   AssuranceOf(d.Assurance),
		Obligations: d.Obligations,
		HTTP:        HTTPAnswer{Status: d.Status(), WWWAuthenticate: challenges},
	}
	// Headers are for the upstream, which is reached on allow only; a step-up is not
	// valid until any time.
	if d.Outcome == access.Allow {
		a.Headers = d.Headers
	}
	if d.Outcome == access.StepUp {
		a.StepUp = StepUpOf(*d.StepUp)
	} else {
		a.ValidUntil = d.ValidUntil
	}
	return a, nil
}

// tellable refuses what is no decision.
func tellable(d access.Decision) error {
	switch d.Outcome {
	case access.Allow, access.Deny:
		return nil
	case access.StepUp:
		if d.StepUp == nil {
			return fmt.Errorf("decision %s: a step-up without a login that would do", d.ID)
		}
		return nil
	case access.Indeterminate:
		return FaultOf(d)
	}
	return fmt.Errorf("decision %s: unknown outcome %d", d.ID, d.Outcome)
}
