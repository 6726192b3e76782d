package token_test

import (
	"strings"
	"testing"

	"stepup/sidecar/access"
	"stepup/sidecar/token"
	"stepup/sidecar/token/tokentest"
)

// TestErrorsRepeatNothingUnverified puts a mark wherever a token that is refused before
// its signature was checked may have text, and looks for it in what the log is told.
func TestErrorsRepeatNothingUnverified(t *testing.T) {
	const mark = "MARK"
	b := newBench(t)
	forged := func(c access.Object) string {
		return tokentest.NewKey(t, "ES256", "k1").Sign(t, b.key.Header("at+jwt"), c)
	}
	for _, row := range []struct{ name, text, want string }{
		{"alg", b.withHeader(access.Object{"alg": mark}), "alg_not_allowed"},
		{"kid", b.withHeader(access.Object{"kid": mark}), "key_not_found"},
		{"a long kid", b.withHeader(access.Object{"kid": strings.Repeat(mark, 100)}), "key_not_found"},
		{"typ", b.withHeader(access.Object{"typ": mark}), "typ_mismatch"},
		{"crit", b.withHeader(access.Object{"crit": []string{mark}}), "header_rejected"},
		{"a look-alike in the header", b.withHeader(access.Object{"KID": mark}), "token_malformed"},
		{"a key in the header", b.withHeader(access.Object{"jwk": access.Object{"kty": mark}}), "token_malformed"},
		{"iss", forged(claims(access.Object{"iss": "https://" + mark + ".example/"})), "issuer_unknown"},
		{"sub", forged(claims(access.Object{"sub": mark})), "signature_invalid"},
		{"exp", forged(claims(access.Object{"exp": mark})), "signature_invalid"},
		{"no token at all", mark, "token_malformed"},
		{"no JSON", tokentest.Encode([]byte(mark)) + "." + tokentest.Encode([]byte(mark)) + "." + mark, "token_malformed"},
	} {
		_, err := b.verifier.Verify(t.Context(), now, access.NewCredential(row.text))
		e, ok := err.(*token.Error)
		if !ok || string(e.Code) != row.want {
			t.Errorf("%s: Verify = %v, want %s", row.name, err, row.want)
			continue
		}
		if strings.Contains(strings.ToUpper(e.Error()), mark) {
			t.Errorf("%s: Verify = %v, which repeats what nobody verified", row.name, err)
		}
	}
}

func TestUnverified(t *testing.T) {
	// The digest is that of coreutils: printf k1 | sha256sum.
	if got, want := token.Unverified("k1"), "of 2 bytes (sha256:6ab9f1eb8f7d3388)"; got != want {
		t.Errorf("Unverified(k1) = %q, want %q", got, want)
	}
}
