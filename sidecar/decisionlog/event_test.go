package decisionlog_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"

	"stepup/sidecar/access"
	"stepup/sidecar/decisionlog"
	"stepup/sidecar/input"
)

// TestEvent holds one event to its whole shape.
func TestEvent(t *testing.T) {
	w := newWorld(t, "", nil)
	ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}}))
	r := record()
	r.Caller = "intranet"
	w.log.Record(ctx, r)
	got := w.one()
	for name, is := range map[string]bool{
		"timestamp": strings.HasSuffix(at(got, "timestamp").(string), "Z"),
		"labels.id": at(got, "labels", "id") != nil,
	} {
		if !is {
			t.Errorf("%s of %v", name, got)
		}
	}
	delete(got, "timestamp")
	delete(got["labels"].(map[string]any), "id")
	delete(got["labels"].(map[string]any), "version")
	want := read(t, `{
		"labels": {"app": "shop"},
		"decision_id": "01936f6e-0000-7000-8000-000000000001",
		"trace_id": "01000000000000000000000000000000", "span_id": "0200000000000000",
		"revision": "folder@0123456789ab",
		"path": "shop/allow",
		"rule_labels": [{"control": "AC-3", "way": "open"}],
		"requested_by": "native",
		"metrics": {"timer_server_handler_ns": 1500000},
		"custom": {"caller": "intranet"},
		"result": {
			"outcome": "allow", "decision": true, "reasons": [], "revision": "folder@0123456789ab",
			"assurance": {"level": "mfa", "levels": ["normal", "mfa"], "methods": ["pwd", "otp"], "auth_time": 1795428060},
			"http": {"status": 200}, "obligations": [{"log": "twice"}], "headers": {"x-stepup-user": "alice"}, "valid_until": 1795428180
		}
	}`)
	want["input"] = plain(t, r.Document.Object())
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the event (-want +got)\n%s", diff)
	}
	page := read(t, ofThePage(t, "json"))
	if page["timestamp"] == nil || at(page, "labels", "id") == nil || at(page, "labels", "version") == nil {
		t.Error("the event of docs/decision-logs.md has not all members")
	}
	delete(page, "timestamp")
	page["labels"] = want["labels"]
	if diff := cmp.Diff(page, got); diff != "" {
		t.Errorf("the event of docs/decision-logs.md is another (-page +got)\n%s", diff)
	}
}

// ofThePage is the first block of a language in the documentation.
func ofThePage(t *testing.T, language string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/decision-logs.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "```"+language+"\n")
	block, _, _ := strings.Cut(after, "```")
	return block
}

func read(t *testing.T, text string) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

func plain(t *testing.T, value any) any {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, string(text))
}

// TestEveryOutcomeAndReason: each is told, a fault as an error besides.
func TestEveryOutcomeAndReason(t *testing.T) {
	w := newWorld(t, "", nil)
	age := int64(300)
	want := map[string]access.Decision{}
	add := func(d access.Decision) {
		r := record()
		d.ID = string(d.Code()) + "/" + d.Outcome.String()
		r.Decision = d
		r.Fault = errors.New("a detail that is nobody's business")
		want[d.ID] = d
		w.log.Record(t.Context(), r)
	}
	for _, row := range access.Codes() {
		outcome := access.Deny
		if row.Fault {
			outcome = access.Indeterminate
		}
		add(access.Decision{Outcome: outcome, Assurance: access.NoAssurance(), Reasons: []access.Reason{access.Because(row.Code)}})
	}
	add(access.Decision{Outcome: access.Deny, Assurance: access.NoAssurance(), Reasons: []access.Reason{{Code: "shop/closed", Message: "The shop is closed."}}})
	add(access.Decision{Outcome: access.StepUp, Assurance: access.NoAssurance(), Reasons: []access.Reason{access.Because(access.LoginTooOld)}, StepUp: &access.StepUpAdvice{
		Level: "mfa", MaxAge: &age, ACRValues: []string{"mfa"}, AuthorizationRequest: map[string]string{"acr_values": "mfa", "max_age": "300"},
		Alternatives: []access.StepUpAdvice{{Level: "phr"}},
	}})
	got := w.written()
	if len(got) != len(want) {
		t.Fatalf("%d events of %d decisions; %v", len(got), len(want), w.counts)
	}
	for _, event := range got {
		d := want[event["decision_id"].(string)]
		if at(event, "result", "reasons", 0, "code") != string(d.Code()) || at(event, "result", "decision") != false {
			t.Errorf("%s is told as %v", d.ID, event["result"])
		}
		fault := d.Outcome == access.Indeterminate
		if (at(event, "custom", "error", "code") == string(d.Code())) != fault || (at(event, "result", "outcome") == "fault") != fault {
			t.Errorf("%s is told as %v, with the error %v", d.ID, event["result"], at(event, "custom", "error"))
		}
		if (event["rule_labels"] == nil) != fault {
			t.Errorf("%s has the labels %v", d.ID, event["rule_labels"])
		}
		if text, _ := json.Marshal(event); strings.Contains(string(text), "nobody's business") {
			t.Errorf("%s tells the detail: %s", d.ID, text)
		}
		if d.Outcome == access.StepUp && (at(event, "result", "step_up", "max_age") != 300.0 || at(event, "result", "step_up", "alternatives", 0, "level") != "phr") {
			t.Errorf("the step-up is told as %v", at(event, "result"))
		}
	}
}

