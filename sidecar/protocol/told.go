package protocol

import "stepup/sidecar/access"

// Assurance is an [access.Assurance] as the doors write it.
type Assurance struct {
	Level    string   `json:"level"`
	Levels   []string `json:"levels"`
	Methods  []string `json:"methods"`
	AuthTime int64    `json:"auth_time"`
}

// StepUp is what to ask the provider for, with other logins that would do.
type StepUp struct {
	Login
	Alternatives []Login `json:"alternatives"`
}

// Login is an [access.StepUpAdvice] as the doors write it, without its alternatives.
type Login struct {
	Level                string            `json:"level"`
	MaxAge               *int64            `json:"max_age,omitzero"`
	ACRValues            []string          `json:"acr_values"`
	AuthorizationRequest map[string]string `json:"authorization_request"`
}

// AssuranceOf returns an assurance as it is written; the zero value is nobody's.
func AssuranceOf(a access.Assurance) Assurance {
	level := a.Level
	if level == "" {
		level = access.NoLevel
	}
	return Assurance{Level: level, Levels: listed(a.Levels), Methods: listed(a.Methods), AuthTime: a.AuthTime}
}

// StepUpOf returns advice as it is written, its alternatives never nil.
func StepUpOf(advice access.StepUpAdvice) *StepUp {
	s := &StepUp{Login: LoginOf(advice), Alternatives: []Login{}}
	for _, alternative := range advice.Alternatives {
		s.Alternatives = append(s.Alternatives, LoginOf(alternative))
	}
	return s
}

// LoginOf returns one login as it is written.
func LoginOf(advice access.StepUpAdvice) Login {
	return Login{
		Level:                advice.Level,
		MaxAge:               advice.MaxAge,
		ACRValues:            listed(advice.ACRValues),
		AuthorizationRequest: advice.AuthorizationRequest,
	}
}

// listed gives an absent list its empty form.
func listed(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
