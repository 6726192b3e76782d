package protocol

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"stepup/sidecar/access"
)

// TestAppendMembers holds what is written by hand to what the library makes of the types: random
// answers, with everything there and not there that an answer can have.
func TestAppendMembers(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 11))
	faults := 0
	for n := range 5000 {
		a := randomAnswer(r)
		want, wrong := Encode(a)
		got, err := a.AppendMembers([]byte("{"))
		if (err == nil) != (wrong == nil) {
			t.Fatalf("%d: %+v\n got %s, %v\nwant %s, %v", n, a, got, err, want, wrong)
		}
		if err != nil {
			faults++
			continue
		}
		if got := string(got) + "}"; got != string(want) {
			t.Fatalf("%d:\n got %s\nwant %s", n, got, want)
		}
	}
	if faults == 0 || faults > 2500 {
		t.Errorf("%d of 5000 answers cannot be written: the others are what this is about, and some of these", faults)
	}
}

func randomAnswer(r *rand.Rand) Answer {
	a := Answer{
		DecisionID: randomText(r), Revision: randomText(r), Reasons: []Reason{}, Assurance: Assurance{
			Level: randomText(r), Levels: randomTexts(r), Methods: randomTexts(r), AuthTime: randomNumber(r),
		},
		Headers: randomObject(r), HTTP: HTTPAnswer{Status: int(randomNumber(r)), WWWAuthenticate: randomTexts(r)}, ValidUntil: randomNumber(r),
	}
	for range r.IntN(3) {
		a.Reasons = append(a.Reasons, Reason{randomText(r), randomText(r)})
	}
	if r.IntN(2) == 0 {
		a.StepUp = &StepUp{Login: randomLogin(r), Alternatives: []Login{}}
		for range r.IntN(3) {
			a.StepUp.Alternatives = append(a.StepUp.Alternatives, randomLogin(r))
		}
	}
	for n := range r.IntN(3) {
		a.Obligations = append(a.Obligations, access.Object{
			randomText(r): json.Number("1.50"), "n": int64(n), "list": []any{nil, true, randomText(r)}, "o": map[string]any{"b": json.Number("1e3"), "a": "<b>"},
		})
	}
	return a
}

func randomLogin(r *rand.Rand) Login {
	l := Login{Level: randomText(r), ACRValues: randomTexts(r), AuthorizationRequest: randomObject(r)}
	if r.IntN(2) == 0 {
		age := randomNumber(r)
		l.MaxAge = &age
	}
	return l
}

func randomObject(r *rand.Rand) map[string]string {
	if r.IntN(4) == 0 {
		return nil
	}
	o := map[string]string{}
	for range r.IntN(12) {
		o[randomText(r)+fmt.Sprint(r.IntN(100))] = randomText(r)
	}
	return o
}

func randomTexts(r *rand.Rand) []string {
	list := []string{}
	for range r.IntN(3) {
		list = append(list, randomText(r))
	}
	return list
}

func randomNumber(r *rand.Rand) int64 { return [...]int64{0, 1, -1, 3600, 1795428000}[r.IntN(5)] }

// Few texts are no UTF-8, so that most answers can be written.
func randomText(r *rand.Rand) string {
	if r.IntN(200) == 0 {
		return "\xff"
	}
	letters := []string{"a", "Z", "\"", "\\", "\n", "\x00", "\x7f", "<", "&", "é", "𝄞", "\u2028", "\ufffd", "/", "mfa", " "}
	var b strings.Builder
	for range r.IntN(6) {
		b.WriteString(letters[r.IntN(len(letters))])
	}
	return b.String()
}
