package intranet

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"stepup/sidecar/client"
)

// Yours is what the page about somebody's own sign-in tells.
type yours struct {
	Level   string
	Methods []string
	Age     string
	Claims  []claim
	Reads   string // which token the sidecar reads
	Reaches []reach
}

// A claim is one of the ID token's, as JSON.
type claim struct{ Name, Value string }

// A reach is one page, and what it would take to open it.
type reach struct {
	Title, Path, Asks string
	Outcome           string
	Needs             string
}

// doors are the intranet's pages that the sidecar decides about.
func doors() []reach {
	return []reach{
		{Title: "Customers", Path: "/customers", Asks: "any sign-in"},
		{Title: "Employees", Path: "/employees", Asks: "a second factor within an hour"},
		{Title: "Payroll transfer", Path: "/payroll", Asks: "a passkey within five minutes"},
	}
}

// showYours shows the claims of a sign-in, and what they reach. Every row is a decision.
func (i *Intranet) showYours(w http.ResponseWriter, r *http.Request) {
	token, err := i.token(r)
	if err != nil {
		i.unreachable(w, r, err)
		return
	}
	s := i.sessionOf(r)
	if s == nil || token == "" {
		http.Redirect(w, r, "/sign-in?return_to="+url.QueryEscape(r.URL.Path), http.StatusSeeOther)
		return
	}
	y, err := i.yoursOf(r.Context(), s, token)
	if err != nil {
		i.fault(w, r, err)
		return
	}
	i.show(w, r, view{Page: "session", Title: "Your sign-in", Script: true, Yours: y, Provider: originOf(i.config.Issuer)})
}

func (i *Intranet) yoursOf(ctx context.Context, s *session, token string) (yours, error) {
	y := yours{Claims: claimsOf(s.claims()), Reads: i.config.Reads.words(), Reaches: doors()}
	for n := range y.Reaches {
		answer, err := i.ask(ctx, s, token, y.Reaches[n].Path)
		if err != nil {
			return yours{}, err
		}
		y.Reaches[n].Outcome, y.Reaches[n].Needs = answer.Outcome, needs(answer)
		p := i.proofOf(answer.Assurance)
		y.Level, y.Methods, y.Age = p.Level, p.Methods, p.Age
	}
	return y, nil
}

// ask asks what opening a page would come to.
func (i *Intranet) ask(ctx context.Context, s *session, token, path string) (client.Answer, error) {
	q := question(http.MethodGet, path)
	q.Token, q.IDToken = token, i.evidence(s)
	return i.sidecar.Decide(ctx, q)
}

// needs tells a step-up in words.
func needs(a client.Answer) string {
	switch {
	case a.Allowed():
		return "Open to you now."
	case a.StepUp == nil:
		return "Closed. No sign-in would change that."
	}
	text := "Sign in with " + a.StepUp.Level
	if a.StepUp.MaxAge != nil {
		text += ", at most " + lasting(time.Duration(*a.StepUp.MaxAge)*time.Second) + " ago"
	}
	return text + "."
}

func lasting(d time.Duration) string {
	switch {
	case d%time.Hour == 0 && d >= time.Hour:
		return plural(int(d/time.Hour), "hour")
	case d%time.Minute == 0 && d >= time.Minute:
		return plural(int(d/time.Minute), "minute")
	}
	return plural(int(d/time.Second), "second")
}

func plural(n int, word string) string {
	if n == 1 {
		return "one " + word
	}
	return strconv.Itoa(n) + " " + word + "s"
}

func (s *session) claims() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tokens.claims
}

// first are the claims that tell how somebody signed in.
var first = []string{"authentication_level", "acr", "amr", "auth_time"}

// claimsOf lists claims by name, those about the sign-in first.
func claimsOf(text []byte) []claim {
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil {
		return nil
	}
	var list []claim
	for name, value := range members {
		var compact bytes.Buffer
		if json.Compact(&compact, value) == nil {
			list = append(list, claim{name, compact.String()})
		}
	}
	slices.SortFunc(list, func(a, b claim) int {
		if x, y := rank(a.Name), rank(b.Name); x != y {
			return x - y
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list
}

func rank(name string) int {
	if n := slices.Index(first, name); n >= 0 {
		return n
	}
	return len(first)
}
