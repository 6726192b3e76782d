package token_test

import (
	"strings"
	"testing"
	"time"

	"stepup/sidecar/token"
)

// TestNewVerifierRefuses: a configuration that would refuse every token, or leave open
// what a token is, does not start.
func TestNewVerifierRefuses(t *testing.T) {
	good := func() token.Issuer {
		return token.Issuer{URL: strictURL, Audiences: []string{api}, Clients: []string{client}, Vocabulary: "oidc", Keys: fixed{}}
	}
	with := func(change func(*token.Issuer)) []token.Issuer {
		i := good()
		change(&i)
		return []token.Issuer{i}
	}
	renamed := func(name, source string) []token.Issuer {
		return with(func(i *token.Issuer) { i.Claims = map[string]string{name: source} })
	}
	for _, row := range []struct {
		name    string
		issuers []token.Issuer
		skew    time.Duration
		size    int
		want    string // in the error; empty: none
	}{
		{"a good one", []token.Issuer{good()}, 0, 0, ""},
		{"none", nil, skew, 1, ""},
		{"a leeway too large", nil, 121 * time.Second, 0, "clock_skew"},
		{"a leeway below zero", nil, -1, 0, "clock_skew"},
		{"a size below zero", nil, 0, -1, "limits.token"},
		{"twice the same", []token.Issuer{good(), good()}, 0, 0, "twice"},
		{"no name", with(func(i *token.Issuer) { i.URL = "" }), 0, 0, "issuer is empty"},
		{"no vocabulary", with(func(i *token.Issuer) { i.Vocabulary = "" }), 0, 0, "vocabulary"},
		{"no keys", with(func(i *token.Issuer) { i.Keys = nil }), 0, 0, "keys"},
		{"neither audiences nor clients", with(func(i *token.Issuer) { i.Audiences, i.Clients = nil, nil }), 0, 0, "neither"},
		{"an empty audience", with(func(i *token.Issuer) { i.Audiences = []string{""} }), 0, 0, "empty value"},
		{"an empty client", with(func(i *token.Issuer) { i.Clients = []string{client, ""} }), 0, 0, "empty value"},
		{"a value in both lists", with(func(i *token.Issuer) { i.Clients = []string{api} }), 0, 0, "both"},
		{"HS256", with(func(i *token.Issuer) { i.Algorithms = []string{"HS256"} }), 0, 0, `"HS256"`},
		{"none as an algorithm", with(func(i *token.Issuer) { i.Algorithms = []string{"none"} }), 0, 0, `"none"`},
		{"an algorithm in lower case", with(func(i *token.Issuer) { i.Algorithms = []string{"es256"} }), 0, 0, "ES256"},
		{"Ed25519 for EdDSA", with(func(i *token.Issuer) { i.Algorithms = []string{"Ed25519"} }), 0, 0, "EdDSA"},
		{"an opt-in algorithm", with(func(i *token.Issuer) { i.Algorithms = []string{"ES512"} }), 0, 0, ""},
		{"typ of a proof", with(func(i *token.Issuer) { i.Typ = []string{"at+jwt", "application/DPoP+jwt"} }), 0, 0, "another kind"},
		{"a typ of one's own", with(func(i *token.Issuer) { i.Typ = []string{"vnd.example+jwt"} }), 0, 0, ""},
		{"a claim renamed", renamed("authentication_level", "https://x.example/level"), 0, 0, ""},
		{"iss renamed", renamed("iss", "https://x.example/iss"), 0, 0, `"iss"`},
		{"something renamed to be cnf", renamed("x", "cnf"), 0, 0, `"cnf"`},
		{"scope taken for a level", renamed("level", "scope"), 0, 0, `"scope"`},
		{"the mark renamed", renamed("gty", "https://x.example/gty"), 0, 0, `"gty"`},
		{"an empty name", renamed("", "x"), 0, 0, "empty name"},
		{"an empty source", renamed("x", ""), 0, 0, "empty name"},
		{"two names from one", with(func(i *token.Issuer) { i.Claims = map[string]string{"a": "x", "b": "x"} }), 0, 0, `"a" and "b"`},
	} {
		v, err := token.NewVerifier(row.issuers, row.skew, row.size)
		switch {
		case row.want == "" && (err != nil || v == nil):
			t.Errorf("%s: NewVerifier = %v, want none", row.name, err)
		case row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)):
			t.Errorf("%s: NewVerifier = %v, want an error with %q", row.name, err, row.want)
		}
	}
}

// TestAllMistakesAreToldAtOnce: whoever configures sees them all.
func TestAllMistakesAreToldAtOnce(t *testing.T) {
	_, err := token.NewVerifier([]token.Issuer{
		{URL: strictURL, Vocabulary: "oidc", Keys: fixed{}, Algorithms: []string{"HS256"}},
		{URL: looseURL, Audiences: []string{api}, Keys: fixed{}},
	}, 0, 0)
	for _, want := range []string{strictURL, "neither", "HS256", looseURL, "vocabulary"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("NewVerifier = %v, want an error with %q", err, want)
		}
	}
}
