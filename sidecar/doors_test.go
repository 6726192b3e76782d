package sidecar_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/cases"
)

// doors are all doors of a sidecar. A door has a file of its own, doors_NAME_test.go, and
// one row here.
func doors() []door {
	return append([]door{
		nativeDoor(),
		dataDoor(),
		envoyDoor(),
		authzenDoor(),
	}, forwardAuthDoors()...)
}

// A door is one way to put a case to a sidecar and to read what its caller is told.
//
// TestCorpus puts every case through every door, in one world that has them all. The
// expectation is the case's: a door may show less of the answer, and never another one.
type door struct {
	// name is the one in the record.
	name string
	// config is what an operator writes for it, merged into the worlds' configuration by
	// its top-level keys; nil: nothing.
	config map[string]any
	// unsaid are the kinds of cases that its protocol has no words for, and why. A case of
	// such a kind is left out; every other one has to be answered.
	unsaid map[kind]string
	// shows are the parts of an answer that its callers are told. The outcome always is.
	shows []part
	// ask puts a case, at the moment that the world's clock shows already. The token is
	// signed; empty: there is none. It runs alone in its world.
	ask func(t *testing.T, w *world, c cases.Case, token string) seen
}

// A seen is an answer as the caller of a door reads it. What a door does not show is left
// at its zero value.
type seen struct {
	Outcome     string // allow, deny, step_up or fault
	Reasons     []cases.Reason
	StepUp      map[string]any // as the native door writes it
	HTTP        *cases.HTTP    // what the user's client is to be answered
	Obligations []any
	Headers     map[string]string // for the upstream
}

// A part is one of the things that an answer may show.
type part string

const (
	reasonsPart      part = "reasons"
	faultReasonsPart part = "reasons of a fault"
	stepUpPart       part = "step_up"
	httpPart         part = "http"
	obligationsPart  part = "obligations"
	headersPart      part = "headers"
)

// A kind is something about a case that some protocols have no words for.
type kind string

const (
	rawBody          kind = "a body in the native door's own words"
	evidenceKind     kind = "an ID token beside an access token"
	describedRequest kind = "an HTTP request that the caller describes"
	otherResource    kind = "a resource that is no route"
	otherAction      kind = "an action that is no HTTP method"
	withContext      kind = "a context, or properties"
	spacedToken      kind = "a token with a space in it"
	nobodyShown      kind = "nobody, shown back by the policy"
)

// kinds says which cases are of a kind.
func kinds() map[kind]func(cases.Case) bool {
	return map[kind]func(cases.Case) bool{
		rawBody:          func(c cases.Case) bool { return c.Body != nil },
		evidenceKind:     func(c cases.Case) bool { return c.Request["id_token"] != nil },
		describedRequest: func(c cases.Case) bool { return c.Request["request"] != nil },
		otherResource:    func(c cases.Case) bool { return member(c, "resource")["type"] != "route" },
		otherAction:      func(c cases.Case) bool { return !isMethod(member(c, "action")["name"]) },
		withContext: func(c cases.Case) bool {
			return len(member(c, "context"))+len(properties(member(c, "action")))+len(properties(member(c, "resource"))) > 0
		},
		spacedToken: func(c cases.Case) bool { return c.Token != nil && strings.ContainsAny(c.Token.Text, " \t") },
		nobodyShown: func(c cases.Case) bool { return c.Token == nil && c.Policy.Folder == "mirror" },
	}
}

// member returns an object of the question; empty if there is none.
func member(c cases.Case, name string) map[string]any {
	object, _ := c.Request[name].(map[string]any)
	return object
}

func properties(entity map[string]any) map[string]any {
	object, _ := entity["properties"].(map[string]any)
	return object
}

func isMethod(name any) bool {
	text, _ := name.(string)
	return slices.Contains([]string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
	}, text)
}

// leavesOut says why a door does not carry a case; empty: it does.
func (d door) leavesOut(c cases.Case) string {
	for kind, is := range kinds() {
		if why, unsaid := d.unsaid[kind]; unsaid && is(c) {
			return string(kind) + ": " + why
		}
	}
	return ""
}

