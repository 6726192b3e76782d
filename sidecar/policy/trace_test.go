package policy_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"stepup/sidecar/policy"
)

// What a trace says of one policy: which definition held, or what failed in each.
func TestTrace(t *testing.T) {
	type ways = []policy.Way
	failed := func(line int, text string, more ...func(*policy.Condition)) *policy.Condition {
		c := &policy.Condition{File: "p.rego", Line: line, Text: text}
		for _, m := range more {
			m(c)
		}
		return c
	}
	reads := func(path string, value any) func(*policy.Condition) {
		return func(c *policy.Condition) {
			c.Reads = append(c.Reads, policy.Read{Path: path, Present: value != nil, Value: value})
		}
	}
	asks := func(w ...policy.Way) func(*policy.Condition) {
		return func(c *policy.Condition) { c.Rules = w }
	}
	levels := reads("input.assurance.levels", []any{"normal"})
	for _, row := range []struct {
		name string
		rego string
		want ways
	}{
		{"the rule that allowed, with its title", `
# METADATA
# title: Employees
# description: Salaries inside.
allow if {
	input.resource.id == "/employees"
	"normal" in input.assurance.levels
}`, ways{{Rule: "allow", Title: "Employees", Description: "Salaries inside.", Line: 7, Value: "true"}}},
		{"the first condition that failed in each, defaults left out", `
default allow := false

allow if {
	input.token
	input.resource.id == "/customers"
	"mfa" in input.assurance.levels
}

allow if {
	"mfa" in input.assurance.levels # a comment
	input.assurance.age <= 3600
}`, ways{
			{Rule: "allow", Line: 6, Failed: failed(8, `input.resource.id == "/customers"`, reads("input.resource.id", "/employees"))},
			{Rule: "allow", Line: 12, Failed: failed(13, `"mfa" in input.assurance.levels`, levels)},
		}},
		{"the condition that no element got past", `
allow if {
	some s in input.token.scopes
	startswith(s, "read:")
	s == "read:payroll"
}`, ways{{Rule: "allow", Line: 4, Failed: failed(7, `s == "read:payroll"`)}}},
		{"what is not there", `
allow if input.request.method == "GET"`, ways{{Rule: "allow", Line: 4, Failed: failed(4, `input.request.method == "GET"`, reads("input.request.method", nil))}}},
		{"into the rules that it asks", `
allow if strong
strong if "mfa" in input.assurance.levels
strong if recent
recent if input.assurance.age < 60`, ways{{Rule: "allow", Line: 4, Failed: failed(4, "strong", asks(
			policy.Way{Rule: "strong", Line: 5, Failed: failed(5, `"mfa" in input.assurance.levels`, levels)},
			policy.Way{Rule: "strong", Line: 6, Failed: failed(6, "recent", asks(
				policy.Way{Rule: "recent", Line: 7, Failed: failed(7, "input.assurance.age < 60", reads("input.assurance.age", json.Number("120")))},
			))},
		))}}},
		{"what held below not", `
allow if not old
old if input.assurance.age > 60`, ways{{Rule: "allow", Line: 4, Failed: failed(4, "not old", asks(
			policy.Way{Rule: "old", Line: 5, Value: "true"},
		))}}},
		{"what a function reads", `
allow if fresh(60)
fresh(n) if input.assurance.age < n`, ways{{Rule: "allow", Line: 4, Failed: failed(4, "fresh(60)", reads("input.assurance.age", json.Number("120")))}}},
		{"elements of a partial set", `
allow if count(problems) == 0
problems contains "weak" if not "mfa" in input.assurance.levels`, ways{{Rule: "allow", Line: 4, Failed: failed(4, "count(problems) == 0", asks(
			policy.Way{Rule: `problems contains "weak"`, Line: 5, Value: `"weak"`},
		))}}},
		{"along else", `
allow := false if input.context.closed else := "mfa" in input.assurance.levels if input.token else := true`, ways{
			{Rule: "allow", Line: 4, Failed: failed(4, "input.context.closed", reads("input.context.closed", nil))},
			{Rule: "allow", Line: 4, Value: "false"},
		}},
		{"a variable that gets its value further on", `
allow if {
	x > 500
	x = input.assurance.age
}`, ways{{Rule: "allow", Line: 4, Failed: failed(6, "x = input.assurance.age", reads("input.assurance.age", json.Number("120")))}}},
		{"a condition that cannot be evaluated", `
allow if to_number(input.resource.id) > 0`, ways{{Rule: "allow", Line: 4, Failed: failed(4, "to_number(input.resource.id) > 0",
			func(c *policy.Condition) { c.Fault = "some" }, reads("input.resource.id", "/employees"))}}},
		{"through an import", `
import input.assurance as a
allow if a.age < 60`, ways{{Rule: "allow", Line: 5, Failed: failed(5, "a.age < 60", reads("input.assurance.age", json.Number("120")))}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := snapshot(t, rego(row.rego))
			got, err := s.Trace(context.Background(), alice("normal"))
			must(t, err)
			ignore := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".File" }, cmp.Ignore())
			fault := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Fault" },
				cmp.Comparer(func(a, b string) bool { return (a == "") == (b == "") }))
			if diff := cmp.Diff(row.want, got.Ways, ignore, fault, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(policy.Way{}, "Passed")); diff != "" {
				t.Errorf("Trace (-want +got):\n%s", diff)
			}
		})
	}
}

