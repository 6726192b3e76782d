package opadata

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
	"stepup/sidecar/wwwauth"
)

// response is an answer of /v1/data, its members as OPA has them. A nil Result is an
// undefined document.
type response struct {
	DecisionID string         `json:"decision_id,omitzero"`
	Provenance *provenance    `json:"provenance,omitzero"`
	Metrics    map[string]any `json:"metrics,omitzero"`
	Result     any            `json:"result,omitzero"`
}

// provenance says which program and which policies answered.
type provenance struct {
	Version   string             `json:"version"`
	Commit    string             `json:"build_commit"`
	Timestamp string             `json:"build_timestamp"`
	Hostname  string             `json:"build_hostname"`
	Bundles   map[string]bundled `json:"bundles,omitempty"`
}

type bundled struct {
	Revision string `json:"revision"`
}

func provenanceOf(version, revision string) *provenance {
	p := &provenance{Version: version, Bundles: map[string]bundled{}}
	for one := range strings.SplitSeq(revision, ",") {
		if name, rev, named := strings.Cut(one, "@"); named {
			p.Bundles[name] = bundled{rev}
		}
	}
	return p
}

// failure is an error as OPA writes it.
type failure struct {
	Code    string   `json:"code"`
	Message string   `json:"message"`
	Errors  []detail `json:"errors,omitempty"`
	// DecisionID is that of a fault that was recorded.
	DecisionID string `json:"decision_id,omitzero"`
}

type detail struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// The codes of OPA's errors that are used here.
const (
	codeInternal         = "internal_error"
	codeInvalidParameter = "invalid_parameter"
	codeInvalidOperation = "invalid_operation"
	codeUnauthorized     = "unauthorized"
	codeUndefined        = "undefined_document"
)

// failureOf tells a problem in OPA's shape, our own codes among its errors.
func failureOf(p *protocol.Problem) failure {
	f := failure{Code: codeInvalidParameter, Message: p.Detail, DecisionID: p.DecisionID}
	switch {
	case p.Status >= http.StatusInternalServerError:
		f.Code = codeInternal
	case p.Status == http.StatusMethodNotAllowed:
		f.Code = codeInvalidOperation
	case p.Status == http.StatusForbidden:
		f.Code = codeUnauthorized
	}
	for _, r := range p.Reasons {
		f.Errors = append(f.Errors, detail{string(r.Code), r.Message})
	}
	return f
}

// renderBoolean returns what <package>/allow is: true for an allow alone. What is no
// decision is an error.
func renderBoolean(d access.Decision) (bool, error) {
	switch d.Outcome {
	case access.Allow:
		return true, nil
	case access.Deny:
		return false, nil
	case access.StepUp:
		if d.StepUp == nil {
			return false, fmt.Errorf("decision %s: a step-up without a login that would do", d.ID)
		}
		return false, nil
	case access.Indeterminate:
		return false, protocol.FaultOf(d)
	}
	return false, fmt.Errorf("decision %s: unknown outcome %d", d.ID, d.Outcome)
}

// whole is what <package> is. Its members allow, headers, status_code, status, reason and
// message are those by which the plugins of APISIX and Kong answer.
type whole struct {
	Allow       bool               `json:"allow"`
	Outcome     string             `json:"outcome"`
	DecisionID  string             `json:"decision_id"`
	Revision    string             `json:"revision"`
	Reasons     []protocol.Reason  `json:"reasons"`
	Assurance   protocol.Assurance `json:"assurance"`
	StepUp      *protocol.StepUp   `json:"step_up,omitzero"`
	Obligations []access.Object    `json:"obligations,omitempty"`
	Headers     map[string]string  `json:"headers,omitempty"`
	StatusCode  int                `json:"status_code"`
	Status      int                `json:"status"`
	Reason      string             `json:"reason,omitzero"`
	Message     string             `json:"message,omitzero"`
	HTTP        httpAnswer         `json:"http"`
	ValidUntil  int64              `json:"valid_until,omitzero"`
}

// httpAnswer is what a resource server would answer.
type httpAnswer struct {
	Status          int      `json:"status"`
	WWWAuthenticate []string `json:"www_authenticate"`
}

func renderWhole(d access.Decision) (whole, error) {
	allow, err := renderBoolean(d)
	if err != nil {
		return whole{}, err
	}
	challenges, err := wwwauth.PrintAll(d.Challenges)
	if err != nil {
		return whole{}, fmt.Errorf("decision %s: %w", d.ID, err)
	}
	w := whole{
		Allow: allow, Outcome: d.Outcome.String(), DecisionID: d.ID, Revision: d.Revision,
		Reasons: protocol.Reasons(d.Reasons), Assurance: protocol.AssuranceOf(d.Assurance),
		Obligations: d.Obligations, Headers: headersOf(d, challenges),
		StatusCode: d.Status(), Status: d.Status(),
		HTTP: httpAnswer{Status: d.Status(), WWWAuthenticate: challenges},
	}
	if !allow && len(d.Reasons) > 0 {
		w.Reason, w.Message = d.Reasons[0].Message, d.Reasons[0].Message
	}
	if d.Outcome == access.StepUp {
		w.StepUp = protocol.StepUpOf(*d.StepUp)
	} else {
		w.ValidUntil = d.ValidUntil
	}
	return w, nil
}

// headersOf are for the upstream on an allow, and else for the user: both plugins read the
// same member so.
func headersOf(d access.Decision, challenges []string) map[string]string {
	if d.Outcome == access.Allow {
		return d.Headers
	}
	if len(challenges) == 0 {
		return nil
	}
	// RFC 9110, section 5.3: several lines are the same as one with commas.
	return map[string]string{"WWW-Authenticate": strings.Join(challenges, ", ")}
}

// pretty encodes a value over several lines.
func pretty(value any) ([]byte, error) {
	text, err := protocol.Encode(value)
	if err != nil {
		return nil, fmt.Errorf("encoding the answer: %w", err)
	}
	var lines bytes.Buffer
	if err := json.Indent(&lines, text, "", "  "); err != nil {
		return nil, fmt.Errorf("encoding the answer: %w", err)
	}
	lines.WriteByte('\n')
	return lines.Bytes(), nil
}
