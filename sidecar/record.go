package sidecar

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"stepup/sidecar/access"
	"stepup/sidecar/decisionlog"
	"stepup/sidecar/pdp"
	"stepup/sidecar/telemetry"
	"stepup/sidecar/token"
)

// newRecorder returns what every decision is told to: the log, the metrics, OPA's decision
// log, and whoever the options name.
func newRecorder(o Options, metrics *telemetry.Instruments, decisions *decisionlog.Log) recorder {
	return recorder{log: o.Logger, subjects: o.Config.Log.Subjects, metrics: metrics, decisions: decisions, also: o.Recorder}
}

type recorder struct {
	log       *slog.Logger
	subjects  string
	metrics   *telemetry.Instruments
	decisions *decisionlog.Log
	also      pdp.Recorder
}

// Record implements [pdp.Recorder].
func (r recorder) Record(ctx context.Context, rec pdp.Record) {
	r.count(rec)
	r.line(ctx, rec)
	r.decisions.Record(ctx, rec)
	if r.also != nil {
		r.also.Record(ctx, rec)
	}
}

func (r recorder) count(rec pdp.Record) {
	r.metrics.Decision(rec.Request.Door, rec.Decision, rec.Took)
	r.countToken(rec, rec.Decision.Code())
}

// countToken counts how a token came out, of which the code tells if it was refused.
func (r recorder) countToken(rec pdp.Record, refused access.Code) {
	if !rec.Request.Credential.Presented() {
		return
	}
	if rec.Claims == nil {
		// Of a refused token nothing is believed, its issuer's name included.
		r.metrics.TokenVerified("", refused)
		return
	}
	r.metrics.TokenVerified(rec.Claims.Issuer, "")
	if a := rec.Decision.Assurance; a.Told && len(a.Levels) == 0 {
		r.metrics.UnknownACR(rec.Claims.Issuer)
	}
}

// line writes the one log line of a decision: never a token, and of its subject what
// log.subjects says. Faults of ours are errors, everything else is information: that a caller
// names another subject than the token's is the caller's.
func (r recorder) line(ctx context.Context, rec pdp.Record) {
	level := slog.LevelInfo
	if rec.Decision.Outcome == access.Indeterminate && rec.Decision.Status() >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	if !r.log.Enabled(ctx, level) {
		return
	}
	r.log.LogAttrs(ctx, level, "decision", r.attributes(rec)...)
}

// mostAttributes is how many the line of a decision can have.
const mostAttributes = 13

func (r recorder) attributes(rec pdp.Record) []slog.Attr {
	d := rec.Decision
	attrs := append(make([]slog.Attr, 0, mostAttributes),
		slog.String("id", d.ID),
		slog.String("outcome", outcomeWord(d.Outcome)),
		slog.String("codes", codes(d.Reasons)),
		slog.String("door", rec.Request.Door),
		slog.String("action", short(rec.Request.Action.Name)),
		slog.String("resource", short(rec.Request.Resource.Type+":"+rec.Request.Resource.ID)),
		slog.String("revision", d.Revision),
		slog.Float64("ms", float64(rec.Took.Microseconds())/1000),
	)
	if rec.Caller != "" {
		attrs = append(attrs, slog.String("caller", rec.Caller))
	}
	if c := rec.Claims; c != nil {
		attrs = r.who(attrs, c, rec.Subject)
	}
	if rec.Fault != nil {
		attrs = append(attrs, slog.String("detail", rec.Fault.Error()))
	}
	return attrs
}

// who adds whose token it was.
func (r recorder) who(attrs []slog.Attr, c *token.Claims, s access.Subject) []slog.Attr {
	attrs = append(attrs, slog.String("issuer", c.Issuer), slog.String("subject_type", s.Type))
	if told := telemetry.Subject(r.subjects, c.Issuer, c.Subject); told != "" {
		attrs = append(attrs, slog.String("subject", told))
	}
	return attrs
}

// valued keeps a further document that somebody asked for: in the metrics, OPA's decision log
// and a line of the program's log.
func (r recorder) valued(ctx context.Context, v pdp.Valued) {
	fault, _ := errors.AsType[*access.Fault](v.Fault)
	var code access.Code
	if fault != nil {
		code = fault.Code
	}
	r.metrics.Documented(v.Further.Name, v.Further.Defined, code, v.Request.Door)
	r.countToken(v.Record, code)
	r.decisions.Valued(ctx, v)
	r.valuedLine(ctx, v, fault)
}

// valuedLine tells whose question it was, and what kept it from being answered, never what
// stands in the document.
func (r recorder) valuedLine(ctx context.Context, v pdp.Valued, fault *access.Fault) {
	level := slog.LevelInfo
	attrs := []slog.Attr{
		slog.String("id", v.Decision.ID),
		slog.String("document", v.Further.Name),
		slog.Bool("defined", v.Further.Defined),
		slog.String("door", v.Request.Door),
		slog.String("action", short(v.Request.Action.Name)),
		slog.String("resource", short(v.Request.Resource.Type+":"+v.Request.Resource.ID)),
		slog.String("revision", v.Decision.Revision),
		slog.Float64("ms", float64(v.Took.Microseconds())/1000),
	}
	if v.Caller != "" {
		attrs = append(attrs, slog.String("caller", v.Caller))
	}
	if c := v.Claims; c != nil {
		attrs = r.who(attrs, c, v.Subject)
	}
	if fault != nil {
		attrs = append(attrs, slog.String("codes", string(fault.Code)), slog.String("detail", fault.Error()))
		if row, known := access.Lookup(fault.Code); !known || row.Status >= http.StatusInternalServerError {
			level = slog.LevelError
		}
	}
	r.log.LogAttrs(ctx, level, "document", attrs...)
}

// required counts and tells of an answer to what a resource needs. Only faults are worth
// a line to everybody: nobody was let in or kept out.
func (r recorder) required(ctx context.Context, q access.RequirementQuestion, took time.Duration, fault error) {
	var code access.Code
	level := slog.LevelDebug
	if f, ok := errors.AsType[*access.Fault](fault); ok {
		code, level = f.Code, slog.LevelError
	}
	r.metrics.Required(q.Door, code)
	attrs := []slog.Attr{
		slog.String("door", q.Door),
		slog.String("action", short(q.Action.Name)),
		slog.String("resource", short(q.Resource.Type+":"+q.Resource.ID)),
		slog.Float64("ms", float64(took.Microseconds())/1000),
	}
	if fault != nil {
		attrs = append(attrs, slog.String("detail", fault.Error()))
	}
	r.log.LogAttrs(ctx, level, "requirements", attrs...)
}

// outcomeWord tells a fault from a denial, as callers are not.
func outcomeWord(o access.Outcome) string {
	if o == access.Indeterminate {
		return "fault"
	}
	return o.String()
}

func codes(reasons []access.Reason) string {
	if len(reasons) == 1 {
		return string(reasons[0].Code)
	}
	list := make([]string, len(reasons))
	for i, r := range reasons {
		list[i] = string(r.Code)
	}
	return strings.Join(list, " ")
}

// maxLogged bounds what a caller can write into one value of the log.
const maxLogged = 256

// short cuts a text that a caller chose, and tells how long it was.
func short(text string) string {
	if len(text) <= maxLogged {
		return text
	}
	return fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(text[:maxLogged], ""), len(text))
}
