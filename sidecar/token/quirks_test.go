package token_test

import (
	"crypto/elliptic"
	"fmt"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"stepup/sidecar/access"
	"stepup/sidecar/token"
	"stepup/sidecar/token/tokentest"
)

// TestWhatGoJoseLetsPass has a row for each thing that go-jose accepts, or reads in its
// own way, and that must come out otherwise here. (What it does with key sets is tried in
// token/jwks; crit, b64, alg, duplicate names and depth are in the catalogue of attacks.)
func TestWhatGoJoseLetsPass(t *testing.T) {
	b := newBench(t)
	with := func(more string, gone ...string) string {
		c := claims(nil)
		for _, name := range gone {
			delete(c, name)
		}
		return b.key.Sign(t, b.key.Header("at+jwt"), raw(t, c, more))
	}
	good := b.signed(claims(nil))
	for _, row := range []struct{ name, text, want string }{
		{"a good token", good, "accepted"},
		{"no exp", with("", "exp"), "token_claim_invalid"},
		{"exp null", with(`,"exp":null`, "exp"), "token_claim_invalid"},
		{"exp a string", with(`,"exp":"9999999999"`, "exp"), "token_claim_invalid"},
		{"exp true", with(`,"exp":true`, "exp"), "token_claim_invalid"},
		{"exp 1e999", with(`,"exp":1e999`, "exp"), "token_claim_invalid"},
		{"exp 1e300", with(`,"exp":1e300`, "exp"), "token_claim_invalid"},
		{"exp 9.3e18", with(`,"exp":9.3e18`, "exp"), "token_claim_invalid"},
		{"nbf 1e300", with(`,"nbf":1e300`), "token_claim_invalid"},
		{"nbf 9.3e18", with(`,"nbf":9.3e18`), "token_claim_invalid"},
		{"exp in three billion years", with(`,"exp":1e17`, "exp"), "token_claim_invalid"},
		{"exp with a fraction", with(`,"exp":9999999999.7`, "exp"), "accepted"},
		{"exp twice", with(`,"exp":9999999999`), "token_malformed"},
		{"EXP beside exp", with(`,"EXP":9999999999`), "token_malformed"},
		{"arrays 33 deep", with(`,"x":` + strings.Repeat("[", 32) + strings.Repeat("]", 32)), "token_malformed"},
		{"arrays 32 deep", with(`,"x":` + strings.Repeat("[", 31) + strings.Repeat("]", 31)), "accepted"},
		{"CR LF in the signature", good[:len(good)-4] + "\r\n" + good[len(good)-4:], "token_malformed"},
		{"LF at the end", good + "\n", "token_malformed"},
		{"a space before", " " + good, "token_malformed"},
		{"padding", good + "==", "token_malformed"},
		{"the other base64 alphabet", strings.ReplaceAll(good, "-", "+") + "+", "token_malformed"},
		{"kid a number", b.withHeader(access.Object{"kid": 1}), "token_malformed"},
		{"kid null", b.withHeader(access.Object{"kid": nil}), "token_malformed"},
		{"alg a list", b.withHeader(access.Object{"alg": []string{"ES256"}}), "token_malformed"},
		{"typ a number", b.withHeader(access.Object{"typ": 1}), "token_malformed"},
		{"a bad embedded jwk", b.withHeader(access.Object{"jwk": access.Object{"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"}}), "token_malformed"},
		{"a private embedded jwk", b.withHeader(access.Object{"jwk": access.Object{"kty": "OKP", "crv": "Ed25519", "x": strings.Repeat("A", 43), "d": strings.Repeat("A", 43)}}), "token_malformed"},
		{"zip", b.withHeader(access.Object{"zip": "DEF"}), "header_rejected"},
		{"enc", b.withHeader(access.Object{"enc": "A256GCM"}), "header_rejected"},
		{"cty", b.withHeader(access.Object{"cty": "JWT"}), "header_rejected"},
		{"cty null", b.withHeader(access.Object{"cty": nil}), "header_rejected"},
		{"typ in full and in capitals", b.withHeader(access.Object{"typ": "Application/AT+JWT"}), "accepted"},
		{"JWS JSON serialisation", fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, strings.Split(good, ".")[1], strings.Split(good, ".")[0], strings.Split(good, ".")[2]), "token_malformed"},
		{"a detached payload", tokentest.WithPart(good, 1, ""), "token_malformed"},
		{"an empty signature", tokentest.WithPart(good, 2, ""), "token_malformed"},
		{"a payload that is not JSON", b.key.Sign(t, b.key.Header("at+jwt"), "hello"), "token_malformed"},
		{"a number too long to calculate with", with(`,"x":1.` + strings.Repeat("9", 63)), "token_claim_invalid"},
		{"a number with a million digits behind it", with(`,"x":1e999999`), "token_claim_invalid"},
		{"a number as small", with(`,"x":[{"y":-1e-999999}]`), "token_claim_invalid"},
		{"the largest float", with(`,"x":1.7e308`), "accepted"},
		{"nothing", "", "no_credentials"},
		{"an opaque token", "2YotnFZFEjr1zCsicMWpAA", "token_malformed"},
	} {
		b.check(row.name, row.text, row.want)
	}
}

// TestOtherSpellings: a text that decodes to the same token is not the same token.
func TestOtherSpellings(t *testing.T) {
	b := newBench(t)
	tried := 0
	for n := range 12 {
		text := b.signed(claims(access.Object{"jti": strings.Repeat("j", n+1)}))
		for part, spelling := range strings.Split(text, ".") {
			if other, ok := tokentest.OtherSpelling(spelling); ok {
				tried++
				b.check(fmt.Sprintf("part %d", part), tokentest.WithPart(text, part, other), "token_malformed")
			}
		}
	}
	if tried < 12 {
		t.Errorf("tried %d spellings, want at least 12", tried)
	}
}

