package decisionlog

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/server"

	"stepup/sidecar/access"
	"stepup/sidecar/input"
)

// event makes the event of an entry, cleaned of credentials, for rules to look at. Without
// masks it tells nothing of the question, nor what a policy has made of it.
func (l *Log) event(e *entry, masked bool) (*server.Info, error) {
	secret := secretsOf(e.Request)
	info := l.envelope(e)
	if value, told := result(e, masked); told {
		value = secret.clean(value)
		info.Results = &value
	}
	if !masked {
		info.EvaluatedRuleLabels = nil
		return info, nil
	}
	var question any = secret.clean(asked(e))
	value, err := ast.InterfaceToValue(question)
	if err != nil {
		return nil, fmt.Errorf("reading the document: %w", err)
	}
	info.Input, info.InputAST = &question, value
	return info, nil
}

// textEvent makes the event of an entry, cleaned of credentials, that no rule looks at. It tells how much
// memory that takes, about.
func (l *Log) textEvent(e *entry) (info *server.Info, size int64) {
	info = l.envelope(e)
	t, size := l.texts(e)
	info.Input, info.InputAST = &t.question, ast.NullValue
	if t.answer != nil {
		info.Results = &t.answer
	}
	return info, size
}

// envelope is an event without what was asked and answered. It is there until the next one
// is made: OPA's plugin takes what it keeps out of it.
func (l *Log) envelope(e *entry) *server.Info {
	info := &l.at.info
	l.at.took.nanoseconds = e.Took.Nanoseconds()
	*info = server.Info{
		DecisionID: e.Decision.ID,
		RemoteAddr: e.Request.Door,
		Path:       l.pathOf(e),
		Timestamp:  e.at.UTC(),
		Metrics:    &l.at.took,
	}
	if l.Bundles {
		info.Bundles = l.bundles.of(e.Decision.Revision)
	} else {
		info.Revision = e.Decision.Revision
	}
	if e.span.IsValid() {
		info.TraceID, info.SpanID = e.span.TraceID().String(), e.span.SpanID().String()
	}
	fault := failed(e)
	if fault == nil {
		info.EvaluatedRuleLabels = labels(e.Labels)
	}
	info.Custom = custom(e.Caller, fault)
	return info
}

// labels are those that can be read again, which nearly all can.
func labels(all []access.Object) []access.Object {
	if !slices.ContainsFunc(all, func(o access.Object) bool { return !sound(maxDepth, o) }) {
		return all
	}
	cleaned := make([]access.Object, len(all))
	for i, o := range all {
		cleaned[i] = secrets{}.clean(o).(access.Object)
	}
	return cleaned
}

// custom is what OPA's event has no member for, or none that it could read again: of a chunk that got too large its
// encoder reads every event, and loses the chunk with all others at one with an error.
func custom(caller string, fault *fault) map[string]any {
	if caller == "" && fault == nil {
		return nil
	}
	all := map[string]any{}
	if caller != "" {
		all["caller"] = caller
	}
	if fault != nil {
		all["error"] = map[string]any{"code": string(fault.Code), "message": fault.Message}
	}
	return all
}

// pathOf is that of what was asked for, as clients of OPA's Data API write it.
func (l *Log) pathOf(e *entry) string {
	if e.further != nil {
		return pathOf(e.further.Name)
	}
	return l.path
}

func pathOf(name string) string { return strings.ReplaceAll(name, ".", "/") }

// result is what was told: of a further document its value, if it is defined. Without masks
// nothing that a policy has made of the question is.
func result(e *entry, masked bool) (value any, told bool) {
	if f := e.further; f != nil {
		return f.Value, f.Defined && masked
	}
	d := e.Decision
	if !masked {
		d.Obligations, d.Headers, d.Assurance = nil, nil, access.NoAssurance()
	}
	return Result(d), true
}

// failed is why nothing could be told; nil: it was. A decision that refuses is told; of a
// further document there is nothing to tell to somebody who is refused.
func failed(e *entry) *fault {
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

// bundlesOf reads revisions as those of bundles, the last one once for all that decided under it.
type bundlesOf struct {
	revision string
	bundles  map[string]server.BundleInfo
}

// of tells the revision of each bundle, as OPA does. The result is to be read only.
func (b *bundlesOf) of(revision string) map[string]server.BundleInfo {
	if b.bundles == nil || b.revision != revision {
		*b = bundlesOf{revision, bundlesIn(revision)}
	}
	return b.bundles
}

func bundlesIn(revision string) map[string]server.BundleInfo {
	bundles := map[string]server.BundleInfo{}
	var last string
	for part := range strings.SplitSeq(revision, ",") {
		name, revision, whole := strings.Cut(part, "@")
		switch {
		case whole:
			bundles[name] = server.BundleInfo{Revision: revision}
			last = name
		case last != "": // of a revision with a comma in it
			bundles[last] = server.BundleInfo{Revision: bundles[last].Revision + "," + part}
		}
	}
	return bundles
}

// A fault is why no decision could be made. Its detail may hold what nobody verified or
// masked, and stays in the program's own log, under the id of the decision.
type fault struct {
	Code    access.Code
	Message string
}

func faultOf(d access.Decision) *fault {
	f := &fault{Code: d.Code()}
	if len(d.Reasons) > 0 {
		f.Message = d.Reasons[0].Message
	}
	return f
}

// An envelope is what the events of one worker are made in, one after the other.
type envelope struct {
	info server.Info
	took took
}

// took is OPA's measure of how long an answer took.
type took struct {
	metrics.Metrics
	nanoseconds int64
}

// All implements [metrics.Metrics].
func (t *took) All() map[string]any {
	return map[string]any{"timer_server_handler_ns": t.nanoseconds}
}
