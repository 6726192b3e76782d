package policy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
	"stepup/sidecar/policy"
)

// What a policy says, or why that is no answer. Every row is one policy of package p.
func TestEvaluate(t *testing.T) {
	allowed := policy.Result{Allow: true}
	refused := policy.Result{}
	for _, row := range []struct {
		name string
		rego string
		want policy.Result
		err  error
		says string
	}{
		{name: "allow", rego: `allow if "mfa" in input.assurance.levels`, want: allowed},
		{name: "allow without if", rego: `allow := true`, want: allowed},
		{name: "a default and no more", rego: `default allow := false`, want: refused},
		{name: "undefined", rego: `allow if "phr" in input.assurance.levels`, want: refused},
		{name: "two rules that agree", rego: "allow if true\nallow if input.now > 0", want: allowed},
		{name: "Rego of an existing policy, unused variable and all", rego: "allow if { x := 1; input.token }", want: allowed},
		{name: "else", rego: `allow := false if input.resource.id == "/x" else := true`, want: allowed},
		{name: "the document's clock", rego: fmt.Sprintf(`allow if { time.now_ns() == %d * 1000000000; input.now == %d }`, now, now), want: allowed},
		{name: "levels are there as data", rego: `allow if "normal" in data.stepup.levels.mfa.implies`, want: allowed},
		{name: "large numbers keep their digits", rego: `allow if input.context.id == 9007199254740993`, want: allowed},

		{name: "string", rego: `allow := "yes"`, err: policy.ErrContract, says: "p.rego:3: allow is a string"},
		{name: "the string true", rego: `allow := "true"`, err: policy.ErrContract, says: "allow is a string"},
		{name: "number", rego: `allow := 1`, err: policy.ErrContract, says: "allow is a number"},
		{name: "null", rego: `allow := null`, err: policy.ErrContract, says: "allow is a null"},
		{name: "object", rego: `allow := {"allow": true}`, err: policy.ErrContract, says: "allow is an object"},
		{name: "set", rego: `allow contains "GET"`, err: policy.ErrContract, says: "allow is a set"},
		{name: "empty set", rego: `allow contains "GET" if false`, err: policy.ErrContract, says: "allow is a set"},
		{name: "array", rego: `allow := [true]`, err: policy.ErrContract, says: "allow is an array"},

		{name: "conflict", rego: "allow := true if input.now > 0\nallow := false if input.token", err: policy.ErrEvaluation, says: "p.rego:4: eval_conflict_error (two rules give allow different values)"},
		{name: "failing built-in", rego: `allow if to_number(input.resource.id) > 0`, err: policy.ErrEvaluation, says: "p.rego:3: eval_builtin_error: to_number"},
		{name: "failing built-in below not", rego: "allow if not bad\nbad if to_number(input.resource.id) > 0", err: policy.ErrEvaluation, says: "p.rego:4"},
		{name: "division by zero below not", rego: `allow if not 1 / (input.now - input.now) == 1`, err: policy.ErrEvaluation, says: "p.rego:3: eval_builtin_error: div (a division by zero)"},
		{name: "rest of a division by zero", rego: `allow if 1 % (input.now - input.now) == 1`, err: policy.ErrEvaluation, says: "eval_builtin_error: rem (a division by zero)"},
		{name: "one key, two values", rego: `allow if {k: v | some v in [1, 2]; k := "a"}.a == 1`, err: policy.ErrEvaluation, says: "p.rego:3: eval_conflict_error (one key of an object is given two values)"},
		{name: "remote schemas are not fetched", err: policy.ErrEvaluation, says: "eval_builtin_error: json.match_schema",
			rego: `allow if not json.match_schema({}, {"$ref": "http://127.0.0.1:1/x.json"})[0]`},

		{name: "reasons as a set", rego: `reasons contains "Come back in the morning."`,
			want: policy.Result{Reasons: []access.Reason{{Code: "p/reason", Message: "Come back in the morning."}}}},
		{name: "reasons as an array keep their order", rego: `reasons := [{"code": "b", "message": "B"}, {"code": "a", "message": "A"}]`,
			want: policy.Result{Reasons: []access.Reason{{Code: "p/b", Message: "B"}, {Code: "p/a", Message: "A"}}}},
		{name: "reasons undefined", rego: `reasons := ["x"] if false`, want: refused},
		{name: "reasons as a string", rego: `reasons := "no"`, err: policy.ErrContract, says: "p.rego:3: reasons is a string"},
		{name: "reason of another shape", rego: `reasons := [{"code": "a"}]`, err: policy.ErrContract, says: "a reason is an object"},
		{name: "reason with more members", rego: `reasons := [{"code": "a", "message": "A", "level": "mfa"}]`, err: policy.ErrContract},
		{name: "reason with an odd code", rego: `reasons := [{"code": "a/b", "message": "A"}]`, err: policy.ErrContract},
		{name: "reason that is a number", rego: `reasons := [1]`, err: policy.ErrContract},
		{name: "a fault in reasons is one when allowed too", rego: "allow := true\nreasons := [1]", err: policy.ErrContract},

		{name: "obligations as a set", rego: `obligations contains {"id": "watermark", "n": 2}`,
			want: policy.Result{Obligations: []access.Object{{"id": "watermark", "n": json.Number("2")}}}},
		{name: "obligations as an array", rego: `obligations := [{"b": 1}, {"a": [{"c"}]}]`,
			want: policy.Result{Obligations: []access.Object{{"b": json.Number("1")}, {"a": []any{[]any{"c"}}}}}},
		{name: "obligation that is a string", rego: `obligations := ["log"]`, err: policy.ErrContract, says: "an obligation is a string"},
		{name: "obligation that is no UTF-8", rego: `obligations := [{"a": [{base64.decode("/w=="): 1}]}]`, err: policy.ErrContract, says: "nothing that JSON can tell"},
		{name: "obligation with a number of Rego's own", rego: `obligations := [{"a": to_number(x)} | some x in ["00012"]]`, err: policy.ErrContract, says: "nothing that JSON can tell"},
		{name: "reason that is no UTF-8", rego: `reasons contains base64.decode("/w==")`, err: policy.ErrContract, says: "nothing that JSON can tell"},
		{name: "obligations as an object", rego: `obligations := {"id": "log"}`, err: policy.ErrContract, says: "obligations is an object"},

		{name: "headers", rego: `headers := {"X-Stepup-User": input.subject.id, "x-stepup-level": "mfa"}`,
			want: policy.Result{Headers: map[string]string{"x-stepup-user": "auth0|alice", "x-stepup-level": "mfa"}}},
		{name: "headers by name", rego: `headers["X-Stepup-User"] := input.subject.id`,
			want: policy.Result{Headers: map[string]string{"x-stepup-user": "auth0|alice"}}},
		{name: "header twice", rego: `headers := {"X-A": "1", "x-a": "1"}`, err: policy.ErrContract, says: "there twice"},
		{name: "header with a list", rego: `headers := {"x-a": ["1"]}`, err: policy.ErrContract, says: "p.rego:3"},
		{name: "header with a number", rego: `headers := {"x-a": 1}`, err: policy.ErrContract},
		{name: "header that splits", rego: `headers := {"x-a": "1\r\nx-b: 2"}`, err: policy.ErrContract, says: "printable ASCII"},
		{name: "header beyond ASCII", rego: `headers := {"x-a": "ü"}`, err: policy.ErrContract},
		{name: "header name with a space", rego: `headers := {"x a": "1"}`, err: policy.ErrContract, says: "not the name of a header"},
		{name: "header name empty", rego: `headers := {"": "1"}`, err: policy.ErrContract},
		{name: "header name a number", rego: `headers := {1: "1"}`, err: policy.ErrContract},
		{name: "header that decides about the request", rego: `headers := {"Authorization": "Bearer x"}`, err: policy.ErrContract, says: `"authorization" is not a policy's`},
		{name: "headers as a set", rego: `headers contains "x"`, err: policy.ErrContract, says: "headers is a set"},
		{name: "a fault in headers is one when allowed too", rego: "allow := true\nheaders := []", err: policy.ErrContract},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := snapshot(t, rego(withAllow(row.rego)))
			doc := alice("normal", "mfa")
			doc.Context = access.Object{"id": json.Number("9007199254740993")}
			got, err := s.Evaluate(context.Background(), doc)
			if !errors.Is(err, row.err) || (err == nil) != (row.err == nil) {
				t.Fatalf("Evaluate: error %v, want %v", err, row.err)
			}
			if row.says != "" {
				wantText(t, err, row.says)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("Evaluate (-want +got):\n%s", diff)
			}
		})
	}
}

