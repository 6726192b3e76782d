package opadata

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
)

// response is an answer of /v1/data, its members as OPA has them. A nil Result is an
// undefined document.
type response struct {
	DecisionID  string          `json:"decision_id,omitzero"`
	Provenance  *provenance     `json:"provenance,omitzero"`
	Explanation json.RawMessage `json:"explanation,omitzero"`
	Metrics     map[string]any  `json:"metrics,omitzero"`
	Result      any             `json:"result,omitzero"`
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

// whole is what <package> is. Its members allow, headers, status_code, status, reason and
// message are those by which the plugins of APISIX and Kong answer.
type whole struct {
	Allow   bool   `json:"allow"`
	Outcome string `json:"outcome"`
	protocol.Answer
	Headers    map[string]string `json:"headers,omitempty"` // in place of the answer's own
	StatusCode int               `json:"status_code"`
	Status     int               `json:"status"`
	Reason     string            `json:"reason,omitzero"`
	Message    string            `json:"message,omitzero"`
}

// render returns what a document is for a decision: of <package>/allow the boolean, true for
// an allow alone. What is no decision is an error.
func render(named document, d access.Decision) (any, error) {
	told, err := protocol.AnswerOf(d)
	switch {
	case err != nil:
		return nil, err
	case named == allowed:
		return d.Outcome == access.Allow, nil
	case named == answer:
		return wholeOf(d, told), nil
	}
	return nil, fmt.Errorf("decision %s: for the document %s", d.ID, named)
}

func wholeOf(d access.Decision, told protocol.Answer) whole {
	w := whole{
		Allow: d.Outcome == access.Allow, Outcome: d.Outcome.String(), Answer: told, Headers: told.Headers,
		StatusCode: told.HTTP.Status, Status: told.HTTP.Status,
	}
	if w.Allow {
		return w
	}
	w.Headers = challenging(told.HTTP.WWWAuthenticate)
	if len(told.Reasons) > 0 {
		w.Reason, w.Message = told.Reasons[0].Message, told.Reasons[0].Message
	}
	return w
}

// challenging are the headers of a refusal, for the user: both plugins read the member so
// that is for the upstream on an allow.
func challenging(challenges []string) map[string]string {
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