// TestOfATokenThatDoesNotHoldNothingIsTold, whatever the record has of it.
func TestOfATokenThatDoesNotHoldNothingIsTold(t *testing.T) {
	w := newWorld(t, "", nil)
	r := record()
	r.Claims = nil // as after a panic, or when the claims turned out to be odd
	r.Decision = access.Decision{ID: "1", Outcome: access.Deny, Assurance: access.NoAssurance(), Reasons: []access.Reason{access.Because(access.TokenClaimInvalid)}}
	r.Fault = errors.New("acr of alice")
	w.log.Record(t.Context(), r)
	event := w.one()
	if names := at(event, "input"); at(names, "token") != nil || at(names, "subject") != nil || at(names, "assurance") != nil || at(names, "resource", "id") != "/open" || at(names, "context", "ticket") != "T-1" {
		t.Errorf("input = %v, want what the caller asserted and no more", names)
	}
	if text, _ := json.Marshal(event); strings.Contains(string(text), "alice") {
		t.Errorf("the event tells of the token: %s", text)
	}
}

// TestNoCredentials smuggles each kind by each way that leads into an event.
func TestNoCredentials(t *testing.T) {
	const (
		opaque = "2YotnFZFEjr1zCsicMWpAA"
		proof  = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2In0.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIn0.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
		cookie = "session=0123456789abcdef"
	)
	jwt := record().Request.Credential.Reveal()
	parts := strings.Split(jwt, ".")
	secrets := append([]string{opaque, proof, proof[:60], jwt, jwt[:40], cookie}, parts...)
	for name, smuggle := range map[string]func(*access.Request){
		"a header":             func(r *access.Request) { r.HTTP.Headers["authorization"] = []string{"Bearer " + opaque} },
		"a header in capitals": func(r *access.Request) { r.HTTP.Headers["Authorization"] = []string{opaque} },
		"a cookie":             func(r *access.Request) { r.HTTP.Headers["cookie"] = []string{cookie} },
		"a new cookie":         func(r *access.Request) { r.HTTP.Headers["set-cookie"] = []string{cookie} },
		"a proof":              func(r *access.Request) { r.HTTP.Headers["dpop"] = []string{proof} },
		"a proof elsewhere":    func(r *access.Request) { r.HTTP.Headers["x-proof"] = []string{"a, " + proof} },
		"a query":              func(r *access.Request) { r.HTTP.Query = map[string][]string{"access_token": {opaque}} },
		"a path":               func(r *access.Request) { r.HTTP.Path = "/reset/" + jwt; r.HTTP.Segments = []string{"reset", jwt} },
		"a resource":           func(r *access.Request) { r.Resource.ID = "/x?t=" + jwt },
		"an escaped dot":       func(r *access.Request) { r.Resource.ID = "/x?t=" + strings.ReplaceAll(jwt, ".", "%2E") },
		"an action":            func(r *access.Request) { r.Action.Name = jwt },
		"properties":           func(r *access.Request) { r.Resource.Properties = access.Object{"a": []any{access.Object{"b": proof}}} },
		"segments, one by one": func(r *access.Request) {
			r.Context = access.Object{"a": parts[0], "b": "=" + parts[1], "c": parts[2] + "."}
		},
		"a segment in a path": func(r *access.Request) { r.HTTP.Path = "/reset/" + parts[2] },
		"a segment cut short": func(r *access.Request) { r.Resource.ID = parts[0] + "." + parts[1][:10] },
		"a name":              func(r *access.Request) { r.Context = access.Object{jwt: true} },
		"the context":         func(r *access.Request) { r.Context = access.Object{"Cookie": cookie, "h": "DPoP " + opaque} },
		"an opaque token": func(r *access.Request) {
			r.Credential = access.NewCredential(opaque)
			r.Context = access.Object{"t": "(" + opaque + ")"}
		},
		"evidence":                func(r *access.Request) { r.Evidence = access.NewCredential(opaque); r.Resource.ID = opaque },
		"a type that is no JSON":  func(r *access.Request) { r.Context = access.Object{"t": map[string][]string{"x": {jwt}}} },
		"a field of the caller's": func(r *access.Request) { r.Context = access.Object{"x-forwarded-access-token": opaque} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "", nil, func(_ *decisionlog.Config, opa map[string]any) {
				opa["decision_logs"].(map[string]any)["console"] = true
			})
			r := record()
			smuggle(&r.Request)
			doc := input.New(r.Request, r.Claims, r.Decision.Assurance, decided.Unix())
			r.Document = &doc
			w.log.Record(t.Context(), r)
			r.Claims = nil
			w.log.Record(t.Context(), r)
			if got := w.written(); len(got) != 2 {
				t.Fatalf("%d events, want 2; %v", len(got), w.counts)
			}
			for _, secret := range secrets {
				for _, event := range w.service.Events() {
					if strings.Contains(string(event), secret) {
						t.Errorf("%q is in the event %s", secret, event)
					}
				}
				if strings.Contains(w.console.String(), secret) {
					t.Errorf("%q is in the console's %s", secret, w.console.String())
				}
			}
		})
	}
}

