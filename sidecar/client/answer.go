package client

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// The outcomes of an Answer.
const (
	Allow        = "allow"
	Deny         = "deny"
	NeedsStepUp  = "step_up"
	noCreds      = "no_credentials"
	unmet        = "step_up_unmet"
	unavailable  = "unavailable"
	cannotResume = "cannot_resume"
)

// An Answer is a decision. The zero value refuses.
type Answer struct {
	Outcome     string            `json:"outcome"`
	Decision    bool              `json:"decision"`
	DecisionID  string            `json:"decision_id"`
	Revision    string            `json:"revision"`
	Reasons     []Reason          `json:"reasons"`
	Assurance   Assurance         `json:"assurance"`
	StepUp      *StepUpAdvice     `json:"step_up,omitempty"`
	Obligations []map[string]any  `json:"obligations,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
	HTTP        HTTPAnswer        `json:"http"`
	ValidUntil  int64             `json:"valid_until,omitempty"` // 0: not told
}

// A Reason is one cause of a refusal.
type Reason struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Assurance is how strongly and when the person signed in.
type Assurance struct {
	Level    string   `json:"level"`
	Levels   []string `json:"levels"`
	Methods  []string `json:"methods"`
	AuthTime int64    `json:"auth_time"` // 0: not told
}

// A Login is what to ask the provider for.
type Login struct {
	Level                string            `json:"level"`
	MaxAge               *int64            `json:"max_age,omitempty"` // nil: of any age
	ACRValues            []string          `json:"acr_values"`
	AuthorizationRequest map[string]string `json:"authorization_request"`
}

// StepUpAdvice is the login that would do, with others that would.
type StepUpAdvice struct {
	Login
	Alternatives []Login `json:"alternatives"`
}

// HTTPAnswer is what a resource server would answer.
type HTTPAnswer struct {
	Status          int      `json:"status"`
	WWWAuthenticate []string `json:"www_authenticate"`
}

// Allowed reports whether the answer is yes, said twice.
func (a Answer) Allowed() bool { return a.Outcome == Allow && a.Decision }

// Code returns the deciding reason; empty on an allow.
func (a Answer) Code() string {
	if len(a.Reasons) == 0 {
		return ""
	}
	return a.Reasons[0].Code
}

// check refuses an answer that contradicts itself.
func (a Answer) check() error {
	known := a.Outcome == Allow || a.Outcome == Deny || a.Outcome == NeedsStepUp
	switch {
	case !known || a.Decision != (a.Outcome == Allow):
		return fmt.Errorf("reading the sidecar's answer: outcome %q and decision %t do not go together", a.Outcome, a.Decision)
	case (a.Outcome == NeedsStepUp) != (a.StepUp != nil):
		return fmt.Errorf("reading the sidecar's answer: outcome %q and step_up do not go together", a.Outcome)
	}
	return nil
}

// WriteChallenge refuses a request as the sidecar says that a resource server would: with
// the status and every WWW-Authenticate as given (RFC 6750, RFC 9470), and with reasons
// and the login that would do as JSON, for a script that has to send the person there. An
// answer that does not refuse is written as a 500, so that calling this in error opens
// nothing.
func (a Answer) WriteChallenge(w http.ResponseWriter) {
	status := a.HTTP.Status
	if a.Allowed() || status < 400 || status > 599 {
		status = http.StatusInternalServerError
	}
	for _, challenge := range a.HTTP.WWWAuthenticate {
		w.Header().Add("WWW-Authenticate", challenge)
	}
	// Scripts of another origin do not see it otherwise (Fetch, CORS-safelisted response headers).
	w.Header().Set("Access-Control-Expose-Headers", "WWW-Authenticate")
	writeJSON(w, status, struct {
		Outcome string        `json:"outcome"`
		Reasons []Reason      `json:"reasons"`
		StepUp  *StepUpAdvice `json:"step_up,omitempty"`
	}{outcomeTold(a), a.Reasons, a.StepUp})
}

// outcomeTold never tells an allow in a refusal.
func outcomeTold(a Answer) string {
	if a.Outcome == NeedsStepUp {
		return NeedsStepUp
	}
	return Deny
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"outcome":"deny"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(text) // whoever asked may be gone
}
