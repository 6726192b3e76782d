package native

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/labstack/echo/v4"

	"stepup/sidecar/access"
	"stepup/sidecar/heaptest"
	"stepup/sidecar/keep"
)

// deciding answers with what it is given, each time under another id, and counts what it
// was asked.
type deciding struct {
	answer access.Decision
	asked  []access.Request
}

func (d *deciding) Decide(_ context.Context, r access.Request) access.Decision {
	r.Note = nil // which only a door that keeps has
	d.asked = append(d.asked, r)
	answer := d.answer
	answer.ID = string(rune('a'+len(d.asked))) + "-0190-7000-8000-00000000000"
	return answer
}

// answered is the answer to one body, of which a copy is handed over: it may be written to.
func answered(t *testing.T, d *Door, body []byte) ([]byte, error) {
	return d.answerTo(t.Context(), bytes.Clone(body))
}

// TestKeptQuestionsAreAnsweredAnew asks the same text again and again of a door that keeps
// what it read and of one that does not, while the answer changes in every field that an
// answer has: each time both say the same, byte for byte.
func TestKeptQuestionsAreAnsweredAnew(t *testing.T) {
	body := []byte(`{"token":"t","action":{"name":"GET"},"resource":{"type":"route","id":"/a","properties":{"p":1}},"context":{"amount":5}}`)
	keeping, fresh := &deciding{}, &deciding{}
	kept, anew := New(Config{Decider: keeping, Memory: 1 << 20}), New(Config{Decider: fresh})
	for round, answer := range append(decisions(), decisions()...) {
		for range 2 {
			keeping.answer, fresh.answer = answer, answer
			got, err := answered(t, kept, body)
			want, other := answered(t, anew, body)
			if (err == nil) != (other == nil) || !bytes.Equal(got, want) {
				t.Fatalf("round %d: kept %s, %v\nfresh %s, %v", round, got, err, want, other)
			}
		}
	}
	if kept.Bytes() == 0 || anew.Bytes() != 0 {
		t.Errorf("%d bytes are kept, and by the other %d", kept.Bytes(), anew.Bytes())
	}
	if !reflect.DeepEqual(keeping.asked, fresh.asked) {
		t.Error("the two asked different questions")
	}
}

// decisions are a full one of each outcome, each with every field changed, one by one.
func decisions() []access.Decision {
	age := int64(60)
	advice := access.StepUpAdvice{Level: "mfa", MaxAge: &age, ACRValues: []string{"mfa"}, AuthorizationRequest: map[string]string{"scope": "openid"}}
	full := access.Decision{
		Outcome: access.Allow, Assurance: access.Assurance{Level: "normal", Levels: []string{"normal"}, Methods: []string{"pwd"}, AuthTime: 5, Told: true},
		Obligations: []access.Object{{"a": json.Number("1")}}, Headers: map[string]string{"x-a": "1"}, Revision: "r", ValidUntil: 9,
	}
	stepUp := full
	stepUp.Outcome, stepUp.StepUp = access.StepUp, &advice
	stepUp.Reasons = []access.Reason{access.Because(access.LevelTooLow)}
	stepUp.Challenges = access.StepUpChallenges(advice)
	all := []access.Decision{full, stepUp}
	older, other := int64(90), advice
	other.MaxAge, other.Alternatives = &older, []access.StepUpAdvice{advice}
	for _, from := range []access.Decision{full, stepUp} {
		for _, change := range changes(&other) {
			changed := from
			change(&changed)
			all = append(all, from, changed)
		}
	}
	return all
}

