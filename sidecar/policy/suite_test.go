package policy_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/input"
	"stepup/sidecar/policy"
)

const suitePolicy = `package shop

default allow := false

allow if {
	input.resource.id == "/orders"
	"badge" in input.assurance.levels
}

allow if {
	input.resource.id == "/never"
	input.action.name == "GET"
}
`

// tested runs the tests of a folder with the policy above.
func tested(t *testing.T, tests string, s policy.Suite) *policy.SuiteReport {
	t.Helper()
	dir := folder(t, files{
		"shop.rego": suitePolicy, "shop_test.rego": tests,
		"stepup/levels/data.json": `{"badge": {"implies": ["normal"]}}`,
	})
	report, err := policy.Test(t.Context(), dir, policy.Config{Package: "shop"}, s)
	if err != nil {
		t.Fatal(err)
	}
	for i := range report.Tests {
		report.Tests[i].Took = 0
		report.Tests[i].File = strings.TrimPrefix(report.Tests[i].File, dir+"/")
		report.Tests[i].Failure.File = strings.TrimPrefix(report.Tests[i].Failure.File, dir+"/")
	}
	return report
}

// What is told of each kind of failure. The shipped samples and the policy's own levels are
// there, and an error of a built-in is no silence.
func TestSuiteFailures(t *testing.T) {
	rows := []struct {
		name, body string
		want       policy.Failure // zero: it passes
	}{
		{"passes", `data.shop.allow with input as data.stepup.samples.document([data.stepup.samples.request("GET", "/never")])`, policy.Failure{}},
		{"knows own levels", `"normal" in data.stepup.levels.badge.implies`, policy.Failure{}},
		{"is not allowed", `data.shop.allow with input as {}`,
			policy.Failure{Text: `data.shop.allow with input as {}`, Got: "false or undefined", Want: "true"}},
		{"is allowed", `not 1 == 1`, policy.Failure{Text: `not 1 == 1`, Got: "true", Want: "false or undefined"}},
		{"differs", `count([1, 2]) == 3`, policy.Failure{Text: `count([1, 2]) == 3`, Got: "2", Want: "3"}},
		{"is no comparison of two", `startswith("ab", "b")`, policy.Failure{Text: `startswith("ab", "b")`}},
	}
	text := "package shop_test\n"
	for _, row := range rows {
		text += "test_one if {\n\t" + row.body + "\n}\n"
	}
	report := tested(t, text, policy.Suite{})
	if len(report.Tests) != len(rows) || len(report.Broken)+len(report.Inputs) > 0 {
		t.Fatalf("Test = %+v", report)
	}
	for n, row := range rows {
		got := report.Tests[n]
		if row.want.Text != "" {
			row.want.File, row.want.Line = "shop_test.rego", 3*n+3
		}
		if diff := cmp.Diff(row.want, got.Failure); diff != "" || got.Passed != (row.want.Text == "") {
			t.Errorf("%s: passed %t, failure (-want +got)\n%s", row.name, got.Passed, diff)
		}
	}
}

func TestSuiteTellsErrorsSkipsAndParts(t *testing.T) {
	report := tested(t, `package shop_test

test_error if not to_number("x") == 1

todo_test_later if false

test_parts[name] if {
	some name, want in {"good": true, "bad": false}
	want == true
}
`, policy.Suite{})
	if len(report.Tests) != 3 {
		t.Fatalf("Test = %+v", report)
	}
	if got := report.Tests[0]; got.Passed || !strings.Contains(got.Failure.Text, "to_number") {
		t.Errorf("an error of a built-in below not: %+v", got)
	}
	if got := report.Tests[1]; !got.Skipped || got.Passed && !got.Skipped {
		t.Errorf("a test to do: %+v", got)
	}
	if got := report.Tests[2]; got.Passed || !slices.Equal(got.Failure.Cases, []string{"bad"}) {
		t.Errorf("a test of parts: %+v", got)
	}
}

// The place that is told is of the test that failed, however many run.
func TestSuiteTellsTestsApart(t *testing.T) {
	var b strings.Builder
	b.WriteString("package shop_test\n")
	for range 50 {
		b.WriteString("test_fails if 1 == 2\ntest_passes if 1 == 1\n")
	}
	report := tested(t, b.String(), policy.Suite{})
	if len(report.Tests) != 100 {
		t.Fatalf("%d tests, want 100", len(report.Tests))
	}
	for _, one := range report.Tests {
		if fails := one.Line%2 == 0; one.Passed == fails || fails && one.Failure.Line != one.Line {
			t.Errorf("the test of line %d: passed %t, failure %+v", one.Line, one.Passed, one.Failure)
		}
	}
}

func TestSuiteRunsWhatMatches(t *testing.T) {
	report := tested(t, "package shop_test\ntest_a if true\ntest_b if true\n", policy.Suite{Run: regexp.MustCompile(`shop_test\.test_b$`)})
	if len(report.Tests) != 1 || report.Tests[0].Name != "test_b" {
		t.Errorf("Test = %+v", report.Tests)
	}
}

