package token_test

import (
	"strings"
	"testing"

	"stepup/sidecar/access"
	"stepup/sidecar/token"
	"stepup/sidecar/token/tokentest"
)

// TestDevelopmentTokensAreRecognised where their issuer is none of ours: in the log's detail, by
// the name that they give and whatever refuses them first. The code stays what it was.
func TestDevelopmentTokensAreRecognised(t *testing.T) {
	const hint = "whose tokens count under --dev only"
	b := newBench(t)
	none, err := token.NewVerifier(nil, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	from := func(iss any) string {
		return tokentest.NewKey(t, "ES256", "k1").Sign(t, b.key.Header("at+jwt"), claims(access.Object{"iss": iss}))
	}
	for _, row := range []struct {
		name, text string
		verifier   *token.Verifier
		code       access.Code
		hinted     bool
	}{
		{"with other issuers", from(token.Development), b.verifier, access.IssuerUnknown, true},
		{"without any issuer", from(token.Development), none, access.AlgNotAllowed, true},
		{"another stranger", from("https://stranger.example/"), b.verifier, access.IssuerUnknown, false},
		{"a name that only looks like it", from("https://dev.stepup.invalid"), none, access.AlgNotAllowed, false},
		{"no name", from(5), none, access.AlgNotAllowed, false},
		{"no payload", tokentest.WithPart(from(token.Development), 1, "e30x!"), none, access.TokenMalformed, false},
	} {
		_, err := row.verifier.Verify(t.Context(), now, access.NewCredential(row.text))
		e, ok := err.(*token.Error)
		if !ok || e.Code != row.code || strings.Contains(e.Detail, hint) != row.hinted {
			t.Errorf("%s: Verify = %v, want %s, hinted: %t", row.name, err, row.code, row.hinted)
		}
	}
}