// TestKeysMustFit: go-jose tries whatever key it is given.
func TestKeysMustFit(t *testing.T) {
	rs, es, ed := tokentest.NewKey(t, "RS256", "a"), tokentest.NewKey(t, "ES256", "a"), tokentest.NewKey(t, "EdDSA", "a")
	es2 := tokentest.NewKey(t, "ES256", "a")
	small := tokentest.NewRSAKey(t, 1024, "RS256", "a")
	p384 := tokentest.NewECKey(t, elliptic.P384(), "ES256", "a")
	jwk := func(k tokentest.Key, change func(*jose.JSONWebKey)) jose.JSONWebKey {
		j := jose.JSONWebKey{Key: k.Public(), KeyID: k.ID}
		if change != nil {
			change(&j)
		}
		return j
	}
	for _, row := range []struct {
		name   string
		signer tokentest.Key
		keys   []jose.JSONWebKey
		want   string
	}{
		{"the right one", rs, []jose.JSONWebKey{jwk(rs, nil)}, "accepted"},
		{"for signatures, by name", rs, []jose.JSONWebKey{jwk(rs, func(j *jose.JSONWebKey) { j.Use, j.Algorithm = "sig", "RS256" })}, "accepted"},
		{"for encryption", rs, []jose.JSONWebKey{jwk(rs, func(j *jose.JSONWebKey) { j.Use = "enc" })}, "key_not_found"},
		{"for another algorithm", rs, []jose.JSONWebKey{jwk(rs, func(j *jose.JSONWebKey) { j.Algorithm = "PS512" })}, "key_not_found"},
		{"too small", small, []jose.JSONWebKey{jwk(small, nil)}, "key_not_found"},
		{"on another curve", p384, []jose.JSONWebKey{jwk(p384, nil)}, "key_not_found"},
		{"of another type", ed, []jose.JSONWebKey{jwk(rs, nil), jwk(es, nil)}, "key_not_found"},
		{"private", es, []jose.JSONWebKey{{Key: es.Signer(), KeyID: "a"}}, "key_not_found"},
		{"symmetric", es, []jose.JSONWebKey{{Key: []byte("secret"), KeyID: "a"}}, "key_not_found"},
		{"the second of two with that kid", es, []jose.JSONWebKey{jwk(es2, nil), jwk(es, nil)}, "accepted"},
		{"the right one beside one that does not fit", es, []jose.JSONWebKey{jwk(rs, nil), jwk(es, nil)}, "accepted"},
		{"none of two with that kid", es, []jose.JSONWebKey{jwk(es2, nil), jwk(es2, nil)}, "signature_invalid"},
		{"under another kid", es, []jose.JSONWebKey{jwk(es, func(j *jose.JSONWebKey) { j.KeyID = "b" })}, "key_not_found"},
		{"no kid, one key that fits", es.Named(""), []jose.JSONWebKey{jwk(rs, nil), jwk(es, nil)}, "accepted"},
		{"no kid, two keys that fit", es.Named(""), []jose.JSONWebKey{jwk(es, nil), jwk(es2, nil)}, "key_not_found"},
		{"no kid, none that fits", es.Named(""), []jose.JSONWebKey{jwk(rs, nil)}, "key_not_found"},
		{"signed with another algorithm of the same key", rs.As("PS256"), []jose.JSONWebKey{jwk(rs, func(j *jose.JSONWebKey) { j.Algorithm = "RS256" })}, "key_not_found"},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := newVerifier(t, skew, 0, token.Issuer{URL: strictURL, Audiences: []string{api}, Vocabulary: "oidc", Keys: fixed(row.keys)})
			text := row.signer.Sign(t, row.signer.Header("at+jwt"), claims(nil))
			c, err := v.Verify(t.Context(), now, access.NewCredential(text))
			if got := codeOf(t, c, err); got != row.want {
				t.Errorf("Verify = %s (%v), want %s", got, err, row.want)
			}
		})
	}
}

// TestAlgorithms: every algorithm verifies where it is listed, and only there.
func TestAlgorithms(t *testing.T) {
	byDefault := token.DefaultAlgorithms()
	for _, alg := range []string{"RS256", "PS256", "ES256", "ES384", "EdDSA", "RS384", "RS512", "PS384", "PS512", "ES512"} {
		k := tokentest.NewKey(t, alg, "a")
		text := k.Sign(t, k.Header("at+jwt"), claims(nil))
		for _, list := range [][]string{nil, {alg}, {"ES256", "RS256"}} {
			allowed := list
			if list == nil {
				allowed = byDefault
			}
			want := "alg_not_allowed"
			if strings.Contains(strings.Join(allowed, " "), alg) {
				want = "accepted"
			}
			v := newVerifier(t, skew, 0, token.Issuer{URL: strictURL, Audiences: []string{api}, Vocabulary: "oidc", Algorithms: list, Keys: tokentest.Static{k}})
			c, err := v.Verify(t.Context(), now, access.NewCredential(text))
			if got := codeOf(t, c, err); got != want {
				t.Errorf("%s with algorithms %v: Verify = %s (%v), want %s", alg, list, got, err, want)
			}
		}
	}
}

// TestAlgorithmOfAnotherIssuer: what one issuer may use, another may not.
func TestAlgorithmOfAnotherIssuer(t *testing.T) {
	b := newBench(t, func(i *token.Issuer) { i.Algorithms = []string{"RS256"} })
	b.check("ES256, which only the others list", b.signed(claims(nil)), "alg_not_allowed")
	b.check("of one of the others", b.signed(loose(nil), "JWT"), "accepted")
}
