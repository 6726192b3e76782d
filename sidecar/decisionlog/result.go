package decisionlog

import (
	"encoding/json"
	"strconv"

	"stepup/sidecar/access"
)

// Result is a decision as the member result of an event tells it. Absent members are left
// out, as an answer leaves them out; outcome, decision, reasons, assurance and http are
// always there. The outcome is allow, deny, step_up or fault.
func Result(d access.Decision) access.Object {
	o := access.Object{
		"outcome":  outcome(d.Outcome),
		"decision": d.Outcome == access.Allow,
		"reasons":  reasons(d.Reasons),
		"assurance": access.Object{
			"level": d.Assurance.Level, "levels": list(d.Assurance.Levels), "methods": list(d.Assurance.Methods),
			"auth_time": number(d.Assurance.AuthTime),
		},
		"http": access.Object{"status": number(int64(d.Status()))},
	}
	if d.Revision != "" {
		o["revision"] = d.Revision
	}
	if d.StepUp != nil {
		o["step_up"] = advice(*d.StepUp)
	}
	if len(d.Obligations) > 0 {
		o["obligations"] = objects(d.Obligations)
	}
	if len(d.Headers) > 0 {
		o["headers"] = texts(d.Headers)
	}
	if d.ValidUntil != 0 {
		o["valid_until"] = number(d.ValidUntil)
	}
	return o
}

// outcome tells a fault from a denial, as callers are not.
func outcome(o access.Outcome) string {
	if o == access.Indeterminate {
		return "fault"
	}
	return o.String()
}

func reasons(all []access.Reason) []any {
	out := make([]any, len(all))
	for i, r := range all {
		out[i] = access.Object{"code": string(r.Code), "message": r.Message}
	}
	return out
}

func advice(a access.StepUpAdvice) access.Object {
	o := access.Object{
		"level": a.Level, "acr_values": list(a.ACRValues), "authorization_request": texts(a.AuthorizationRequest),
	}
	if a.MaxAge != nil {
		o["max_age"] = number(*a.MaxAge)
	}
	if len(a.Alternatives) > 0 {
		others := make([]any, len(a.Alternatives))
		for i, other := range a.Alternatives {
			others[i] = advice(other)
		}
		o["alternatives"] = others
	}
	return o
}

func objects(all []access.Object) []any {
	out := make([]any, len(all))
	for i, o := range all {
		out[i] = o
	}
	return out
}

func list(all []string) []any {
	out := make([]any, len(all))
	for i, s := range all {
		out[i] = s
	}
	return out
}

func texts(all map[string]string) access.Object {
	o := make(access.Object, len(all))
	for name, value := range all {
		o[name] = value
	}
	return o
}

func number(n int64) json.Number { return json.Number(strconv.FormatInt(n, 10)) }