// changes has one for every field of a decision: a test counts them.
func changes(other *access.StepUpAdvice) map[string]func(*access.Decision) {
	return map[string]func(*access.Decision){
		"Outcome": func(d *access.Decision) {
			d.Outcome, d.Reasons = access.Deny, []access.Reason{access.Because(access.NotAllowed)}
		},
		"Reasons":     func(d *access.Decision) { d.Reasons = []access.Reason{{Code: "p/a", Message: "b"}} },
		"Assurance":   func(d *access.Decision) { d.Assurance.Levels = []string{"normal", "mfa"} },
		"StepUp":      func(d *access.Decision) { d.StepUp = other },
		"Challenges":  func(d *access.Decision) { d.Challenges = access.StepUpChallenges(*other) },
		"Obligations": func(d *access.Decision) { d.Obligations = []access.Object{{"a": json.Number("2")}} },
		"Headers":     func(d *access.Decision) { d.Headers = map[string]string{"x-a": "2"} },
		"Revision":    func(d *access.Decision) { d.Revision = "s" },
		"ValidUntil":  func(d *access.Decision) { d.ValidUntil = 10 },
	}
}

// Every field of a decision and of an assurance tells two apart.
func TestSameLooksAtEveryField(t *testing.T) {
	fields := reflect.TypeFor[access.Decision]()
	full := decisions()[1]
	other := *full.StepUp
	other.Level, other.ACRValues = "phr", []string{"phr"}
	all := changes(&other)
	for i := range fields.NumField() {
		name := fields.Field(i).Name
		change, known := all[name]
		if !known && name != "ID" {
			t.Errorf("a decision has a field %s: say in same whether it is written, and here how it changes", name)
			continue
		}
		if name == "ID" {
			continue
		}
		changed := full
		if change(&changed); same(full, changed) {
			t.Errorf("decisions that differ in %s are taken for the same", name)
		}
	}
	if !same(full, decisions()[1]) {
		t.Error("equal decisions are not taken for the same")
	}
	for name, part := range map[string]func(*access.Decision) any{
		"Assurance":    func(d *access.Decision) any { return &d.Assurance },
		"StepUp":       func(d *access.Decision) any { return d.StepUp },
		"Alternatives": func(d *access.Decision) any { return &d.StepUp.Alternatives[0] },
		"Challenges":   func(d *access.Decision) any { return &d.Challenges[0] },
		"Claims":       func(d *access.Decision) any { return d.Challenges[0].Claims },
	} {
		whole := everything().Own()
		if !same(whole, everything()) {
			t.Fatal("equal decisions are not taken for the same")
		}
		for i := range reflect.TypeOf(part(&whole)).Elem().NumField() {
			changed := everything()
			field := reflect.ValueOf(part(&changed)).Elem().Field(i)
			named := reflect.TypeOf(part(&changed)).Elem().Field(i).Name
			if name == "Alternatives" && named == name {
				continue // they have none of their own
			}
			if field.IsZero() {
				t.Fatalf("%s.%s is not set", name, named)
			}
			if field.Set(reflect.Zero(field.Type())); same(whole, changed) || same(changed, whole) {
				t.Errorf("decisions that differ in %s.%s are taken for the same", name, named)
			}
		}
	}
}

// everything is a decision with everything in it, made anew.
func everything() access.Decision {
	age, older := int64(60), int64(90)
	advice := access.StepUpAdvice{
		Level: "mfa", MaxAge: &age, ACRValues: []string{"mfa"}, AuthorizationRequest: map[string]string{"scope": "openid"},
		Alternatives: []access.StepUpAdvice{{Level: "phr", MaxAge: &older, ACRValues: []string{"phr"}, AuthorizationRequest: map[string]string{"scope": "a"}}},
	}
	return access.Decision{
		Outcome: access.StepUp, Assurance: access.Assurance{Level: "normal", Levels: []string{"normal"}, Methods: []string{"pwd"}, AuthTime: 5, Told: true},
		StepUp: &advice, Reasons: []access.Reason{access.Because(access.LevelTooLow)},
		Challenges: []access.Challenge{{
			Scheme: "Bearer", Error: "e", Description: "d", ACRValues: []string{"mfa"}, MaxAge: &age, Scope: []string{"openid"},
			Claims: &access.ClaimsChallenge{AuthorizationURI: "https://a.example", Request: "e30="},
		}},
	}
}