// through puts one case through a door and holds the answer to the cases.Expectation.
func (d door) through(t *testing.T, w *world, c cases.Case, token string) {
	t.Helper()
	if d.leavesOut(c) != "" {
		return
	}
	w.asking.Lock()
	defer w.asking.Unlock()
	w.now.Store(c.Now)
	w.last = nil
	got := d.ask(t, w, c, token)
	if diff := cmp.Diff(d.want(t, c.Expect), got); diff != "" {
		t.Errorf("%s\ncall at the door %s, at %d:\n%s\nanswer (-want +got):\n%s", c.Description, d.name, c.Now, told(t, c), diff)
	}
	if w.last != nil && w.last.Request.Door != d.name {
		t.Errorf("recorded as asked at the door %q, want %q", w.last.Request.Door, d.name)
	}
}

// want is an expectation as far as a door shows it.
func (d door) want(t *testing.T, e cases.Expectation) seen {
	t.Helper()
	whole, err := e.WantWhole(cases.Answer{})
	if err != nil {
		t.Fatal(err)
	}
	return d.shown(seen{
		Outcome: e.Outcome, Reasons: whole.Reasons, StepUp: whole.StepUp,
		HTTP: whole.HTTP, Obligations: whole.Obligations, Headers: whole.Headers,
	})
}

// shown is a whole answer as far as a door shows it.
func (d door) shown(whole seen) seen {
	part := seen{Outcome: whole.Outcome}
	for _, p := range d.shows {
		switch p {
		case reasonsPart:
			if whole.Outcome != "fault" {
				part.Reasons = whole.Reasons
			}
		case faultReasonsPart:
			if whole.Outcome == "fault" {
				part.Reasons = whole.Reasons
			}
		case stepUpPart:
			part.StepUp = whole.StepUp
		case httpPart:
			part.HTTP = whole.HTTP
		case obligationsPart:
			part.Obligations = whole.Obligations
		case headersPart:
			part.Headers = whole.Headers
		}
	}
	return part
}

// TestDoorsLeaveOut holds every door to saying why it leaves cases out, to leaving out
// some by every reason that it gives, and to carrying most.
func TestDoorsLeaveOut(t *testing.T) {
	corpus := loadCorpus(t)
	for _, d := range doors() {
		left := 0
		for _, c := range corpus {
			if d.leavesOut(c) != "" {
				left++
			}
		}
		t.Logf("%s carries %d of %d cases", d.name, len(corpus)-left, len(corpus))
		if 3*left > len(corpus) {
			t.Errorf("the door %s leaves out %d of %d cases", d.name, left, len(corpus))
		}
		for kind, why := range d.unsaid {
			is, known := kinds()[kind]
			if !known || why == "" || !slices.ContainsFunc(slices.Collect(maps.Values(corpus)), is) {
				t.Errorf("the door %s leaves out %q because %q: no such kind, no case of it, or no reason", d.name, kind, why)
			}
		}
	}
}

// nativeDoor is the model of a row. Its answers are held to more by TestCorpus itself.
func nativeDoor() door {
	return door{
		name:  "native",
		shows: []part{reasonsPart, faultReasonsPart, stepUpPart, httpPart, obligationsPart, headersPart},
		ask: func(t *testing.T, w *world, c cases.Case, token string) seen {
			t.Helper()
			answer, text := post(t, w.url+"/v1/decision", bodyOf(t, c, token), nil)
			got := read(t, answer, text)
			if got.Status != http.StatusOK {
				got.Outcome = "fault"
			}
			return seen{
				Outcome: got.Outcome, Reasons: got.Reasons, StepUp: got.StepUp,
				HTTP: got.HTTP, Obligations: got.Obligations, Headers: got.Headers,
			}
		},
	}
}

// post sends JSON and returns the answer with its text.
func post(t *testing.T, url string, body []byte, header http.Header) (*http.Response, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	request.Header.Set("Content-Type", "application/json")
	return do(t, request)
}

// decodeNumbers keeps the digits of numbers, and refuses members that nobody knows.
func decodeNumbers(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// do sends a request and returns the answer with its text.
func do(t *testing.T, request *http.Request) (*http.Response, []byte) {
	t.Helper()
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, text
}

// tokenOf is the token of a case; empty: none is presented.
func tokenOf(t *testing.T, c cases.Case, keys keyring) string {
	t.Helper()
	switch {
	case c.Token == nil:
		return ""
	case c.Token.Text != "":
		return c.Token.Text
	}
	return keys.sign(t, *c.Token)
}

// bodyOf is the body to post to the native door.
func bodyOf(t *testing.T, c cases.Case, token string) []byte {
	t.Helper()
	body, err := c.Question(func(cases.Token) (string, error) { return token, nil })
	if err != nil {
		t.Fatal(err)
	}
	return body
}