// A test of what never happens is none: members, types and values are those of documents.
// What is missing is nothing but missing.
func TestSuiteHoldsInputsToTheSchema(t *testing.T) {
	rows := []struct{ input, want string }{
		{`{}`, ""},
		{`{"resource": {"id": "/orders"}}`, ""},
		{`{"token": {"claims": {"any": {"thing": 1}}}, "context": {"x": 1}}`, ""},
		{`{"resource": {"idd": "/orders"}}`, `no document has input.resource.idd; did you mean "id"?`},
		{`{"assurence": {}}`, `no document has input.assurence; did you mean "assurance"?`},
		{`{"assurance": {"age": "60"}}`, "input.assurance.age is a string in this test, and a whole number in every document"},
		{`{"assurance": {"age": 0.5}}`, "input.assurance.age is a number in this test, and a whole number in every document"},
		{`{"assurance": {"levels": {"mfa"}}}`, "input.assurance.levels is a set in this test, and an array in every document"},
		{`{"token": {"scopes": ["a", 7]}}`, "input.token.scopes[1] is a number in this test, and a string in every document"},
		{`{"subject": {"type": "robot"}}`, `input.subject.type is never "robot"; it is user or client`},
		{`{"context": null}`, "input.context is null in this test, and an object in every document"},
	}
	text := "package shop_test\n"
	for _, row := range rows { // two lines each
		text += "test_it if data.shop.allow == false with input as " + row.input + "\n"
		text += "test_it if not data.shop.allow with input as " + row.input + "\n"
	}
	told := map[int]string{}
	for _, f := range tested(t, text, policy.Suite{}).Inputs {
		told[f.Line] += f.Message
	}
	for n, row := range rows {
		for _, line := range []int{2*n + 2, 2*n + 3} {
			if told[line] != row.want {
				t.Errorf("with input as %s: told %q of line %d, want %q", row.input, told[line], line, row.want)
			}
		}
	}
}

// Coverage is of the policy's rules, by tests and by what cases lead to.
func TestSuiteCoverage(t *testing.T) {
	test := "package shop_test\n" + `test_it if data.shop.allow with input as {"resource": {"id": "/orders"}, "assurance": {"levels": ["badge"]}}` + "\ntest_no if not data.shop.allow with input as {}\n"
	report := tested(t, test, policy.Suite{})
	if got := report.Coverage; got.Covered == 0 || len(got.Gaps) != 1 || got.Gaps[0].From != 10 || got.Gaps[0].To != 12 {
		t.Errorf("coverage by one test: %+v", got)
	}
	asked := input.Document{}
	asked.Resource.ID, asked.Action.Name = "/never", "GET"
	report = tested(t, test, policy.Suite{Documents: func() ([]input.Document, error) { return []input.Document{asked}, nil }})
	if got := report.Coverage; got.Percent() != 100 || len(got.Gaps) != 0 {
		t.Errorf("coverage by a test and a case: %+v", got)
	}
}

// What is broken is told and nothing is run.
func TestSuiteBroken(t *testing.T) {
	for _, row := range []struct{ file, text, want string }{
		{"shop.rego", "package shop\nallow if input.rsource.id == 1\n", "undefined ref: input.rsource"},
		{"shop.rego", "package shop\nallow if {\n", "rego_parse_error"},
		{"shop.rego", "package shop\nallow if http.send({}).ok\n", "http.send"},
		{"shop.rego", "package other\nallow := true\n", "no package shop here"},
		{"shop_test.rego", "package shop_test\ntest_x if nothing(1)\n", "undefined function nothing"},
		{"stepup/levels/data.json", `{"badge": {"implies": ["nothing"]}}`, "nothing"},
	} {
		all := files{"shop.rego": suitePolicy, "stepup/levels/data.json": `{"badge": {}}`}
		all[row.file] = row.text
		called := false
		report, err := policy.Test(t.Context(), folder(t, all), policy.Config{Package: "shop"},
			policy.Suite{Documents: func() ([]input.Document, error) { called = true; return nil, nil }})
		if err != nil || len(report.Tests) > 0 || called {
			t.Errorf("%s with %q: Test = %+v, %v; asked about cases: %t", row.file, row.text, report, err, called)
			continue
		}
		if len(report.Broken) == 0 || !strings.Contains(report.Broken[0].Message, row.want) {
			t.Errorf("%s with %q: broken %v, want %q", row.file, row.text, report.Broken, row.want)
		}
	}
}

func TestPackagesOf(t *testing.T) {
	dir := folder(t, files{"a.rego": "package a\nallow := true\n", "b.rego": "package b\nx := 1\n", "a_test.rego": "package a_test\nallow := true\n"})
	if got, err := policy.PackagesOf(t.Context(), dir); err != nil || !slices.Equal(got, []string{"a"}) {
		t.Errorf("PackagesOf = %v, %v; want a", got, err)
	}
}