// Of what was refused nothing is kept, nor of what is too large to be asked often, nor of what
// could not be read.
func TestWhatIsNotKept(t *testing.T) {
	question := func(filler int) []byte {
		return []byte(`{"token":"t","action":{"name":"GET"},"resource":{"type":"route","id":"/a"},"context":{"a":"` + string(bytes.Repeat([]byte("x"), filler)) + `"}}`)
	}
	for name, row := range map[string]struct {
		answer access.Decision
		body   []byte
	}{
		"refused":    {access.Decision{Outcome: access.Deny, Reasons: []access.Reason{access.Because(access.TokenExpired)}, Assurance: access.NoAssurance()}, question(1)},
		"a fault":    {access.Decision{Outcome: access.Indeterminate, Reasons: []access.Reason{access.Because(access.NotReady)}}, question(1)},
		"large":      {access.Decision{Outcome: access.Allow, Assurance: access.NoAssurance()}, question(mostRead)},
		"unreadable": {access.Decision{Outcome: access.Allow, Assurance: access.NoAssurance()}, []byte(`{"token":"t","token":"u"}`)},
	} {
		d := New(Config{Decider: &deciding{answer: row.answer}, Memory: 1 << 20})
		for range 2 {
			_, _ = answered(t, d, row.body)
		}
		if _, kept := d.read.Get(keep.Text(row.body), func(*read) bool { return true }); kept {
			t.Errorf("%s: kept", name)
		}
	}
}

// TestKeptQuestionsTakeWhatIsTold: what is told of those that are kept bounds the memory for them.
// A question of many small values takes far more than its text, and whoever asks chooses what it looks
// like; an answer is as large as its policy makes it.
func TestKeptQuestionsTakeWhatIsTold(t *testing.T) {
	plain := access.Decision{Outcome: access.Allow, Assurance: access.NoAssurance()}
	large := plain
	for n := range 200 {
		large.Obligations = append(large.Obligations, access.Object{"a": []any{json.Number(fmt.Sprint(n)), "b", nil, access.Object{}}})
	}
	small, named, choice := plain, plain, everything()
	for n := range 200 {
		small.Obligations = append(small.Obligations, access.Object{"a": json.Number(fmt.Sprint(n))})
	}
	named.Headers = map[string]string{}
	for n := range 30 {
		named.Headers[fmt.Sprintf("x-%d", n)] = "v"
	}
	for range 12 {
		choice.StepUp.Alternatives = append(choice.StepUp.Alternatives, choice.StepUp.Alternatives[0])
	}
	for name, row := range map[string]struct {
		answer  access.Decision
		token   int
		context string
	}{
		"a short token":      {plain, 50, `{"ticket":"T-1"}`},
		"a usual token":      {plain, 800, `{"ticket":"T-1"}`},
		"a step-up":          {everything(), 800, `{"ticket":"T-1"}`},
		"a large token":      {plain, 10_000, `{}`},
		"many small values":  {plain, 50, `{"x":[{}` + strings.Repeat(",{}", 5000) + `]}`},
		"nested lists":       {plain, 50, `{"x":[` + strings.Repeat("[[1]],", 2000) + `1]}`},
		"many names":         {plain, 50, `{"a":1` + names(1000) + `}`},
		"a long text":        {plain, 50, `{"x":"` + strings.Repeat("x", 14_000) + `"}`},
		"a large obligation": {large, 800, `{}`},
		"small objects":      {plain, 50, `{"x":[{"a":1}` + strings.Repeat(`,{"a":1}`, 1900) + `]}`},
		"objects in others":  {plain, 50, `{"x":[0` + strings.Repeat(`,{"":{"":{"":{"":0}}}}`, 700) + `]}`},
		"many segments":      {plain, 50, `{},"request":{"path":"` + strings.Repeat("/a", 6000) + `"}`},
		"escaped segments":   {plain, 50, `{},"request":{"path":"` + strings.Repeat(`\u002fa`, 2000) + `"}`},
		"small obligations":  {small, 800, `{}`},
		"many headers":       {named, 300, `{}`},
		"many alternatives":  {choice, 800, `{}`},
	} {
		decider := &deciding{}
		d := New(Config{Decider: decider, Memory: 512 << 20})
		d.forms = nil // which tell of the same values once more, and may be gone
		const many = 100
		before := heaptest.InUse()
		for n := range many {
			body := []byte(fmt.Sprintf(`{"token":"a.%d.%s","action":{"name":"GET"},"resource":{"type":"route","id":"/a%d"},"context":%s}`, n, strings.Repeat("e", row.token), n, row.context))
			for range 3 {
				decider.answer, decider.asked = row.answer, nil
				if _, err := answered(t, d, body); err != nil {
					t.Fatal(err)
				}
			}
		}
		decider.asked = nil
		taken, told := heaptest.InUse()-before, d.Bytes()
		t.Logf("%s: %d bytes for each question, %d told", name, taken/many, told/many)
		if d.read.Len() != many {
			t.Errorf("%s: %d are kept, want %d", name, d.read.Len(), many)
		}
		if told < taken/5*4 {
			t.Errorf("%s: questions take %d bytes, and %d are told", name, taken, told)
		}
		runtime.KeepAlive(d)
	}
}

