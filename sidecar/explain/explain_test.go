package explain_test

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
	"stepup/sidecar/explain"
	"stepup/sidecar/input"
	"stepup/sidecar/policy"
	"stepup/sidecar/token"
)

var update = flag.Bool("update", false, "write the golden files anew")

const now = 1795428120

// bob asks for a resource; he signed in so many seconds ago.
func bob(resource string, age int64, context access.Object, levels ...string) input.Document {
	claims := &token.Claims{Issuer: "https://idp.example/", Subject: "bob", Scopes: []string{"openid", "read:employees"}}
	a := access.Assurance{Level: access.NoLevel, Levels: levels, Methods: []string{"pwd", "otp"}, AuthTime: now - age, Told: true}
	if n := len(levels); n > 0 {
		a.Level = levels[n-1]
	}
	req := access.Request{Resource: access.Resource{Type: "route", ID: resource}, Context: context}
	return input.New(req, claims, a, now)
}

// traced decides as the pipeline does, as far as an explanation shows it.
func traced(t *testing.T, doc input.Document) (access.Decision, *policy.Trace) {
	t.Helper()
	p, err := policy.Open(context.Background(), policy.Config{Path: "testdata/intranet", Package: "intranet"})
	if err != nil {
		t.Fatal(err)
	}
	trace, err := p.Current().Trace(context.Background(), doc)
	if err != nil {
		t.Fatal(err)
	}
	d := access.Decision{Assurance: doc.Assurance, Revision: "folder@0123456789ab"}
	switch {
	case trace.Fault != nil:
		d.Outcome, d.Reasons = access.Indeterminate, []access.Reason{access.Because(access.PolicyError)}
	case trace.Result.Allow:
		d.Outcome = access.Allow
	default:
		d.Reasons = append([]access.Reason{access.Because(access.NotAllowed)}, trace.Result.Reasons...)
	}
	return d, &trace
}

// Each row is told as a golden file in testdata/golden.
func TestText(t *testing.T) {
	ticket := access.Object{"ticket": "0"}
	for name, doc := range map[string]input.Document{
		"allowed":         bob("/customers", 120, ticket, "normal"),
		"level_too_low":   bob("/employees", 120, access.Object{"ticket": "0", "night": true}, "normal"),
		"login_too_old":   bob("/employees", 7200, ticket, "normal", "mfa"),
		"time_unknown":    bob("/employees", now, ticket, "normal", "mfa"),
		"policy_at_fault": bob("/elsewhere", 120, access.Object{"ticket": "seven"}, "normal"),
		"steers_terminal": bob("/x\x1b[2J\u202e\n", 120, ticket),
	} {
		t.Run(name, func(t *testing.T) {
			d, trace := traced(t, doc)
			golden(t, name+".txt", explain.New(d, trace).Text())
		})
	}
}

func TestTextWithoutPolicy(t *testing.T) {
	d := access.Decision{Reasons: []access.Reason{access.Because(access.TokenExpired)}, Assurance: access.NoAssurance()}
	golden(t, "token_refused.txt", explain.New(d, nil).Text())
}

// A fault is no refusal, whether the policy was asked or not.
func TestTextOfFault(t *testing.T) {
	d := access.Decision{
		Outcome: access.Indeterminate, Reasons: []access.Reason{access.Because(access.KeysUnavailable)}, Assurance: access.NoAssurance(),
	}
	golden(t, "keys_unavailable.txt", explain.New(d, nil).Text())
}

// A package without a rule for allow has its default only.
func TestTextOfDefault(t *testing.T) {
	for allow, want := range map[bool]string{
		false: "The package p has no way to allow.\n",
		true:  "The default of the package p allowed it.\n",
	} {
		trace := policy.Trace{Package: "p", Result: policy.Result{Allow: allow}}
		if got := explain.New(access.Decision{Assurance: access.NoAssurance()}, &trace).Text(); !strings.HasSuffix(got, want) {
			t.Errorf("Text, allow %t: %q, want %q at its end", allow, got, want)
		}
	}
}

func TestJSON(t *testing.T) {
	d, trace := traced(t, bob("/employees", 120, access.Object{"ticket": "0"}, "normal"))
	got, err := json.MarshalIndent(explain.New(d, trace), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "level_too_low.json", string(got)+"\n")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}
