package decisionlog_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
	"stepup/sidecar/decisionlog"
	"stepup/sidecar/input"
	"stepup/sidecar/pdp"
)

// further is the record of a document that the policy told beside its decision.
func further(value any) pdp.Valued {
	r := record()
	r.Request.Door = "opadata"
	r.Decision = access.Decision{ID: r.Decision.ID, Revision: r.Decision.Revision, Assurance: r.Decision.Assurance}
	return pdp.Valued{Record: r, Further: access.FurtherDocument{
		Name: "shop.web.menu", Value: value, Defined: true, Labels: r.Labels, ID: r.Decision.ID, Revision: r.Decision.Revision,
	}}
}

// refused is the record of one that was not told.
func refusedDocument(code access.Code) pdp.Valued {
	v := further(nil)
	v.Fault = &access.Fault{Code: code, Err: errors.New("a detail that is nobody's business")}
	v.Further = access.FurtherDocument{Name: v.Further.Name, ID: v.Decision.ID}
	v.Labels, v.Claims, v.Document = nil, nil, nil
	return v
}

// TestFurtherEvent holds the event of a further document to its whole shape.
func TestFurtherEvent(t *testing.T) {
	w := newWorld(t, "", nil)
	v := further([]any{"a", access.Object{"b": nil}})
	w.log.Valued(t.Context(), v)
	got := w.one()
	delete(got, "timestamp")
	delete(got, "labels")
	want := read(t, `{
		"decision_id": "01936f6e-0000-7000-8000-000000000001", "revision": "folder@0123456789ab",
		"path": "shop/web/menu", "requested_by": "opadata", "metrics": {"timer_server_handler_ns": 1500000},
		"rule_labels": [{"control": "AC-3", "way": "open"}], "result": ["a", {"b": null}]
	}`)
	want["input"] = plain(t, v.Document.Object())
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the event (-want +got)\n%s", diff)
	}
}

// TestFurtherEvents: what there is nothing of has no result, and what was not told says why
// and believes nothing of the token.
func TestFurtherEvents(t *testing.T) {
	undefined := further(nil)
	undefined.Further.Defined = false
	anonymous := further(true)
	doc := input.New(anonymous.Request, nil, access.NoAssurance(), decided.Unix())
	anonymous.Claims, anonymous.Document = nil, &doc
	for name, row := range map[string]struct {
		v             pdp.Valued
		result, error any
		token         bool // the input has one
	}{
		"a text":                   {further("menu"), "menu", nil, true},
		"false":                    {further(false), false, nil, true},
		"undefined":                {undefined, nil, nil, true},
		"of nobody, who may ask":   {anonymous, true, nil, false},
		"of nobody":                {refusedDocument(access.NoCredentials), nil, map[string]any{"code": "no_credentials", "message": "No credentials were presented."}, false},
		"a token that is refused":  {refusedDocument(access.TokenExpired), nil, map[string]any{"code": "token_expired", "message": "The token was not accepted."}, false},
		"a fault":                  {refusedDocument(access.PolicyError), nil, map[string]any{"code": "policy_error", "message": "No decision could be made: the policy is at fault."}, false},
		"a fault that nobody knew": {refusedDocument("odd"), nil, map[string]any{"code": "odd", "message": ""}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "", nil)
			w.log.Valued(t.Context(), row.v)
			got := w.one()
			if diff := cmp.Diff([]any{row.result, row.error, row.token}, []any{got["result"], at(got, "custom", "error"), at(got, "input", "token") != nil}); diff != "" {
				t.Errorf("result, error and whether there is a token in %v (-want +got)\n%s", got, diff)
			}
			if at(got, "input", "resource", "id") != "/open" {
				t.Errorf("the event does not say what was asked about: %v", got)
			}
		})
	}
}

// TestFurtherMasked: the policy's masks reach what a further document says, and its drop lets
// go of it; without a policy nothing of it is told.
func TestFurtherMasked(t *testing.T) {
	w := newWorld(t, `mask contains {"op": "upsert", "path": "/result/names", "value": "**"}
mask contains "/result/slashed~1key"
mask contains "/input/token/claims/email"
drop if input.path == "shop/web/dropped"
`, nil)
	dropped := further("x")
	dropped.Further.Name = "shop.web.dropped"
	w.log.Valued(t.Context(), dropped)
	w.log.Valued(t.Context(), further(access.Object{"names": []any{"Alice"}, "slashed/key": "x", "count": 1.0}))
	got := w.one()
	if diff := cmp.Diff(map[string]any{"names": "**", "count": 1.0}, got["result"]); diff != "" {
		t.Errorf("the masked result (-want +got)\n%s", diff)
	}
	if claims := at(got, "input", "token", "claims").(map[string]any); claims["email"] != nil || claims["sub"] != "alice" {
		t.Errorf("the masked claims: %v", claims)
	}
	w = newWorld(t, "", nil, func(c *decisionlog.Config, _ map[string]any) {
		c.Masks = func(context.Context) (bool, error) { return false, nil }
	})
	w.log.Valued(t.Context(), further("menu"))
	if got := w.one(); got["result"] != nil || got["input"] != nil || got["path"] != "shop/web/menu" {
		t.Errorf("without a policy, and so without masks: %v", got)
	}
	// A path that is not in the result harms nothing.
	w = newWorld(t, "mask contains \"/result/names\"\n", nil)
	w.log.Valued(t.Context(), further([]any{"Alice"}))
	if got := w.one(); cmp.Diff([]any{"Alice"}, got["result"]) != "" {
		t.Errorf("a path that is not there: %v", got)
	}
}

// TestFurtherHasNoToken: whatever a policy tells, and wherever a caller puts it, no event has
// the token.
func TestFurtherHasNoToken(t *testing.T) {
	v := further(nil)
	secret := v.Request.Credential.Reveal()
	v.Further.Value = access.Object{"said": []any{"Bearer " + secret, access.Object{secret: secret}}, "authorization": "x", "n": 1.0}
	v.Request.Context = access.Object{"seen": secret}
	doc := input.New(v.Request, v.Claims, v.Decision.Assurance, decided.Unix())
	v.Document = &doc
	w := newWorld(t, "", nil)
	w.log.Valued(t.Context(), v)
	w.one()
	if text := string(w.service.Events()[0]); strings.Contains(text, secret) || strings.Contains(text, "c2lnbmF0dXJl") || strings.Count(text, "[redacted]") != 5 {
		t.Errorf("the event %s", text)
	}
}
