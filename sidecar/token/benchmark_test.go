package token_test

import (
	"testing"

	"stepup/sidecar/access"
	"stepup/sidecar/token"
	"stepup/sidecar/token/tokentest"
)

// BenchmarkVerify measures the whole of verification; nearly all of it is the signature.
func BenchmarkVerify(b *testing.B) {
	for _, alg := range []string{"ES256", "EdDSA", "RS256"} {
		b.Run(alg, func(b *testing.B) {
			k := tokentest.NewKey(b, alg, "a")
			v := newVerifier(b, skew, 0, token.Issuer{URL: strictURL, Audiences: []string{api}, Vocabulary: "oidc", Keys: tokentest.Static{k}})
			text := access.NewCredential(k.Sign(b, k.Header("at+jwt"), claims(nil)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(b.Context(), now, text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