// TestClaimsThatAreTokens: a verified token can carry another one.
func TestClaimsThatAreTokens(t *testing.T) {
	w := newWorld(t, "", nil)
	r := record()
	r.Claims.All.Object()["nested"] = r.Request.Credential.Reveal()
	r.Decision.Headers = map[string]string{"x-stepup-token": r.Request.Credential.Reveal()}
	w.log.Record(t.Context(), r)
	if text, _ := json.Marshal(w.one()); strings.Contains(string(text), "eyJ") {
		t.Errorf("the event has a token: %s", text)
	}
	if r.Claims.All.Object()["nested"] == "[redacted]" {
		t.Error("the claims themselves were changed")
	}
}

// TestConsole writes what an OPA writes.
func TestConsole(t *testing.T) {
	w := newWorld(t, "", nil, func(_ *decisionlog.Config, opa map[string]any) {
		opa["decision_logs"] = map[string]any{"console": true}
	})
	w.log.Record(t.Context(), record())
	w.written()
	line := read(t, w.console.String())
	if line["msg"] != "Decision Log" || line["level"] != "info" || line["type"] != "openpolicyagent.org/decision_logs" || at(line, "result", "outcome") != "allow" || line["time"] == nil {
		t.Errorf("the console has %s", w.console.String())
	}
	if len(w.service.Events()) > 0 {
		t.Error("the service has events too")
	}
}

// TestRead reads back what was written: from the service and from the console.
func TestRead(t *testing.T) {
	w := newWorld(t, "mask contains \"/input/token/claims/email\"\n", nil, func(_ *decisionlog.Config, opa map[string]any) {
		opa["decision_logs"].(map[string]any)["console"] = true
	})
	w.log.Record(t.Context(), record())
	w.one()
	for _, text := range [][]byte{w.service.Events()[0], w.console.Bytes()} {
		e, err := decisionlog.Read(text)
		if err != nil {
			t.Fatal(err)
		}
		if e.DecisionID != record().Decision.ID || e.Path != "shop/allow" || at(e.Input, "resource", "id") != "/open" || at(e.Result, "outcome") != "allow" || len(e.Changed) != 1 || e.Timestamp.IsZero() {
			t.Errorf("Read(%s) = %+v", text, e)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"decision_id":"1","input":{"a":1},"result":true,"bundles":{"a":{"revision":"r"}},"erased":["/input/x"]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if e, err := decisionlog.Read(text); err == nil && e.DecisionID == "" {
			t.Errorf("Read(%q) = %+v without an error", text, e)
		}
	})
}
