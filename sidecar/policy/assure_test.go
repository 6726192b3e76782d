package policy_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
	"stepup/sidecar/policy"
	"stepup/sidecar/token"
)

// Assure asks the library about the document's token, whatever the document said of its
// assurance before. How claims are read is the library's own test.
func TestAssure(t *testing.T) {
	person := access.Assurance{
		Level: "mfa", Levels: []string{"normal", "mfa"}, Methods: []string{"pwd", "otp"}, AuthTime: now - 120, Told: true,
	}
	told := func(a access.Assurance) access.Assurance { a.Told = true; return a }
	for _, row := range []struct {
		name   string
		claims *token.Claims
		want   policy.Reading
	}{
		{"no token", nil, policy.Reading{Assurance: access.NoAssurance()}},
		{"a person", &token.Claims{All: token.ClaimsOf(access.Object{
			"authentication_level": "mfa", "amr": []any{"pwd", "otp"}, "auth_time": json.Number("1795428000")})},
			policy.Reading{Assurance: person, Invalid: []string{}}},
		{"nothing told", &token.Claims{All: token.ClaimsOf(access.Object{"sub": "x"})},
			policy.Reading{Assurance: access.NoAssurance(), Invalid: []string{}}},
		{"a machine by its mark, whatever its claims say", &token.Claims{Mark: token.Machine, All: token.ClaimsOf(access.Object{"authentication_level": "mfa"})},
			policy.Reading{Assurance: told(access.NoAssurance()), Invalid: []string{}}},
		{"a claim of the wrong type", &token.Claims{All: token.ClaimsOf(access.Object{"authentication_level": json.Number("2")})},
			policy.Reading{Assurance: told(access.NoAssurance()), Invalid: []string{"authentication_level"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			doc := alice("phr")
			if doc.Token = row.claims; doc.Token != nil {
				doc.Token.Vocabulary.Name = "auth0-rule"
			}
			got, err := snapshot(t, rego("allow := true")).Assure(context.Background(), doc)
			if diff := cmp.Diff(row.want, got); err != nil || diff != "" {
				t.Errorf("Assure: %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestAssureAfterItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := snapshot(t, rego("allow := true")).Assure(ctx, alice())
	if !errors.Is(err, policy.ErrTimeout) {
		t.Errorf("Assure: %v, want ErrTimeout", err)
	}
}

// Every fault is an access.Fault with the code that callers are told.
func TestFaultCodes(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for _, row := range []struct {
		ctx  context.Context
		rego string
		want access.Code
	}{
		{context.Background(), `allow := "yes"`, access.PolicyContract},
		{context.Background(), `allow if to_number("x")`, access.PolicyError},
		{ended, `allow := true`, access.PolicyTimeout},
	} {
		_, err := snapshot(t, rego(row.rego)).Evaluate(row.ctx, alice())
		var f *access.Fault
		if !errors.As(err, &f) || f.Code != row.want {
			t.Errorf("Evaluate of %s: %v, want the code %s", row.rego, err, row.want)
		}
	}
}

// A panic in the engine is a fault like any other.
func TestBrokenEngine(t *testing.T) {
	err := policy.BrokenEngine()
	if !errors.Is(err, policy.ErrEvaluation) {
		t.Errorf("run: %v, want ErrEvaluation", err)
	}
	wantText(t, err, "the engine broke: runtime error")
}