// What a policy looks at may be somebody's data: the engine's message, a name that was
// computed and what broke are not in the error, which is logged. The author is told.
func TestFaultsTellNoData(t *testing.T) {
	const secret = "SECRET.alice@example.com"
	for _, row := range []struct{ name, rego, says, authorReads string }{
		{"number", `allow if to_number(input.context.id) > 0`, "p.rego:3: eval_builtin_error: to_number (this function cannot work with what it was given here)", secret},
		{"time", `allow if time.parse_rfc3339_ns(input.context.id) > 0`, "eval_builtin_error: time.parse_rfc3339_ns", secret},
		{"a pattern", `allow if regex.match(concat("", ["(", input.context.id]), "x")`, "eval_builtin_error: regex.match", secret},
		{"operand", `allow if count(input.now) > 0`, "p.rego:3: eval_type_error: count", "operand"},
		{"name of a header", `headers := {concat(" ", ["x", input.context.id]): "1"}`, "p.rego:3: a name of headers", secret},
		{"name of a header with a bad value", `headers := {concat("-", ["x", "SECRET.alice"]): "ü"}`, "p.rego:3: the value of a header", "SECRET.alice"},
		{"name of a header twice", `headers := {"X-SECRET.alice": "1", "x-SECRET.alice": "2"}`, "p.rego:3: a header is there twice", "SECRET.alice"},
		{"remote schemas are not fetched", `allow if not json.match_schema({}, {"$ref": "http://127.0.0.1:1/x.json"})[0]`, "json.match_schema", "remote reference loading disabled"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, doc := snapshot(t, rego(withAllow(row.rego))), alice()
			doc.Context = access.Object{"id": secret}
			_, err := s.Evaluate(context.Background(), doc)
			wantText(t, err, row.says)
			if strings.Contains(err.Error(), "SECRET") {
				t.Errorf("Evaluate: error %q, want nothing of what the policy looked at", err)
			}
			trace, err := s.Trace(context.Background(), doc)
			must(t, err)
			wantText(t, trace.Fault, row.says, row.authorReads)
		})
	}
}