// names are so many members.
func names(many int) string {
	var b strings.Builder
	for n := range many {
		fmt.Fprintf(&b, `,"n%d":1`, n)
	}
	return b.String()
}

// naming is a decider whose answers name what they were asked about.
type naming struct{}

func (naming) Decide(_ context.Context, r access.Request) access.Decision {
	runtime.Gosched() // others take what is free meanwhile
	return access.Decision{
		ID: "0190-" + r.Resource.ID, Outcome: access.Allow, Assurance: access.NoAssurance(), Headers: map[string]string{"x-user": r.Resource.ID},
	}
}

// TestReadQuestionsAreCopies: what is read of a text stays as it is when another comes into its place.
func TestReadQuestionsAreCopies(t *testing.T) {
	d := New(Config{Decider: naming{}, Memory: 1 << 20, Forward: []string{"x-a"}})
	body := []byte(`{"token":"a.b.c","id_token":"d.e.f","action":{"name":"GET","properties":{"a":["b",{"c":1.5}],"\u0061b":"\u0063d"}},"resource":{"type":"route","id":"/a","properties":{"x":null,"y":true,"z":"12"}},"context":{"n":12345678901234567890},` +
		`"request":{"method":"GET","scheme":"https","host":"h.example","path":"/a/b","query":{"q":["1","2"]},"headers":{"x-a":["v"],"x-b":["w"]},"client_ip":"10.0.0.1"}}`)
	want, err := d.readAnew(bytes.Clone(body))
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.readAnew(body)
	if err != nil {
		t.Fatal(err)
	}
	for n := range body {
		body[n] = '#'
	}
	want.request.Note, got.request.Note = nil, nil // which differ
	if !reflect.DeepEqual(got.request, want.request) {
		t.Errorf("after another text came there is %+v, want %+v", got.request, want.request)
	}
}

// TestBodiesAreUsedAgain asks about many resources at a time, in bodies of many lengths, the most of them
// known: each answer is about its own, and none has anything of a body or of another answer in it.
func TestBodiesAreUsedAgain(t *testing.T) {
	d, e := New(Config{Decider: naming{}, Memory: 8 << 20}), echo.New()
	ask := func(id string, filler int) string {
		body := fmt.Sprintf(`{"token":"secret","action":{"name":"GET"},"resource":{"type":"route","id":%q},"context":{"a":%q}}`, id, strings.Repeat("x", filler))
		r := httptest.NewRequest("POST", "/v1/decision", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		if err := d.decision(e.NewContext(r, w)); err != nil {
			t.Error(err)
		}
		return w.Body.String()
	}
	var askers sync.WaitGroup
	for asker := range 8 {
		askers.Go(func() {
			r := rand.New(rand.NewPCG(3, uint64(asker)))
			for range 400 {
				n := r.IntN(40)
				id := fmt.Sprintf("/%d/%d", asker, n)
				want := fmt.Sprintf(`"x-user":%q`, id)
				if got := ask(id, n*n*4); strings.Count(got, id) != 2 || !strings.Contains(got, want) || strings.Contains(got, "secret") || !json.Valid([]byte(got)) {
					t.Errorf("asked about %s: %s", id, got)
					return
				}
			}
		})
	}
	askers.Wait()
}