// How many conditions held tells which definition came closest.
func TestTracePassed(t *testing.T) {
	s := snapshot(t, rego(`allow if input.resource.id == "/customers"

allow if {
	input.resource.id == "/employees"
	"normal" in input.assurance.levels
	input.assurance.age < 60
}

allow if {
	input.token
	input.now > 0
}`))
	trace, err := s.Trace(context.Background(), alice("normal"))
	must(t, err)
	var got []int
	for _, way := range trace.Ways {
		got = append(got, way.Passed)
	}
	if want := []int{0, 2, 2}; !slices.Equal(got, want) {
		t.Errorf("Trace: %v conditions passed, want %v", got, want)
	}
}

// The same places can be looked up in another document, and where the age is misread is told.
func TestTraceOfAnotherDocument(t *testing.T) {
	s := snapshot(t, rego("allow if {\n\t\"mfa\" in input.assurance.levels\n\tinput.assurance.age % 2 == 0\n}"))
	trace, err := s.Trace(context.Background(), alice("normal"))
	must(t, err)
	strong := alice("normal", "mfa")
	then, err := policy.Reread(trace.Ways[0].Failed.Reads, strong)
	must(t, err)
	want := []policy.Read{{Path: "input.assurance.levels", Present: true, Value: []any{"normal", "mfa"}}}
	if diff := cmp.Diff(want, then); diff != "" {
		t.Errorf("Reread (-want +got):\n%s", diff)
	}
	place, misread := s.MisreadAge(context.Background(), strong, nil)
	if !misread || place.Line != 5 || place.Text != "input.assurance.age % 2" {
		t.Errorf("MisreadAge: %+v, %t, want the expression in the third line", place, misread)
	}
	if _, misread := snapshot(t, rego("allow if input.assurance.age <= 60")).MisreadAge(context.Background(), strong, nil); misread {
		t.Error("MisreadAge: a place, want none where the age is understood")
	}
}

func TestTracePlaces(t *testing.T) {
	dir := folder(t, rego(`allow if input.assurance.age < 60`))
	p, err := policy.Open(context.Background(), policy.Config{Path: dir, Package: "p"})
	must(t, err)
	got, err := p.Current().Trace(context.Background(), alice("normal"))
	must(t, err)
	want := filepath.Join(dir, "p.rego")
	if got.Package != "p" || got.Ways[0].File != want || got.Ways[0].Failed.File != want {
		t.Errorf("Trace: %+v, want the file %s", got, want)
	}
}

func TestTraceFault(t *testing.T) {
	got, err := snapshot(t, rego("allow := true\nallow := false")).Trace(context.Background(), alice("normal"))
	must(t, err)
	wantText(t, got.Fault, "eval_conflict_error")
	if len(got.Ways) != 2 || got.Ways[0].Value != "true" || got.Ways[1].Value != "false" {
		t.Errorf("Trace: %+v, want both values", got.Ways)
	}
}
