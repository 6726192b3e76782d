package decisionlog

import (
	"errors"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/server"

	"stepup/sidecar/access"
	"stepup/sidecar/input"
)

// event makes the event of an entry, cleaned of credentials. Without masks it tells
// nothing of the question, nor what a policy has made of it.
func (l *Log) event(e *entry, masked bool) (*server.Info, error) {
	secret := secretsOf(e.Request)
	info := &server.Info{
		DecisionID: e.Decision.ID,
		RemoteAddr: e.Request.Door,
		Path:       l.path(e),
		Timestamp:  e.at.UTC(),
		Results:    result(e, secret, masked),
		Error:      failed(e),
		Metrics:    took{metrics.NoOp(), e.Took.Nanoseconds()},
		Custom:     map[string]any{},
	}
	l.name(info, e.Decision.Revision)
	if e.span.IsValid() {
		info.TraceID, info.SpanID = e.span.TraceID().String(), e.span.SpanID().String()
	}
	if e.Caller != "" {
		info.Custom["caller"] = e.Caller
	}
	if !masked {
		return info, nil
	}
	if info.Error == nil {
		info.EvaluatedRuleLabels = e.Labels
	}
	var question any = secret.clean(asked(e))
	value, err := ast.InterfaceToValue(question)
	if err != nil {
		return nil, fmt.Errorf("reading the document: %w", err)
	}
	info.Input, info.InputAST = &question, value
	return info, nil
}

// path is that of what was asked for, as clients of OPA's Data API write it.
func (l *Log) path(e *entry) string {
	name := l.Package + ".allow"
	if e.further != nil {
		name = e.further.Name
	}
	return strings.ReplaceAll(name, ".", "/")
}

// result is what was told: of a further document its value, if it is defined.
func result(e *entry, secret secrets, masked bool) *any {
	if f := e.further; f != nil {
		if !f.Defined || !masked {
			return nil
		}
		value := secret.clean(f.Value)
		return &value
	}
	d := e.Decision
	if !masked {
		d.Obligations, d.Headers, d.Assurance = nil, nil, access.NoAssurance()
	}
	var value any = secret.clean(Result(d))
	return &value
}

// failed is why nothing could be told; nil: it was. A decision that refuses is told; of a
// further document there is nothing to tell to somebody who is refused.
func failed(e *entry) error {
	if e.further == nil {
		if e.Decision.Outcome != access.Indeterminate {
			return nil
		}
		return faultOf(e.Decision)
	}
	f, ok := errors.AsType[*access.Fault](e.Fault)
	if !ok {
		return nil
	}
	return &fault{Code: f.Code, Message: access.Because(f.Code).Message}
}

// asked is the document that the policy was asked about. Where a token was presented and
// did not hold, it is only what the caller asserted: of that token nothing is believed,
// and so nothing is told.
func asked(e *entry) access.Object {
	if d := e.Document; d != nil && (e.Claims != nil || d.Token == nil) {
		return d.Object()
	}
	o := input.New(e.Request, nil, access.NoAssurance(), 0).Object()
	for _, name := range []string{"subject", "assurance", "now"} {
		delete(o, name)
	}
	return o
}

// name tells which policy decided: the revision of each bundle, as OPA does, or that of
// the policy in a folder or a file.
func (l *Log) name(info *server.Info, revision string) {
	if !l.Bundles {
		info.Revision = revision
		return
	}
	info.Bundles = map[string]server.BundleInfo{}
	var last string
	for part := range strings.SplitSeq(revision, ",") {
		name, revision, whole := strings.Cut(part, "@")
		switch {
		case whole:
			info.Bundles[name] = server.BundleInfo{Revision: revision}
			last = name
		case last != "": // of a revision with a comma in it
			info.Bundles[last] = server.BundleInfo{Revision: info.Bundles[last].Revision + "," + part}
		}
	}
}

// A fault is why no decision could be made. Its detail may hold what nobody verified or
// masked, and stays in the program's own log, under the id of the decision.
type fault struct {
	Code    access.Code `json:"code"`
	Message string      `json:"message"`
}

// Error returns the code and its sentence.
func (f *fault) Error() string { return string(f.Code) + ": " + f.Message }

func faultOf(d access.Decision) error {
	f := &fault{Code: d.Code()}
	if len(d.Reasons) > 0 {
		f.Message = d.Reasons[0].Message
	}
	return f
}

// took is OPA's measure of how long an answer took.
type took struct {
	metrics.Metrics
	nanoseconds int64
}

// All implements [metrics.Metrics].
func (t took) All() map[string]any {
	return map[string]any{"timer_server_handler_ns": t.nanoseconds}
}
