package decisionlog_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
	"stepup/sidecar/policy/fleet"
)

// TestMasks shows what each way to write a mask does to the event.
func TestMasks(t *testing.T) {
	claim := []any{"input", "token", "claims", level}
	pointer := "/input/token/claims/https:~1~1fabrikam.example~1authentication_level"
	for name, c := range map[string]struct {
		rules string
		where []any
		want  any    // nil: gone
		noted []any  // where the path is told
		left  string // of the claims, what has to be there still
	}{
		"OPA's own":          {`mask contains "/input/token/claims/email"`, []any{"input", "token", "claims", "email"}, nil, []any{"erased", 0}, level},
		"a JSON pointer":     {fmt.Sprintf("mask contains %q", pointer), claim, nil, []any{"custom", "erased", 0}, "email"},
		"as it is":           {fmt.Sprintf("mask contains %q", "/input/token/claims/"+level), claim, nil, []any{"custom", "erased", 0}, "email"},
		"escaped as a URL":   {`mask contains "/input/token/claims/https:%2F%2Ffabrikam.example%2Fauthentication_level"`, claim, nil, []any{"custom", "erased", 0}, "email"},
		"by the name":        {"mask contains sprintf(\"/input/token/claims/%s\", [name]) if {\n\tsome name, _ in input.input.token.claims\n\tstartswith(name, \"https:\")\n}", claim, nil, []any{"custom", "erased", 0}, "email"},
		"with a tilde":       {`mask contains "/input/token/claims/a~0b"`, []any{"input", "token", "claims", "a~b"}, nil, []any{"custom", "erased", 0}, level},
		"with a space":       {`mask contains "/input/token/claims/full name"`, []any{"input", "token", "claims", "full name"}, nil, []any{"custom", "erased", 0}, level},
		"another value":      {fmt.Sprintf(`mask contains {"op": "upsert", "path": %q, "value": "***"}`, pointer), claim, "***", []any{"custom", "masked", 0}, "email"},
		"an item":            {`mask contains "/input/token/claims/groups/0"`, []any{"input", "token", "claims", "groups", 0}, "two", []any{"erased", 0}, level},
		"the parent":         {`mask contains "/input/token/claims"`, claim, nil, []any{"erased", 0}, ""},
		"the result":         {`mask contains "/result/headers/x-stepup-user"`, []any{"result", "headers", "x-stepup-user"}, nil, []any{"erased", 0}, level},
		"all of it":          {`mask contains "/input"`, []any{"input"}, nil, []any{"erased", 0}, ""},
		"what is not there":  {`mask contains "/input/token/claims/https:~1~1other.example"`, claim, "mfa", nil, "email"},
		"by a condition":     {fmt.Sprintf("mask contains %q\n\nmask contains \"/input/token/claims/email\" if input.input.token.claims[%q] == \"mfa\"", pointer, level), []any{"input", "token", "claims", "email"}, nil, []any{"custom", "erased", 0}, "sub"},
		"from data's helper": {"mask contains p if some p in data.shop.secret", []any{"input", "resource", "id"}, "/open", nil, level},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.rules+"\n", nil)
			r := record()
			w.log.Record(t.Context(), r)
			event := w.one()
			if got := at(event, c.where...); got != c.want {
				t.Errorf("at %v there is %v, want %v", c.where, got, c.want)
			}
			if told := at(event, c.noted...); c.noted != nil && told == nil {
				t.Errorf("at %v no path is told; erased %v, custom %v", c.noted, event["erased"], event["custom"])
			}
			if c.left != "" && at(event, "input", "token", "claims", c.left) == nil {
				t.Errorf("the claim %s is gone too", c.left)
			}
			if diff := cmp.Diff(record().Claims.All.Object(), r.Claims.All.Object()); diff != "" {
				t.Errorf("the claims themselves were changed: %s", diff)
			}
		})
	}
}

