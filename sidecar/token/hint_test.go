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

// TestSlipsAreNamed: what people get wrong most often is told in the log's detail, in our own words
// and with our own configuration. The code stays what it was, and nothing of the token is repeated.
func TestSlipsAreNamed(t *testing.T) {
	b := newBench(t)
	auth0 := tokentest.NewKey(t, "ES256", "k1")
	verifier := func(url string) *token.Verifier {
		v, err := token.NewVerifier([]token.Issuer{{URL: url, Audiences: []string{api}, Vocabulary: "auth0", Keys: tokentest.Static{auth0}}}, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	from := func(iss string) string {
		return auth0.Sign(t, auth0.Header("at+jwt"), claims(access.Object{"iss": iss}))
	}
	const (
		bare   = "https://shop.eu.auth0.com"
		slash  = bare + "/"
		nobody = "issuer_unknown: the issuer is not configured"
		noAlg  = "alg_not_allowed: an alg "
	)
	good := b.signed(claims(nil))
	withAlg := func(alg string) string { return b.withHeader(access.Object{"alg": alg}) }
	for _, row := range []struct {
		name     string
		verifier *token.Verifier
		text     string
		want     string
	}{
		{"a slash too many", verifier(bare), from(slash), nobody + `; it differs from the configured "` + bare + `" by the slash at the end only`},
		{"a slash too few", verifier(slash), from(bare), nobody + `; it differs from the configured "` + slash + `" by the slash at the end only`},
		{"another case", verifier(slash), from("https://Shop.EU.auth0.com/"), nobody + `; it differs from the configured "` + slash + `" by upper and lower case only`},
		{"another case and a slash", verifier(slash), from("https://Shop.eu.auth0.com"), nobody + `; it differs from the configured "` + slash + `" by case and the slash at the end only`},
		{"two slashes too many", verifier(bare), from(slash + "/"), nobody},
		{"another name", verifier(bare), from("https://shop.eu.auth0.com.example"), nobody},
		{"a letter that only folds to ours", verifier("https://k.example"), from("https://\u212a.example"), nobody},
		{"no name", verifier(bare), from(""), nobody},

		{"Bearer in front", b.verifier, "Bearer " + good, "token_malformed: begins with a scheme: send the token without Bearer"},
		{"in another case", b.verifier, "bearer " + good, "token_malformed: begins with a scheme: send the token without Bearer"},
		{"DPoP in front", b.verifier, "DPoP " + good, "token_malformed: begins with a scheme: send the token without DPoP"},
		{"another word in front", b.verifier, "MARKER " + good, "token_malformed: a character at byte 6 that no token has"},
		{"a line end behind", b.verifier, good + "\r\n", "token_malformed: ends in white space"},
		{"a space behind", b.verifier, good + " ", "token_malformed: ends in white space"},
		{"a space in front", b.verifier, " " + good, "token_malformed: a character at byte 0 that no token has"},
		{"two tokens", b.verifier, "a b ", "token_malformed: a character at byte 1 that no token has"},

		{"no signature", b.verifier, withAlg("none"), noAlg + "none is in no issuer's list"},
		{"a registered algorithm", b.verifier, withAlg("HS256"), noAlg + "HS256 is in no issuer's list"},
		{"one in another case", b.verifier, withAlg("hs256"), noAlg + token.Unverified("hs256") + " is in no issuer's list"},
		{"a text of one's own", b.verifier, withAlg("MARK"), noAlg + token.Unverified("MARK") + " is in no issuer's list"},
	} {
		if _, err := row.verifier.Verify(t.Context(), now, access.NewCredential(row.text)); err == nil || err.Error() != row.want {
			t.Errorf("%s: Verify = %v, want %s", row.name, err, row.want)
		}
	}
}
