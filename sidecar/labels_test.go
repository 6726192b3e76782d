package sidecar_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar"
	"stepup/sidecar/access"
	"stepup/sidecar/pdp"
	"stepup/sidecar/policy/fleet/fleettest"
	"stepup/sidecar/token/tokentest"
)

// labelled has labels of each scope, of a rule that only helps, of one that never holds, and
// the same ones twice.
const labelled = `# METADATA
# scope: package
# labels: {team: sales, tier: 1}
package shop

# METADATA
# scope: document
# labels: {control: AC-3}
default allow := false

# METADATA
# labels: {way: customers, tier: 2}
allow if {
	input.resource.id == "/customers"
	member
}

# METADATA
# labels: {way: strong}
allow if {
	input.resource.id != "/customers"
	"mfa" in input.assurance.levels
}

# METADATA
# labels: {way: never}
allow if input.resource.id == "/nowhere"

# METADATA
# labels: {owner: crm}
member if input.subject.type == "user"

# METADATA
# labels: {owner: crm}
staff if member
`

// complaining has another output besides, whose rules have labels too.
const complaining = labelled + `
# METADATA
# labels: {tells: why}
reasons contains "sales only" if {
	not allow
	staff
}
`

// silent has no default: an allow that is undefined has no labels, whatever held on the way.
var silent = strings.Replace(labelled, "default allow := false", "allow if input.resource.id == \"/nowhere\"", 1)

// What a stock OPA is asked: the one rule, or all outputs as one.
const (
	askAllow = "/v1/data/shop/allow"
	askBoth  = "/v1/query"
)

// TestRuleLabels compares the labels of rules in our events with those that a stock OPA
// logs of the same documents under the same policy; each is asked about twice, so that the
// second answer is a kept one.
func TestRuleLabels(t *testing.T) {
	for name, c := range map[string]struct {
		policy, ask string
		told        int // events with labels, of six
	}{
		"one rule":     {labelled, askAllow, 6},
		"two outputs":  {complaining, askBoth, 6},
		"undefined":    {silent, askAllow, 4},
		"no labels":    {strings.ReplaceAll(labelled, "labels:", "custom:"), askAllow, 0},
		"nobody's log": {labelled, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "shop.rego"), []byte(c.policy), 0o600); err != nil {
				t.Fatal(err)
			}
			ours, records := labelsOf(t, dir, c.ask != "")
			if c.ask == "" {
				for _, r := range records {
					if r.Labels != nil {
						t.Errorf("labels without a decision log: %v", r.Labels)
					}
				}
				return
			}
			theirs := labelsOfOPA(t, dir, c.ask, records)
			if diff := cmp.Diff(theirs, ours); diff != "" {
				t.Errorf("labels of the rules (-OPA +sidecar)\n%s", diff)
			}
			told := 0
			for _, labels := range ours {
				if labels != nil {
					told++
				}
			}
			if told != c.told {
				t.Errorf("%d of %d events have labels, want %d: %v", told, len(ours), c.told, ours)
			}
		})
	}
}

type keptRecords struct {
	mu  sync.Mutex
	all []pdp.Record
}

func (k *keptRecords) Record(_ context.Context, r pdp.Record) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all = append(k.all, r)
}

// labelsOf asks a sidecar and returns the labels of its events, in the order of the
// questions, and what it recorded.
func labelsOf(t *testing.T, dir string, logged bool) ([]any, []pdp.Record) {
	t.Helper()
	service, issuer, kept := fleettest.NewLogs(t), tokentest.New(t), &keptRecords{}
	opa := ""
	if logged {
		opa = fmt.Sprintf(", opa: {services: {sink: {url: %q}}, decision_logs: {service: sink, reporting: {min_delay_seconds: 3600, max_delay_seconds: 3600}}}", service.URL)
	}
	at := time.Now().Add(time.Minute) // no token is of the future, however long the start takes
	s := start(t, fmt.Sprintf("policy: {path: %q, package: shop, deadline: 30s%s}\nissuers:\n", dir, opa)+issuerEntry(issuer),
		func(o *sidecar.Options) {
			o.Recorder, o.RunOPA, o.Now = kept, true, func() time.Time { return at }
		})
	waitFor(t, "the issuer's keys", func() bool { status, _ := s.ready(); return status == http.StatusOK })
	text := login(issuer)
	for _, resource := range []string{"/customers", "/payroll"} {
		for range 2 {
			s.post("http://"+s.http, fmt.Sprintf(`{"token":%q,"action":{"name":"GET"},"resource":{"type":"route","id":%q}}`, text, resource))
		}
	}
	strong := issuer.Token(map[string]any{"amr": []any{"pwd", "otp", "mfa"}, "auth_time": at.Unix() - 60})
	for range 2 {
		s.post("http://"+s.http, fmt.Sprintf(`{"token":%q,"action":{"name":"GET"},"resource":{"type":"route","id":"/payroll"}}`, strong))
	}
	s.stop()
	if err := <-s.stopped; err != nil {
		t.Errorf("Run: %v", err)
	}
	return labelsIn(t, service.Events()), kept.all
}

func labelsIn(t *testing.T, events []json.RawMessage) []any {
	t.Helper()
	var all []any
	for _, text := range events {
		var e map[string]any
		if err := json.Unmarshal(text, &e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e["rule_labels"])
	}
	return all
}

// labelsOfOPA asks a stock OPA about the same documents and waits for its events.
func labelsOfOPA(t *testing.T, dir, ask string, records []pdp.Record) []any {
	t.Helper()
	service := fleettest.NewLogs(t)
	config := filepath.Join(t.TempDir(), "opa.json")
	text := asJSONText(t, service.Config(map[string]any{"min_delay_seconds": 1, "max_delay_seconds": 1}))
	if err := os.WriteFile(config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	opa := startOPAWith(t, "--config-file", config, dir)
	for _, r := range records {
		body := access.Object{"input": r.Document.Object()}
		if ask == askBoth {
			body["query"] = "result = [[x | x = data.shop.allow], [y | y = data.shop.reasons]]"
		}
		resp, err := http.Post(opa+ask, "application/json", bytes.NewReader(asJSONText(t, body)))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("OPA answers %d", resp.StatusCode)
		}
	}
	waitFor(t, "OPA's events", func() bool { return len(service.Events()) >= len(records) })
	return labelsIn(t, service.Events())
}
