package protocol

import (
	"errors"
	"fmt"
	"net/http"

	"stepup/sidecar/access"
)

// ProblemType is the media type of problem documents (RFC 9457, section 3).
const ProblemType = "application/problem+json"

// A Problem is an answer that is no decision: the request was malformed, or nothing
// could be decided. As an error it is what a handler returns to have itself answered.
type Problem struct {
	Status int
	// Detail says what is wrong and what to do. It is told to the caller and so never
	// holds the text of a token, nor anything from inside.
	Detail     string
	Reasons    []access.Reason
	DecisionID string // empty if nothing was decided
}

// Error returns the status and the detail.
func (p *Problem) Error() string { return fmt.Sprintf("%d: %s", p.Status, p.Detail) }

// A Document is a problem as it is written (RFC 9457, section 3.1), with the members
// of a refusal, so that a caller who reads only those is refused too.
type Document struct {
	Type       string   `json:"type"`
	Title      string   `json:"title"`
	Status     int      `json:"status"`
	Detail     string   `json:"detail"`
	Outcome    string   `json:"outcome"`
	Decision   bool     `json:"decision"`
	Reasons    []Reason `json:"reasons"`
	DecisionID string   `json:"decision_id,omitzero"`
}

// A Reason is an [access.Reason] as it is written.
type Reason struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Document returns the problem as it is written. Its type is about:blank, for the
// codes in its reasons say what a type of our own would.
func (p *Problem) Document() Document {
	return Document{
		Type:       "about:blank",
		Title:      http.StatusText(p.Status),
		Status:     p.Status,
		Detail:     p.Detail,
		Outcome:    access.Deny.String(),
		Reasons:    Reasons(p.Reasons),
		DecisionID: p.DecisionID,
	}
}

// Reasons returns reasons as they are written, never nil.
func Reasons(list []access.Reason) []Reason {
	out := make([]Reason, len(list))
	for i, r := range list {
		out[i] = Reason{Code: string(r.Code), Message: r.Message}
	}
	return out
}

// Refused returns the problem of a request that is itself at fault.
func Refused(status int, detail string) *Problem {
	return &Problem{Status: status, Detail: detail, Reasons: []access.Reason{access.Because(access.RequestMalformed)}}
}

func refused(status int, detail string, args ...any) *Problem {
	return Refused(status, fmt.Sprintf(detail, args...))
}

// Ours reports whether a problem is a fault of ours, whose cause only the log tells.
func (p *Problem) Ours() bool {
	return p.Status == http.StatusInternalServerError && len(p.Reasons) == 0
}

// Internal is the problem of a fault of ours. It has no reason, for the codes name
// only what a caller or an operator can act on; the log has the cause.
func Internal() *Problem {
	return &Problem{
		Status: http.StatusInternalServerError,
		Detail: "No decision could be made: a fault inside the sidecar, told in its log.",
	}
}

// FaultOf returns the problem by which an indeterminate decision is told. The status is
// that of its code; a decision that is marked as a fault without the code of one is a
// fault of ours.
func FaultOf(d access.Decision) *Problem {
	p := faultOfCode(d.Code(), d.Reasons)
	p.DecisionID = d.ID
	return p
}

func faultOfCode(code access.Code, reasons []access.Reason) *Problem {
	row, ours := access.Lookup(code)
	if !ours || !row.Fault {
		return Internal()
	}
	return &Problem{Status: row.Status, Detail: row.Message, Reasons: reasons}
}

// ProblemOf returns the problem by which an error is told. What is neither a [Problem]
// nor a [Malformed] nor an [access.Fault] is a fault of ours and tells nothing of itself.
func ProblemOf(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if m, ok := errors.AsType[*Malformed](err); ok {
		return refused(http.StatusBadRequest, "%s", m.Error())
	}
	if f, ok := errors.AsType[*access.Fault](err); ok {
		return faultOfCode(f.Code, []access.Reason{access.Because(f.Code)})
	}
	return Internal()
}
