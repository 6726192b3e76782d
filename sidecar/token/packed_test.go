package token_test

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
	"stepup/sidecar/packed"
	"stepup/sidecar/token"
	"stepup/sidecar/token/tokentest"
)

// again are the claims of a token as they are read from what was written of them; nil if nobody tells when its
// keys change, so that it is not kept.
func (b *bench) again(text string) *token.Claims {
	b.t.Helper()
	proved, standing, err := b.verifier.Prove(b.t.Context(), now, access.NewCredential(text))
	if err != nil {
		b.t.Fatal(err)
	}
	w := &packed.Writer{}
	if !b.verifier.Pack(w, proved, standing) {
		return nil
	}
	r := packed.Read(string(w.Bytes()))
	claims, same := b.verifier.Unpack(r)
	if !r.Done() || !reflect.DeepEqual(same, standing) {
		b.t.Errorf("Unpack = %+v, %+v, done: %t; packed was %+v, %+v", claims, same, r.Done(), proved, standing)
	}
	return claims
}

// TestPack: what many tokens say, and for how long, is read as it was written. That it is so of every
// token that a test here finds accepted, is looked at where these are verified.
func TestPack(t *testing.T) {
	b := newBench(t)
	for what, change := range map[string]access.Object{
		"nothing else":      nil,
		"lists of one":      {"aud": api, "scope": "openid"},
		"no scope":          {"scope": nil},
		"an empty scope":    {"scope": ""},
		"texts with spaces": {"aud": []any{api, "a b", "c", ""}, "sid": "a\x00b", "jti": "é\"\\"},
		"times":             {"iat": num(now.Unix() - 59), "nbf": num(now.Unix() - 20), "exp": now.Unix() + 600},
	} {
		all := claims(change)
		for name, value := range change {
			if value == nil {
				delete(all, name)
			}
		}
		text := b.signed(all)
		want, err := b.verify(text)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if diff := cmp.Diff(want, b.again(text), sameClaims); diff != "" {
			t.Errorf("%s (-proved +again):\n%s", what, diff)
		}
	}
}

var sameClaims = cmp.Comparer(func(a, b token.ClaimsSet) bool { return reflect.DeepEqual(a.Object(), b.Object()) })

// What another Verifier proved, nobody proved, or stands at no moment, is not written; and what names an
// issuer that is not there is nobody's.
func TestNotPacked(t *testing.T) {
	b, other := newBench(t), newBench(t)
	proved, standing, err := b.verifier.Prove(t.Context(), now, access.NewCredential(b.signed(claims(nil))))
	if err != nil {
		t.Fatal(err)
	}
	for what, pack := range map[string]func(*packed.Writer) bool{
		"another verifier's": func(w *packed.Writer) bool { return other.verifier.Pack(w, proved, standing) },
		"nobody's": func(w *packed.Writer) bool {
			return b.verifier.Pack(w, &token.Claims{Issuer: proved.Issuer, All: token.ClaimsOf(proved.All.Object())}, standing)
		},
		"that stand at no moment": func(w *packed.Writer) bool { return b.verifier.Pack(w, proved, token.Standing{}) },
	} {
		if pack(&packed.Writer{}) {
			t.Errorf("claims %s are packed", what)
		}
	}
	few, err := token.NewVerifier([]token.Issuer{{URL: otherURL, Audiences: []string{api}, Vocabulary: "auth0", Keys: tokentest.Static{b.other}}}, skew, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, number := range []int64{-1, 1, 1 << 40} {
		w := &packed.Writer{}
		w.Number(number)
		if claims, s := few.Unpack(packed.Read(string(w.Bytes()))); claims != nil || s.Holds(now) {
			t.Errorf("an issuer with the number %d says %+v", number, claims)
		}
	}
}