// TestRulesOfThePage does what docs/decision-logs.md tells to write.
func TestRulesOfThePage(t *testing.T) {
	w := newWorld(t, ofThePage(t, "rego"), nil)
	dropped := record()
	dropped.Document.Resource.ID = "/catalogue"
	w.log.Record(t.Context(), dropped)
	w.log.Record(t.Context(), record())
	event := w.one()
	claims := at(event, "input", "token", "claims")
	if at(claims, "sub") != "alice" || at(claims, "email") != nil || at(claims, level) != nil || at(event, "input", "request", "headers") != nil {
		t.Errorf("the input is %v", event["input"])
	}
	if at(event, "input", "resource", "id") != "/open" || w.counted(fleet.LostPolicy) != 1 {
		t.Errorf("sent the one about %v; counted %v, want one dropped by the policy", at(event, "input", "resource", "id"), w.counts)
	}
}

// TestMasksThatFail lose the event and not the mask, and are counted.
func TestMasksThatFail(t *testing.T) {
	for name, rules := range map[string]string{
		"no mask":          `mask contains 5`,
		"no set":           `mask := "/input"`,
		"another place":    `mask contains "/labels/id"`,
		"two values":       "mask := [\"/input\"]\n\nmask := [\"/result\"] if input.decision_id",
		"no such op":       `mask contains {"op": "hide", "path": "/input"}`,
		"an escape of one": `mask contains "/input/100%"`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, rules+"\n", nil)
			w.log.Record(t.Context(), record())
			if got := w.written(); len(got) != 0 || w.counted("failed") != 1 {
				t.Errorf("%d events, counted %v; want none, and one failed", len(got), w.counts)
			}
			if !strings.Contains(w.told.String(), record().Decision.ID) {
				t.Errorf("the log does not tell which: %s", w.told.String())
			}
		})
	}
}

// TestDrops: what a policy drops is not sent, and is counted once.
func TestDrops(t *testing.T) {
	w := newWorld(t, "drop if input.result.outcome == \"allow\"\n", nil)
	w.log.Record(t.Context(), record())
	denied := record()
	denied.Decision = access.Decision{ID: "2", Outcome: access.Deny, Assurance: access.NoAssurance(), Reasons: []access.Reason{access.Because(access.NotAllowed)}}
	w.log.Record(t.Context(), denied)
	if event := w.one(); event["decision_id"] != "2" {
		t.Errorf("sent %v", event)
	}
	if w.counted(fleet.LostPolicy) != 1 {
		t.Errorf("counted %v, want one by the policy", w.counts)
	}
}

// TestDropsThatFail: the other two lines of OPA's by which an event goes nowhere.
func TestDropsThatFail(t *testing.T) {
	w := newWorld(t, "drop := true\n\ndrop := false if input.decision_id\n", nil)
	w.log.Record(t.Context(), record())
	if got := w.written(); len(got) != 0 || w.counted(fleet.LostDrop) != 1 {
		t.Errorf("%d events, counted %v; want none, and one drop_failed", len(got), w.counts)
	}
}

// TestMasksOfTheActivePolicy: the next policy's rules hold from the next event on, and
// while there is no policy an event tells nothing that could have to be masked.
func TestMasksOfTheActivePolicy(t *testing.T) {
	w := newWorld(t, "", nil)
	w.log.Start()
	next := w.mustOpen(openPolicy(map[string]string{"shop/policy.rego": allow, "system/log/rules.rego": "package system.log\n\nmask contains \"/input/token\"\n"}))
	write := func() map[string]any {
		before, handed := len(w.service.Events()), w.counted("handed")
		w.log.Record(t.Context(), record())
		await(t, "the event", func() bool { return w.counted("handed") == handed+1 })
		return w.sent()[before]
	}
	if event := write(); at(event, "input", "token") == nil {
		t.Errorf("without a mask the token is not told: %v", event)
	}
	w.policies = next
	if event := write(); at(event, "input", "token") != nil || at(event, "input", "resource") == nil {
		t.Errorf("masked, input is %v", event["input"])
	}
	w.policies = w.none()
	if event := write(); event["input"] != nil || at(event, "result", "headers") != nil || at(event, "result", "outcome") != "allow" {
		t.Errorf("without a policy the event is %v", event)
	}
}
