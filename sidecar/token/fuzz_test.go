package token_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"stepup/sidecar/access"
	"stepup/sidecar/token"
	"stepup/sidecar/token/tokentest"
)

// FuzzVerify gives any header and any payload, with a good signature or with the other
// issuer's, and any text at all. Whatever is accepted must have been signed by the
// issuer's key, as the standard library sees it, and must keep the rules that matter most,
// as encoding/json reads it. Which headers a verifier knows must make no difference.
func FuzzVerify(f *testing.F) {
	key, evil := tokentest.NewKey(f, "EdDSA", "k1"), tokentest.NewKey(f, "EdDSA", "k1")
	issuers := []token.Issuer{
		{URL: strictURL, Audiences: []string{api}, Clients: []string{client}, Vocabulary: "oidc", Keys: tokentest.Static{key}},
		{URL: looseURL, Audiences: []string{api}, Vocabulary: "auth0", Keys: tokentest.Static{key}},
	}
	v, fresh := newVerifier(f, skew, 0, issuers...), newVerifier(f, skew, 0, issuers...)
	header := raw(f, key.Header("at+jwt"), "")
	f.Add(header, raw(f, claims(nil), ""), true)
	f.Add(header, raw(f, claims(nil), ""), false)
	f.Add(raw(f, key.Header("JWT"), ""), raw(f, loose(nil), ""), true)
	f.Add(raw(f, key.Header("JWT"), ""), raw(f, idToken(nil), ""), true)
	f.Add(raw(f, key.Header("at+jwt"), `,"crit":["x"]`), raw(f, claims(access.Object{"cnf": nil}), ""), true)
	f.Add(header, raw(f, claims(nil), `,"x":[1e308,{"y":"\ud83d\ude00"}],"EXP":1`), true)
	f.Add(`{"alg":"none"}`, raw(f, claims(nil), ""), false)
	f.Fuzz(func(t *testing.T, header, payload string, genuine bool) {
		signer := key
		if !genuine {
			signer = evil
		}
		text := signer.Sign(t, header, payload)
		check := func(text string) {
			c, err := v.Verify(t.Context(), now, access.NewCredential(text))
			if codeOf(t, c, err) == "accepted" {
				checkAccepted(t, text, key.Public().(ed25519.PublicKey), c)
			}
			fresh.ForgetHeaders()
			if _, want := fresh.Verify(t.Context(), now, access.NewCredential(text)); fmt.Sprint(err) != fmt.Sprint(want) {
				t.Errorf("Verify(%q) = %v where headers are known, want %v", text, err, want)
			}
		}
		check(text)
		check(header)
		check(header + "." + payload)
	})
}

// checkAccepted repeats, without go-jose and without our decoder, what no accepted token
// can do without.
func checkAccepted(t *testing.T, text string, key ed25519.PublicKey, c *token.Claims) {
	t.Helper()
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		t.Fatalf("accepted %q, which has %d parts", text, len(parts))
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err != nil || !ed25519.Verify(key, []byte(parts[0]+"."+parts[1]), signature) {
		t.Fatalf("accepted %q, which the issuer did not sign", text)
	}
	payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
	var read map[string]any
	if err := json.Unmarshal(payload, &read); err != nil {
		t.Fatalf("accepted %q, whose payload is not JSON: %v", text, err)
	}
	exp, _ := read["exp"].(float64)
	_, bound := read["cnf"]
	switch {
	case read["iss"] != c.Issuer || c.Issuer != strictURL && c.Issuer != looseURL:
		t.Errorf("accepted %s from issuer %v", payload, read["iss"])
	case read["sub"] != c.Subject || c.Subject == "":
		t.Errorf("accepted %s about %q", payload, c.Subject)
	case !slices.Contains(c.Audiences, api) && !slices.Contains(c.Audiences, client):
		t.Errorf("accepted %s for %q", payload, c.Audiences)
	case exp+30 <= float64(now.Unix()):
		t.Errorf("accepted %s, expired at %v", payload, exp)
	case bound:
		t.Errorf("accepted %s, bound to a key", payload)
	}
}
