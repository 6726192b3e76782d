package decisionlog_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
	"stepup/sidecar/decisionlog"
	"stepup/sidecar/input"
	"stepup/sidecar/pdp"
	"stepup/sidecar/token"
)

// TestTextIsTheSameEvent: events are the same where no rule looks at them, and they are text,
// as where one does that lets all pass.
func TestTextIsTheSameEvent(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	records := make([]pdp.Record, 200)
	for n := range records {
		records[n] = drawn(r, n)
		if n > 0 && r.IntN(3) == 0 {
			records[n] = records[r.IntN(n)] // asked again
			records[n].Decision.ID = fmt.Sprint(n)
		}
	}
	both := func(_ *decisionlog.Config, opa map[string]any) {
		opa["decision_logs"].(map[string]any)["console"] = true
	}
	text, seen := newWorld(t, "", nil, both), newWorld(t, "drop if input.decision_id == \"none\"\n", nil, both)
	want, got := byID(seen, records), byID(text, records)
	if len(got) != len(records) || len(want) != len(records) {
		t.Fatalf("%d and %d events of %d decisions; counted %v and %v", len(got), len(want), len(records), text.counts, seen.counts)
	}
	for id, event := range want {
		if diff := cmp.Diff(event, got[id]); diff != "" {
			t.Fatalf("the event %v (-seen by a rule +text)\n%s", id, diff)
		}
	}
	if a, b := lines(t, text), lines(t, seen); !cmp.Equal(a, b) {
		t.Errorf("the console's lines (-seen by a rule +text)\n%s", cmp.Diff(b, a))
	}
}

// byID logs records and returns the events, without what is another in every event.
func byID(w *world, records []pdp.Record) map[any]map[string]any {
	w.Helper()
	for _, r := range records {
		w.log.Record(w.Context(), r)
	}
	events := map[any]map[string]any{}
	for _, event := range w.written() {
		events[event["decision_id"]] = timeless(event)
	}
	return events
}

func timeless(event map[string]any) map[string]any {
	delete(event, "timestamp")
	delete(event, "time")
	delete(event["labels"].(map[string]any), "id")
	return event
}

func lines(t *testing.T, w *world) (all []any) {
	t.Helper()
	for decoder := json.NewDecoder(&w.console); decoder.More(); {
		var line map[string]any
		if err := decoder.Decode(&line); err != nil {
			t.Fatal(err)
		}
		all = append(all, timeless(line))
	}
	return all
}

// secretTexts are what must not be told, in one spelling or another.
var secretTexts = []string{
	"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl", "2YotnFZFEjr1zCsicMWpAA", "Bearer 2YotnFZFEjr1zCsicMWpBB", " DPoP 2YotnFZFEjr1zCsicMWpCC\n",
	"a text", "<b>&\u2028\"\\", "\xff\xfe", "", "\u00e9\u65e5",
}

var drawnNames = []string{"Cookie", "authorization", "x", "y", "a/b", "<&>", secretTexts[0], "\xff", "id_token"}

var drawnNotes = []*access.Note{nil, {}, {}, {}, {}}

// drawn is the record of some decision. Many share claims, and some of these have other secrets
// in the request. Notes are shared by what is not the same, which no door does.
func drawn(r *rand.Rand, n int) pdp.Record {
	one := record()
	one.Decision.ID = fmt.Sprint(n)
	one.Request.Note = drawnNotes[r.IntN(len(drawnNotes))]
	one.Request.Credential = access.NewCredential(secretTexts[r.IntN(2)])
	if r.IntN(4) == 0 {
		one.Request.Evidence = access.NewCredential(secretTexts[r.IntN(2)])
	}
	one.Request.Context, one.Request.Resource.Properties = drawnObject(r, 3), drawnObject(r, 2)
	one.Request.Resource.ID = secretTexts[r.IntN(len(secretTexts))]
	if r.IntN(3) == 0 {
		one.Request.HTTP = nil
	}
	switch r.IntN(6) {
	case 0:
		one.Claims = nil
	case 1:
		one.Claims.All = token.ClaimsOf(drawnObject(r, 3))
	case 2:
		one.Decision.Obligations, one.Decision.Headers = []access.Object{drawnObject(r, 2)}, map[string]string{"x": secretTexts[r.IntN(4)]}
	default:
		one.Claims = sharedClaims[r.IntN(len(sharedClaims))]
	}
	if r.IntN(5) == 0 {
		one.Decision.Outcome, one.Labels, one.Caller = access.Indeterminate, nil, "intranet"
	}
	doc := input.New(one.Request, one.Claims, one.Decision.Assurance, decided.Unix()+int64(n/20))
	one.Document, one.Subject = &doc, doc.Subject
	if r.IntN(7) == 0 {
		one.Document = nil
	}
	return one
}

// sharedClaims are those of tokens that ask often.
var sharedClaims = []*token.Claims{
	{Issuer: "https://idp.example/", Subject: secretTexts[1], All: token.ClaimsOf(access.Object{"nested": "(" + secretTexts[0] + ")", "n": json.Number("1e3")})},
	{Issuer: "https://idp.example/", Subject: "alice", Scopes: []string{"a", secretTexts[1]}, All: token.ClaimsOf(access.Object{"amr": []any{"pwd"}, "f": json.Number("-0.5")})},
}

func drawnObject(r *rand.Rand, depth int) access.Object {
	o := access.Object{}
	for range r.IntN(5) {
		o[drawnNames[r.IntN(len(drawnNames))]] = drawnValue(r, depth)
	}
	return o
}

func drawnValue(r *rand.Rand, depth int) any {
	switch kind := r.IntN(9); {
	case kind == 0 && depth > 0:
		return drawnObject(r, depth-1)
	case kind == 1 && depth > 0:
		return []any{drawnValue(r, depth-1), drawnValue(r, depth-1)}
	case kind == 2:
		return []json.Number{"0", "-0", "12", "-7", "1.5", "1e2", "12345678901234567890123"}[r.IntN(7)]
	case kind == 3:
		return []any{nil, true, false, 7, int64(-8), 1.25, []any{}, []any(nil)}[r.IntN(8)]
	case kind == 4:
		return map[string][]string{"t": {secretTexts[r.IntN(len(secretTexts))]}}
	}
	return secretTexts[r.IntN(len(secretTexts))]
}
