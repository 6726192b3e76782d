package explain_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"stepup/sidecar/access"
	"stepup/sidecar/derive"
	"stepup/sidecar/explain"
	"stepup/sidecar/pdp"
	"stepup/sidecar/policy"
	"stepup/sidecar/token"
)

// The issuers of people in the rooms.
const (
	timed    = "https://timed.example/"
	timeless = "https://timeless.example/"
)

var vocabularies = map[string]string{timed: "rooms", timeless: "rooms-timeless"}

// Each row is told as a golden file in testdata/golden.
func TestLogins(t *testing.T) {
	pin := access.Object{"acr": "pin", "auth_time": json.Number("1795428000")}
	for name, row := range map[string]struct {
		issuer, resource string
		claims           access.Object
	}{
		"level_too_low":      {timed, "/vault", pin},
		"login_too_old":      {timed, "/vault", access.Object{"acr": "card", "auth_time": json.Number("1795420000")}},
		"time_not_told":      {timed, "/vault", access.Object{"acr": "card"}},
		"any_age":            {timed, "/archive", pin},
		"window_too_short":   {timed, "/lock", pin},
		"age_misread":        {timed, "/clockwork", pin},
		"scope_insufficient": {timed, "/till", pin},
		"policy_at_fault":    {timed, "/scales", pin},
		"not_allowed":        {timed, "/nowhere", pin},
		"login_time_unknown": {timeless, "/vault", access.Object{"acr": "pin"}},
	} {
		t.Run(name, func(t *testing.T) {
			golden(t, "logins_"+name+".txt", sought(t, row.issuer, row.resource, row.claims).Text())
		})
	}
}

func TestLoginsJSON(t *testing.T) {
	logins := sought(t, timed, "/vault", access.Object{"acr": "pin", "auth_time": json.Number("1795428000")})
	got, err := json.MarshalIndent(logins, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "logins_level_too_low.json", string(got)+"\n")
}

// The logins are told only where some were tried.
func TestNoLogins(t *testing.T) {
	var none *explain.Logins
	if got := none.Text(); got != "" {
		t.Errorf("Text of none: %q, want nothing", got)
	}
}

// sought decides as the program does and explains the logins that were tried.
func sought(t *testing.T, issuer, resource string, claims access.Object) *explain.Logins {
	t.Helper()
	p, err := policy.Open(context.Background(), policy.Config{
		Path: "testdata/rooms", Package: "rooms",
		Issuers: []policy.Use{{Issuer: timed, Vocabulary: vocabularies[timed]}, {Issuer: timeless, Vocabulary: vocabularies[timeless]}},
	})
	if err != nil {
		t.Fatal(err)
	}
	note := decided(p, &token.Claims{
		Issuer: issuer, Subject: "bob", Scopes: []string{"openid"}, Mark: token.Person, All: token.ClaimsOf(claims),
		Vocabulary: token.Vocabulary{Name: vocabularies[issuer]},
	}, resource)
	trace, err := p.Current().Trace(context.Background(), *note.Document)
	if err != nil {
		t.Fatal(err)
	}
	e := explain.New(note.Decision, &trace)
	if err := e.Seek(context.Background(), p.Current(), asked(note)); err != nil {
		t.Fatal(err)
	}
	return e.Logins
}

// asked is what was tried, as the command hands it on.
func asked(note pdp.Record) explain.Sought {
	s := explain.Sought{Vocabulary: note.Searched.Vocabulary, Present: *note.Document}
	for _, trial := range note.Searched.Tried {
		one := explain.Tried{Login: trial.Login, Number: trial.Number + 1, Documents: note.Searched.Documents(trial.Number), MaxAge: trial.MaxAge}
		one.Would, one.TooShort = trial.Err == nil, errors.Is(trial.Err, derive.ErrTooShort)
		if trial.Err != nil && !one.TooShort && !errors.Is(trial.Err, derive.ErrRefused) {
			one.Fault = trial.Err
		}
		s.Tried = append(s.Tried, one)
	}
	return s
}

// decided asks the real decider; only the signature of the token is missing.
func decided(p *policy.Policies, claims *token.Claims, resource string) (note pdp.Record) {
	d := pdp.New(pdp.Config{
		Verifier: proved{claims},
		Policy:   func() pdp.Policy { return p.Current() },
		Recorder: recorder{&note},
		Now:      func() time.Time { return time.Unix(now, 0) },
		Deadline: time.Minute,
	})
	d.Decide(context.Background(), access.Request{
		Credential: access.NewCredential("proved"), Resource: access.Resource{Type: "route", ID: resource},
	})
	return note
}

type proved struct{ claims *token.Claims }

func (p proved) Verify(context.Context, time.Time, access.Credential) (*token.Claims, error) {
	return p.claims, nil
}

type recorder struct{ last *pdp.Record }

func (r recorder) Record(_ context.Context, note pdp.Record) { *r.last = note }
