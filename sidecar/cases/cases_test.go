package cases_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/cases"
)

const good = `refund:
  description: a refund
  now: 1795428120
  request: {action: {name: POST}, resource: {id: /refunds}}
  token:
    header: {alg: ES256}
    claims: {iss: https://login.example, sub: alice}
  expect:
    outcome: step_up
    reasons: [level_too_low, {shop/late: Too late.}]
    step_up: {level: mfa, max_age: 600}
`

func TestParse(t *testing.T) {
	got, err := cases.Parse("refund", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != "refund" || got.Line != 8 || got.Now != 1795428120 {
		t.Errorf("Parse = %+v", got)
	}
	want := []cases.Reason{{Code: "level_too_low", Message: "A stronger sign-in is required."}, {Code: "shop/late", Message: "Too late."}}
	if diff := cmp.Diff(want, got.Expect.Reasons); diff != "" {
		t.Errorf("reasons (-want +got)\n%s", diff)
	}
	if err := got.Whole(); err == nil {
		t.Error("Whole finds nothing open in a case without issuer")
	}
}

// No slip of the pen makes a case that expects nothing.
func TestParseRefuses(t *testing.T) {
	for _, row := range []struct{ from, to, want string }{
		{"refund:", "refunds:", "its one top-level key must be refund"},
		{"refund:", "other: {}\nrefund:", "its one top-level key must be refund"},
		{"  expect:", "  expects:", "line 8: unknown key expects; the nearest valid key is expect"},
		{"    outcome: step_up", "    outcomes: step_up", "line 9: unknown key outcomes; the nearest valid key is outcome"},
		{"outcome: step_up", "outcome: stepup", `expect.outcome is "stepup"`},
		{"outcome: step_up", "outcome: allow", "line 8: expect.reasons: an allow has no reasons"},
		{"outcome: step_up", "outcome: deny", "a step-up says which"},
		{"outcome: step_up", "outcome: fault", "a fault has expect.problem"},
		{"    step_up: {level: mfa, max_age: 600}\n", "", "a step-up says which"},
		{"step_up: {level: mfa, max_age: 600}", "step_up: {}", "a step-up says which"},
		{"    reasons: [level_too_low, {shop/late: Too late.}]\n", "", "expect.reasons is required"},
		{"level_too_low", "level_to_low", `"level_to_low" is no code of ours`},
		{"{shop/late: Too late.}", "{a: b, c: d}", "a reason is one code"},
		{"  now: 1795428120\n", "", "description and now are required"},
		{"  request:", "  body: x\n  request:", "either request or body"},
		{"header: {alg: ES256}", "text: x", "either text or claims"},
		{"request: {", "request: {token: x, ", "the token stands beside request"},
		{"  now:", "  policy: {folder: x}\n  now:", "policy.package is required"},
		{"step_up: {", "assurance: {level: mfa}\n    step_up: {", "expect.assurance is complete"},
		{"step_up: {", "http: {status: 401}\n    step_up: {", "www_authenticate is required"},
	} {
		text := strings.Replace(good, row.from, row.to, 1)
		if text == good {
			t.Fatalf("the good case has no %q", row.from)
		}
		if _, err := cases.Parse("refund", []byte(text)); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("with %q, Parse = %v; want an error with %q", row.to, err, row.want)
		}
	}
	if _, err := cases.Parse("refund", []byte(good+"---\n"+good)); err == nil {
		t.Error("two documents are taken for one case")
	}
}

