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
	"stepup/sidecar/cases"
)

// TestCorpus puts every case of testdata/cases to a sidecar as it is assembled for
// serving, over HTTP, at the case's moment: whole at the native door, then once more
// through every door (doors_test.go). The Rego test beside the cases reads the same files.
func TestCorpus(t *testing.T) {
	corpus := loadCorpus(t)
	if len(corpus) < 70 {
		t.Fatalf("%d cases", len(corpus))
	}
	worlds := newWorlds(t)
	for name, c := range corpus {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			world, token := worlds.of(t, c), tokenOf(t, c, worlds.keys)
			got, detail := world.ask(t, c.Now, bodyOf(t, c, token))
			want, err := c.Expect.WantWhole(got)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s\ncall: POST /v1/decision at %d\n%s\ngot:\n%s\nwant: as got, but (-want +got)\n%s",
					c.Description, c.Now, told(t, c), detail, diff)
			}
			for _, d := range doors() {
				t.Run(d.name, func(t *testing.T) { d.through(t, world, c, token) })
			}
		})
	}
}

// told shows a call with the facts of its token, which tell more than its text.
func told(t *testing.T, c cases.Case) string {
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
func (w *world) ask(t *testing.T, now int64, body []byte) (got cases.Answer, detail string) {
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

// read takes an answer apart, and holds its headers to what is true of every answer.
func read(t *testing.T, answer *http.Response, text []byte) cases.Answer {
	t.Helper()
	media := "application/json"
	if answer.StatusCode != http.StatusOK {
		media = "application/problem+json"
	}
	if answer.Header.Get("Content-Type") != media || answer.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the answer came with %v", answer.Header)
	}
	if again := answer.Header.Get("Retry-After") != ""; again != (answer.StatusCode == http.StatusServiceUnavailable) {
		t.Errorf("an answer with status %d came with Retry-After %q", answer.StatusCode, answer.Header.Get("Retry-After"))
	}
	got, err := cases.Read(answer.StatusCode, text)
	if err != nil {
		t.Error(err)
	}
	return got
}

// elsewhere lists the codes that no case can show, and the tests that show them.
func elsewhere() map[access.Code]at {
	return map[access.Code]at{
		access.Overloaded:            {"protocol/echo_test.go", "TestConcurrencyIsLimited"}, // takes two callers at once
		access.CallerUnauthenticated: {"protocol/callers_test.go", "TestAdmit"},             // is about the caller, not the question
		access.CallerForbidden:       {"protocol/callers_test.go", "TestAdmit"},
		access.SubjectMismatch:       {"authzen_test.go", "TestAuthZENSubjectIsTheTokens"}, // takes a caller that names one
		access.StepUpUnmet:           {"pdp/guard_test.go", "TestLoops"},                   // takes three logins
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
