package policy

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"stepup/sidecar/access"
	"stepup/sidecar/input"
	"stepup/sidecar/token"
)

// now is the moment of the questions in these tests.
const breakNow = 1795428120

func TestAgeBreakpoints(t *testing.T) {
	for name, row := range map[string]struct {
		rules  string
		want   []int64 // breakpoints that must be among those found
		static []int64 // ages known without a document; nil: not that simple
		lost   bool
	}{
		"no age":            {`allow if "mfa" in input.assurance.levels`, nil, []int64{}, false},
		"at most":           {`allow if input.assurance.age <= 3600`, []int64{3600}, []int64{3600}, false},
		"turned around":     {`allow if 3600 >= input.assurance.age`, []int64{3600}, []int64{3600}, false},
		"hole":              {"allow if input.assurance.age <= 60\nallow if { input.assurance.age >= 3600; input.assurance.age <= 7200 }", []int64{60, 3600, 7200}, []int64{60, 3600, 7200}, false},
		"not equal":         {"allow if { input.assurance.age != 100; input.assurance.age <= 3000 }", []int64{100, 3000}, []int64{100, 3000}, false},
		"negated":           {"allow if not old\nold if input.assurance.age > 300", []int64{300}, []int64{300}, false},
		"through a local":   {"allow if { a := input.assurance.age; a < 300; a > 5 }", []int64{5, 300}, []int64{5, 300}, false},
		"else":              {"allow := false if input.assurance.age > 600\n\nelse := true", []int64{600}, []int64{600}, false},
		"limit by else":     {"allow if input.assurance.age <= limit\nlimit := 600 if input.resource.id == \"/a\"\n\nelse := 3600", []int64{600}, nil, false},
		"counted":           {"allow if count(problems) == 0\nproblems contains \"old\" if input.assurance.age > 900", []int64{900}, []int64{900}, false},
		"function":          {"allow if fresh(600)\nfresh(limit) if input.assurance.age <= limit", []int64{600}, nil, false},
		"fraction":          {`allow if input.assurance.age <= 99.5`, []int64{99}, []int64{99}, false},
		"by the clock":      {`allow if input.now - input.assurance.auth_time < 900`, []int64{900}, nil, false},
		"by the claim":      {`allow if input.now - input.token.claims.auth_time <= 1234`, []int64{1234}, nil, false},
		"absolute":          {`allow if input.assurance.auth_time > 1795428000`, []int64{120}, []int64{}, false},
		"twice as old":      {`allow if input.assurance.age * 2 <= 100`, []int64{50}, []int64{50}, false},
		"sum of two":        {`allow if input.assurance.age + 10 <= 100 - input.assurance.age`, []int64{45}, []int64{45}, false},
		"every":             {`allow if every m in [60, 90] { input.assurance.age < m }`, []int64{60}, nil, false},
		"modulo":            {`allow if input.assurance.age % 2 == 0`, nil, nil, true},
		"object.get":        {`allow if object.get(input, ["assurance", "age"], 0) < 5`, nil, nil, true},
		"whole input":       {`allow if { walk(input, [["assurance", "age"], a]); a < 5 }`, nil, nil, true},
		"with":              {"allow if young with input.assurance.age as 3\nyoung if input.assurance.age < 5", nil, nil, true},
		"as a value":        {"allow if { x := input.assurance.age < 5; x }", nil, nil, true},
		"in a string":       {`allow if sprintf("%d", [input.assurance.age]) == "5"`, nil, nil, true},
		"in a set":          {`allow if input.assurance.age in {1, 2, 3}`, nil, nil, true},
		"huge number":       {`allow if input.assurance.age < 1e99`, nil, []int64{}, false},
		"business hours":    {`allow if time.clock(input.now * 1000000000)[0] < 25`, nil, nil, false},
		"divided":           {`allow if input.assurance.age / 60 <= 5`, nil, nil, true},
		"key of an object":  {`allow if {"5": true}[format_int(input.assurance.age, 10)]`, nil, nil, true},
		"unified in array":  {`allow if { [a, 1] = [input.assurance.age, 1]; a < 10 }`, []int64{10}, nil, false},
		"yielded by a rule": {"allow if double < 100\ndouble := input.assurance.age * 2", []int64{50}, []int64{50}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := snapshotOf(t, "package p\n\n"+row.rules+"\n")
			ages, known, err := s.AgeBreakpoints(context.Background(), breakDocument(), []string{"auth_time"})
			if err != nil {
				t.Fatalf("AgeBreakpoints: %v", err)
			}
			if known == row.lost {
				t.Fatalf("AgeBreakpoints known = %v, want %v", known, !row.lost)
			}
			for _, want := range row.want {
				if !slices.Contains(ages, want) {
					t.Errorf("AgeBreakpoints = %v, want %d among them", ages, want)
				}
			}
			static := slices.Clone(s.thresholds)
			slices.Sort(static)
			if (static == nil) != (row.static == nil) || !slices.Equal(slices.Compact(static), row.static) {
				t.Errorf("thresholds = %v, want %v", static, row.static)
			}
		})
	}
}

func breakDocument() input.Document {
	claims := &token.Claims{
		Issuer: "https://idp.example/", Subject: "alice", Kind: token.AccessToken, Binding: token.BindingNone,
		ExpiresAt:  breakNow + 3600,
		Vocabulary: token.Vocabulary{Name: "oidc"},
		All:        token.ClaimsOf(access.Object{"auth_time": json.Number("1795428120")}),
	}
	a := access.Assurance{Level: "mfa", Levels: []string{"normal", "mfa"}, Methods: []string{"otp"}, AuthTime: breakNow, Told: true}
	req := access.Request{Action: access.Action{Name: "GET"}, Resource: access.Resource{Type: "route", ID: "/a"}}
	return input.New(req, claims, a, breakNow)
}

func snapshotOf(t *testing.T, rego string) *Snapshot {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "p.rego"), []byte(rego), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Open(t.Context(), Config{Path: dir, Package: "p"})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return p.Current()
}
