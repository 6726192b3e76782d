package sidecar_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
)

// TestCorpus puts every case of testdata/cases to a sidecar as it is assembled for
// serving, over HTTP, at the case's moment. The Rego test beside the cases reads the
// same files.
func TestCorpus(t *testing.T) {
	corpus := loadCorpus(t)
	if len(corpus) < 70 {
		t.Fatalf("%d cases", len(corpus))
	}
	worlds := newWorlds(t)
	for name, c := range corpus {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			call := callOf(t, c, worlds.keys)
			got, detail := worlds.of(t, c).ask(t, c.Now, call)
			if diff := cmp.Diff(c.Expect.told(t, got), got); diff != "" {
				t.Errorf("%s\ncall: POST /v1/decision at %d\n%s\ngot:\n%s\nwant: as got, but (-want +got)\n%s",
					c.Description, c.Now, c.told(t), detail, diff)
			}
		})
	}
}

// told is an answer as its caller reads it, and who was taken to have asked.
type told struct {
	Status      int // of the call itself
	RetryAfter  bool
	Outcome     string
	Decision    bool
	Reasons     []expectedReason
	Subject     string // empty unless a token was verified
	Assurance   *expectedAssurance
	HTTP        *expectedHTTP
	ValidUntil  any // a number, or "absent"
	Obligations []any
	Headers     map[string]string
	StepUp      map[string]any
}

// told is what an expectation means on the wire. What it leaves open is taken from got.
func (e expectation) told(t *testing.T, got told) told {
	t.Helper()
	want := told{Status: http.StatusOK, Outcome: e.Outcome, Decision: e.Outcome == "allow", Reasons: e.Reasons}
	if e.Problem != nil {
		want.Status, want.Outcome = e.Problem.Status, "deny"
		want.RetryAfter = want.Status == http.StatusServiceUnavailable
		return want
	}
	want.HTTP, want.Subject, want.Headers = e.HTTP, e.Subject, e.Headers
	if want.Assurance = e.Assurance; want.Assurance == nil {
		want.Assurance = &expectedAssurance{Level: access.NoLevel, Levels: []string{}, Methods: []string{}}
	}
	if want.ValidUntil = got.ValidUntil; e.ValidUntil != nil {
		want.ValidUntil = asJSON(t, e.ValidUntil)
	}
	if e.Obligations != nil {
		want.Obligations = asJSON(t, e.Obligations).([]any)
	}
	if e.StepUp != nil {
		want.StepUp = asJSON(t, e.StepUp).(map[string]any)
	}
	return want
}

