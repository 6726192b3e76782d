package native

import (
	"fmt"

	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
	"stepup/sidecar/wwwauth"
)

// answer is a decision as it is written, its members in this order.
type answer struct {
	Outcome     string            `json:"outcome"`
	Decision    bool              `json:"decision"`
	DecisionID  string            `json:"decision_id"`
	Revision    string            `json:"revision"`
	Reasons     []protocol.Reason `json:"reasons"`
	Assurance   assurance         `json:"assurance"`
	StepUp      *stepUp           `json:"step_up,omitzero"`
	Obligations []access.Object   `json:"obligations,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
	HTTP        httpAnswer        `json:"http"`
	ValidUntil  int64             `json:"valid_until,omitzero"`
}

type assurance struct {
	Level    string   `json:"level"`
	Levels   []string `json:"levels"`
	Methods  []string `json:"methods"`
	AuthTime int64    `json:"auth_time"`
}

// stepUp is what to ask the provider for, with other logins that would do.
type stepUp struct {
	login
	Alternatives []login `json:"alternatives"`
}

type login struct {
	Level                string            `json:"level"`
	MaxAge               *int64            `json:"max_age,omitzero"`
	ACRValues            []string          `json:"acr_values"`
	AuthorizationRequest map[string]string `json:"authorization_request"`
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
		Assurance:   assuranceOf(d.Assurance),
		Obligations: d.Obligations,
		HTTP:        httpAnswer{Status: d.Status(), WWWAuthenticate: challenges},
	}
	// Headers are for the upstream, which is reached on allow only; a step-up is not
	// valid until any time.
	if d.Outcome == access.Allow {
		a.Headers = d.Headers
	}
	if d.Outcome == access.StepUp {
		a.StepUp = stepUpOf(*d.StepUp)
	} else {
		a.ValidUntil = d.ValidUntil
	}
	return a
}

func assuranceOf(a access.Assurance) assurance {
	level := a.Level
	if level == "" {
		level = access.NoLevel
	}
	return assurance{Level: level, Levels: list(a.Levels), Methods: list(a.Methods), AuthTime: a.AuthTime}
}

func stepUpOf(advice access.StepUpAdvice) *stepUp {
	s := &stepUp{login: loginOf(advice), Alternatives: []login{}}
	for _, alternative := range advice.Alternatives {
		s.Alternatives = append(s.Alternatives, loginOf(alternative))
	}
	return s
}

func loginOf(advice access.StepUpAdvice) login {
	return login{
		Level:                advice.Level,
		MaxAge:               advice.MaxAge,
		ACRValues:            list(advice.ACRValues),
		AuthorizationRequest: advice.AuthorizationRequest,
	}
}

// list gives an absent list its empty form.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