// withAllow completes a policy that is about something else.
func withAllow(rego string) string {
	if hasAllow := len(rego) > 5 && rego[:5] == "allow" || len(rego) > 13 && rego[:13] == "default allow"; hasAllow {
		return rego
	}
	return rego + "\nallow if false"
}

// What is named like an output but stands in a package below is none.
func TestEvaluatePackagesBelow(t *testing.T) {
	s := snapshot(t, rego(`allow if data.p.headers.ok`).with(files{
		"below.rego":          "package p.headers\n\nok := true\n",
		"p/reasons/data.json": `{"a": 1}`,
	}))
	got, err := s.Evaluate(context.Background(), alice())
	if diff := cmp.Diff(policy.Result{Allow: true}, got); err != nil || diff != "" {
		t.Errorf("Evaluate: %v (-want +got):\n%s", err, diff)
	}
}

func TestEvaluateEndsWithItsContext(t *testing.T) {
	s := snapshot(t, rego(`allow if {
	some a in numbers.range(1, 5000)
	some b in numbers.range(1, 5000)
	some c in numbers.range(1, 5000)
	a + b + c == -1
}`))
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	got, err := s.Evaluate(ctx, alice("normal"))
	if !errors.Is(err, policy.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Evaluate: error %v, want ErrTimeout for the deadline", err)
	}
	if got.Allow {
		t.Errorf("Evaluate: %+v, want a refusal", got)
	}
}

func TestEvaluateAfterItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	got, err := snapshot(t, rego(`allow := true`)).Evaluate(ctx, alice("normal"))
	if !errors.Is(err, policy.ErrTimeout) || got.Allow {
		t.Errorf("Evaluate: %+v, %v, want ErrTimeout", got, err)
	}
}