func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a[b]c*")
	if list, err := cases.Folder(dir); err != nil || len(list) != 0 {
		t.Errorf("Folder of what is not there = %v, %v", list, err)
	}
	if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "refund.yaml"), []byte(good), 0o600)); err != nil {
		t.Fatal(err)
	}
	list, err := cases.Folder(dir)
	if err != nil || len(list) != 1 || list[0].File != filepath.Join(dir, "refund.yaml") {
		t.Errorf("Folder = %v, %v; want the one case", list, err)
	}
	for _, name := range []string{"more.yml", "more.json"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(good), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := cases.Folder(dir); err == nil || !strings.Contains(err.Error(), name+" would not be run") {
			t.Errorf("Folder with %s = %v", name, err)
		}
		_ = os.Remove(filepath.Join(dir, name))
	}
	if err := os.WriteFile(filepath.Join(dir, "worse.yaml"), []byte("worse: {now: 1}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := cases.Folder(dir); err == nil || !strings.Contains(err.Error(), "worse.yaml") {
		t.Errorf("Folder with a case that is none = %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bad.yaml"), []byte("bad: {nwo: 1}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := cases.Folder(dir); err == nil || !strings.Contains(err.Error(), "worse.yaml") || !strings.Contains(err.Error(), "bad.yaml: line 1: unknown key nwo; the nearest valid key is now") {
		t.Errorf("Folder with two cases that are none = %v; want both told", err)
	}
}

func TestQuestion(t *testing.T) {
	c, err := cases.Parse("refund", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	text, err := c.Question(func(cases.Token) (string, error) { return "signed", nil })
	if err != nil || !strings.Contains(string(text), `"token":"signed"`) {
		t.Errorf("Question = %s, %v", text, err)
	}
	if _, err := c.Question(func(cases.Token) (string, error) { return "", errors.New("no key") }); err == nil {
		t.Error("Question without a key succeeds")
	}
}

const answered = `{"outcome":"step_up","decision":false,"decision_id":"1","revision":"r","reasons":[{"code":"level_too_low","message":"A stronger sign-in is required."}],
"assurance":{"level":"normal","levels":["normal"],"methods":["pwd"],"auth_time":1},
"step_up":{"level":"mfa","max_age":600,"acr_values":["mfa"]},"http":{"status":401,"www_authenticate":["Bearer"]}}`

// What a case states has to be so; what it does not state may be anything, unless silence
// is a statement.
func TestWant(t *testing.T) {
	reasons := []cases.Reason{{Code: "level_too_low", Message: "A stronger sign-in is required."}}
	stated := func(change func(*cases.Expectation)) cases.Expectation {
		e := cases.Expectation{Outcome: "step_up", Reasons: reasons, StepUp: map[string]any{"level": "mfa"}}
		change(&e)
		return e
	}
	got, err := cases.Read(200, []byte(answered))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name   string
		expect cases.Expectation
		want   bool
	}{
		{"a part of the step-up", stated(func(*cases.Expectation) {}), true},
		{"another level", stated(func(e *cases.Expectation) { e.StepUp = map[string]any{"level": "phr"} }), false},
		{"the age as text", stated(func(e *cases.Expectation) { e.StepUp = map[string]any{"max_age": "600"} }), false},
		{"a member that is not there", stated(func(e *cases.Expectation) { e.StepUp = map[string]any{"scope": "x"} }), false},
		{"another outcome", stated(func(e *cases.Expectation) { e.Outcome = "deny"; e.StepUp = nil }), false},
		{"no reasons", stated(func(e *cases.Expectation) { e.Reasons = []cases.Reason{} }), false},
		{"obligations", stated(func(e *cases.Expectation) { e.Obligations = []any{map[string]any{"log": "full"}} }), false},
		{"a header", stated(func(e *cases.Expectation) { e.Headers = map[string]string{"x": "y"} }), false},
		{"a subject", stated(func(e *cases.Expectation) { e.Subject = "user" }), false},
		{"another status", stated(func(e *cases.Expectation) { e.HTTP = &cases.HTTP{Status: 403, WWWAuthenticate: []string{"Bearer"}} }), false},
		{"an end that there is not", stated(func(e *cases.Expectation) { e.ValidUntil = 12 }), false},
		{"no end", stated(func(e *cases.Expectation) { e.ValidUntil = "absent" }), true},
		{"a fault", cases.Expectation{Outcome: "fault", Reasons: reasons, Problem: &cases.Problem{Status: 503}}, false},
	} {
		want, err := row.expect.Want(got)
		if err != nil {
			t.Fatal(err)
		}
		if same := cmp.Diff(want, got) == ""; same != row.want {
			t.Errorf("%s: agrees %t, want %t", row.name, same, row.want)
		}
		if whole, err := row.expect.WantWhole(got); err != nil || cmp.Diff(whole, got) == "" {
			t.Errorf("%s: agrees where silence is a statement (%v)", row.name, err)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for name, row := range map[string]struct {
		status int
		text   string
	}{
		"a member that nobody knows":   {200, strings.Replace(answered, `"outcome"`, `"more":1,"outcome"`, 1)},
		"an answer without revision":   {200, strings.Replace(answered, `"r"`, `""`, 1)},
		"no JSON":                      {200, "<html>"},
		"a problem without a sentence": {503, `{"type":"about:blank","title":"Service Unavailable","status":503}`},
	} {
		if got, err := cases.Read(row.status, []byte(row.text)); err == nil {
			t.Errorf("%s: Read = %+v, want an error", name, got)
		}
	}
}

// Whatever a file says, it is a case that expects something, or an error.
func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("refund: {}"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := cases.Parse("refund", text)
		if err != nil {
			return
		}
		if c.Expect.Outcome == "" || c.Expect.Reasons == nil || c.Line < 1 {
			t.Errorf("Parse(%q) expects nothing: %+v", text, c.Expect)
		}
		if body, err := c.Question(func(cases.Token) (string, error) { return "x", nil }); err == nil && c.Body == nil && !json.Valid(body) {
			t.Errorf("Question is no JSON: %s", body)
		}
	})
}

// Tokens are what the facts say, whoever signed them, and verify with the published keys or
// not, as they should.
func TestKeys(t *testing.T) {
	of := func(alg, by string) cases.Token {
		return cases.Token{Header: map[string]any{"alg": alg, "typ": "at+jwt"}, Claims: map[string]any{"sub": "alice"}, SignedBy: by}
	}
	algorithms := []string{"ES256", "ES384", "ES512", "EdDSA", "RS256", "PS384"}
	var list []cases.Case
	for _, alg := range algorithms {
		facts := of(alg, "")
		list = append(list, cases.Case{Token: &facts})
	}
	keys, err := cases.NewKeys(list)
	if err != nil {
		t.Fatal(err)
	}
	text, err := keys.JWKS()
	if err != nil || strings.Contains(string(text), `"d":`) {
		t.Fatalf("JWKS = %s, %v; want public keys", text, err)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(text, &set); err != nil {
		t.Fatal(err)
	}
	for _, alg := range algorithms {
		for by, want := range map[string]bool{"": true, "issuer": true, "stranger": false, "nobody": false} {
			signed, err := keys.Sign(of(alg, by))
			if err != nil {
				t.Errorf("Sign with %s by %q: %v", alg, by, err)
				continue
			}
			if got := verifies(signed, alg, set); got != want {
				t.Errorf("a token with %s by %q verifies: %t, want %t", alg, by, got, want)
			}
		}
	}
	for _, odd := range []cases.Token{of("HS256", ""), of("none", ""), of("", ""), of("ES256", "me")} {
		if _, err := cases.NewKeys([]cases.Case{{Token: &odd}}); err == nil && odd.SignedBy == "" {
			t.Errorf("there is a key for %q", odd.Header["alg"])
		}
		if signed, err := keys.Sign(odd); err == nil {
			t.Errorf("Sign(%+v) = %s", odd, signed)
		}
	}
	raw, err := keys.Sign(cases.Token{Header: map[string]any{"alg": "ES256", "kid": "other"}, Claims: `{"a":1,"a":2}`})
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil || string(parsed.UnsafePayloadWithoutVerification()) != `{"a":1,"a":2}` || parsed.Signatures[0].Header.KeyID != "other" {
		t.Errorf("a payload as text under another kid: %s, %v", raw, err)
	}
}

func verifies(signed, alg string, set jose.JSONWebKeySet) bool {
	parsed, err := jose.ParseSignedCompact(signed, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
	if err != nil {
		return false
	}
	found := set.Key(parsed.Signatures[0].Header.KeyID)
	if len(found) != 1 {
		return false
	}
	payload, err := parsed.Verify(found[0])
	return err == nil && strings.Contains(string(payload), "alice")
}

func TestDifferences(t *testing.T) {
	c, err := cases.Parse("refund", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	got, err := cases.Read(200, []byte(answered))
	if err != nil {
		t.Fatal(err)
	}
	differences, err := c.Differences(got)
	want := []cases.Difference{{
		Member: "reasons", Got: `["level_too_low: A stronger sign-in is required."]`,
		Want: `["level_too_low: A stronger sign-in is required.","shop/late: Too late."]`,
	}}
	if diff := cmp.Diff(want, differences); err != nil || diff != "" {
		t.Errorf("Differences: %v (-want +got)\n%s", err, diff)
	}
	c.Expect = cases.Expectation{Outcome: "allow", Reasons: []cases.Reason{}, Obligations: []any{}}
	differences, err = c.Differences(got)
	var names []string
	for _, d := range differences {
		names = append(names, d.Member)
	}
	if diff := cmp.Diff([]string{"outcome", "reasons", "step_up.acr_values", "step_up.level", "step_up.max_age"}, names); err != nil || diff != "" {
		t.Errorf("Differences: %v (-want +got)\n%s", err, diff)
	}
}