// callOf is the body to post.
func callOf(t *testing.T, c corpusCase, keys keyring) []byte {
	t.Helper()
	if c.Body != nil {
		return []byte(*c.Body)
	}
	question := map[string]any{}
	for member, value := range c.Request {
		question[member] = value
	}
	if c.Token != nil {
		question["token"] = keys.sign(t, *c.Token)
	}
	body, err := json.Marshal(question)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// told shows a call with the facts of its token, which tell more than its text.
func (c corpusCase) told(t *testing.T) string {
	t.Helper()
	if c.Body != nil {
		return *c.Body
	}
	text, err := json.MarshalIndent(map[string]any{"request": c.Request, "token": c.Token}, "  ", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return "  " + string(text)
}

// ask posts a call at one moment. The detail is for the report of a failure: the answer
// as it came, and what the log tells besides.
func (w *world) ask(t *testing.T, now int64, body []byte) (got told, detail string) {
	t.Helper()
	w.asking.Lock()
	defer w.asking.Unlock()
	w.now.Store(now)
	w.last = nil
	answer, err := http.Post(w.url+"/v1/decision", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	got = read(t, answer, text)
	detail = "  " + strings.TrimSpace(string(text))
	if w.last == nil {
		return got, detail
	}
	if w.last.Claims != nil && got.Status == http.StatusOK {
		got.Subject = w.last.Subject.Type
	}
	if w.last.Fault != nil {
		detail += "\n  log: " + w.last.Fault.Error()
	}
	return got, detail
}

// read takes an answer apart, and holds it to what is true of every answer.
func read(t *testing.T, answer *http.Response, text []byte) told {
	t.Helper()
	media := "application/json"
	got := told{}
	if answer.StatusCode == http.StatusOK {
		got = readDecision(t, text)
	} else {
		media = "application/problem+json"
		got = readProblem(t, answer.StatusCode, text)
	}
	got.Status = answer.StatusCode
	got.RetryAfter = answer.Header.Get("Retry-After") != ""
	if answer.Header.Get("Content-Type") != media || answer.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the answer came with %v", answer.Header)
	}
	return got
}

func readDecision(t *testing.T, text []byte) told {
	t.Helper()
	var d struct {
		Outcome     string             `json:"outcome"`
		Decision    bool               `json:"decision"`
		DecisionID  string             `json:"decision_id"`
		Revision    string             `json:"revision"`
		Reasons     []expectedReason   `json:"reasons"`
		Assurance   *expectedAssurance `json:"assurance"`
		Obligations []any              `json:"obligations"`
		Headers     map[string]string  `json:"headers"`
		HTTP        *expectedHTTP      `json:"http"`
		ValidUntil  any                `json:"valid_until"`
		StepUp      map[string]any     `json:"step_up"`
	}
	if err := decodeJSON(text, &d); err != nil {
		t.Fatalf("%v in the answer %s", err, text)
	}
	if d.DecisionID == "" || d.Revision == "" {
		t.Errorf("decision_id %q, revision %q", d.DecisionID, d.Revision)
	}
	if d.ValidUntil == nil {
		d.ValidUntil = "absent"
	}
	return told{
		Outcome: d.Outcome, Decision: d.Decision, Reasons: d.Reasons, Assurance: d.Assurance, HTTP: d.HTTP,
		ValidUntil: d.ValidUntil, Obligations: d.Obligations, Headers: d.Headers, StepUp: d.StepUp,
	}
}

func readProblem(t *testing.T, status int, text []byte) told {
	t.Helper()
	var p struct {
		Type       string           `json:"type"`
		Title      string           `json:"title"`
		Status     int              `json:"status"`
		Detail     string           `json:"detail"`
		Outcome    string           `json:"outcome"`
		Decision   bool             `json:"decision"`
		Reasons    []expectedReason `json:"reasons"`
		DecisionID string           `json:"decision_id"`
	}
	if err := decodeJSON(text, &p); err != nil {
		t.Fatalf("%v in the problem document %s", err, text)
	}
	if p.Status != status || p.Type != "about:blank" || p.Title != http.StatusText(status) || p.Detail == "" {
		t.Errorf("a problem document with status %d: %s", status, text)
	}
	return told{Outcome: p.Outcome, Decision: p.Decision, Reasons: p.Reasons}
}

// elsewhere lists the codes that no case can show, and the tests that show them.
func elsewhere() map[access.Code]at {
	return map[access.Code]at{
		access.Overloaded:            {"protocol/echo_test.go", "TestConcurrencyIsLimited"}, // takes two callers at once
		access.CallerUnauthenticated: {"protocol/callers_test.go", "TestAdmit"},             // is about the caller, not the question
		access.CallerForbidden:       {"protocol/callers_test.go", "TestAdmit"},
		access.StepUpUnmet:           {"pdp/guard_test.go", "TestLoops"}, // takes three logins
	}
}

// at is where a test is, seen from this folder.
type at struct{ file, test string }

// Every code that callers can be told is told to one.
func TestCorpusShowsEveryCode(t *testing.T) {
	shown := map[access.Code]string{}
	for name, c := range loadCorpus(t) {
		for _, r := range c.Expect.Reasons {
			shown[access.Code(r.Code)] = name
		}
	}
	for _, row := range access.Codes() {
		other, excused := elsewhere()[row.Code]
		switch by := shown[row.Code]; {
		case excused && by != "":
			t.Errorf("%s is shown by the case %s: take it out of the list of other tests", row.Code, by)
		case excused:
			requireTest(t, other)
		case by == "":
			t.Errorf("no case is answered with %s (%s)", row.Code, row.Meaning)
		}
	}
}

func requireTest(t *testing.T, a at) {
	t.Helper()
	text, err := os.ReadFile(a.file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "\nfunc "+a.test+"(t *testing.T) {\n") {
		t.Errorf("%s has no test %s", a.file, a.test)
	}
}
