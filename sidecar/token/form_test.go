package token_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"stepup/sidecar/access"
	"stepup/sidecar/token"
	"stepup/sidecar/token/tokentest"
)

// TestKnownHeader: a header that was accepted before says nothing for a token that has it.
func TestKnownHeader(t *testing.T) {
	b := newBench(t)
	typed := raw(t, b.key.Header("at+jwt"), "")
	good, untyped := b.signed(claims(nil)), b.signed(loose(nil), "JWT")
	b.once("a good token", good, "accepted")
	b.once("one that is not typed", untyped, "accepted")
	b.known("two headers", 2)
	another := b.signed(claims(access.Object{"sub": "bob"}))
	part := func(text string, n int) string { return strings.Split(text, ".")[n] }
	for _, row := range []struct{ name, text, want string }{
		{"another payload", another, "accepted"},
		{"the payload of one with the signature of another", tokentest.WithPart(good, 1, part(another, 1)), "signature_invalid"},
		{"a signature by another key", b.other.Sign(t, typed, claims(nil)), "signature_invalid"},
		{"a signature of nothing but zeros", tokentest.WithPart(good, 2, tokentest.Encode(make([]byte, 64))), "signature_invalid"},
		{"a short signature", tokentest.WithPart(good, 2, "AAAA"), "signature_invalid"},
		{"no signature", tokentest.WithPart(good, 2, ""), "token_malformed"},
		{"no payload", tokentest.WithPart(good, 1, ""), "token_malformed"},
		{"the other header", tokentest.WithPart(good, 0, part(untyped, 0)), "signature_invalid"},
		{"the other header, and a strict issuer", b.signed(claims(nil), "JWT"), "typ_mismatch"},
		{"another issuer, whose key it is", b.other.Sign(t, b.other.Header("JWT"), loose(access.Object{"iss": otherURL})), "accepted"},
		{"another issuer, whose key it is not", b.signed(loose(access.Object{"iss": otherURL}), "JWT"), "signature_invalid"},
		{"the same header, spelt with a space", b.key.Sign(t, " "+typed, claims(nil)), "accepted"},
		{"that spelling, with the signature of the first", tokentest.WithPart(good, 0, tokentest.Encode([]byte(" "+typed))), "signature_invalid"},
		{"the same header with crit", b.key.Sign(t, raw(t, b.key.Header("at+jwt"), `,"crit":["exp"]`), claims(nil)), "header_rejected"},
		{"one that begins with it", tokentest.WithPart(good, 0, part(good, 0)+"AAAA"), "token_malformed"},
	} {
		b.once(row.name, row.text, row.want)
	}
	b.known("the two, and another spelling", 3)
}

// once is check by the verifier as it is, with the headers that it knows.
func (b *bench) once(what, text, want string) {
	b.t.Helper()
	c, err := b.verifier.Verify(b.t.Context(), now, access.NewCredential(text))
	if got := codeOf(b.t, c, err); got != want {
		b.t.Errorf("%s: Verify = %s (%v), want %s", what, got, err, want)
	}
}

func (b *bench) known(what string, want int) {
	b.t.Helper()
	if got := b.verifier.KnownHeaders(); got != want {
		b.t.Errorf("%s: %d headers are known, want %d", what, got, want)
	}
}

// TestRefusedLeaveNoHeader: only an issuer has a header kept, by a token that is accepted.
func TestRefusedLeaveNoHeader(t *testing.T) {
	b := newBench(t)
	good := b.signed(claims(nil))
	for name, text := range map[string]string{
		"malformed":                 "a.b.c",
		"an algorithm of nobody's":  b.withHeader(access.Object{"alg": "HS256"}),
		"a header that is refused":  b.withHeader(access.Object{"crit": []string{"x"}}),
		"a typ that is refused":     b.signed(claims(nil), "logout+jwt"),
		"another issuer's key":      b.other.Sign(t, b.other.Header("at+jwt"), claims(nil)),
		"an unknown kid":            b.withHeader(access.Object{"kid": "k2"}),
		"a signature of another":    tokentest.WithPart(good, 1, strings.Split(b.signed(claims(access.Object{"jti": "j2"})), ".")[1]),
		"an issuer that is unknown": b.signed(claims(access.Object{"iss": "https://evil.example/"})),
		"expired":                   b.signed(claims(access.Object{"exp": now.Unix() - 40})),
		"for another audience":      b.signed(claims(access.Object{"aud": "https://api2.example/"})),
		"bound to a key":            b.signed(claims(access.Object{"cnf": access.Object{"jkt": "x"}})),
		"without a subject":         b.signed(claims(access.Object{"sub": ""})),
	} {
		if c, err := b.verifier.Verify(t.Context(), now, access.NewCredential(text)); err == nil {
			t.Errorf("%s: accepted as %v", name, c)
		}
		b.known(name, 0)
	}
}

// TestKnownHeaderOfRotatedKey: which key a kid names is asked for every token.
func TestKnownHeaderOfRotatedKey(t *testing.T) {
	old, next := tokentest.NewKey(t, "ES256", "k1"), tokentest.NewKey(t, "ES256", "k1")
	another := tokentest.NewKey(t, "EdDSA", "k1")
	keys := &swapped{}
	b := newBench(t, func(i *token.Issuer) { i.Keys = keys })
	by := func(k tokentest.Key) string { return k.Sign(t, old.Header("at+jwt"), claims(nil)) }
	for _, row := range []struct {
		name   string
		keys   tokentest.Static
		signer tokentest.Key
		want   string
	}{
		{"the key", tokentest.Static{old}, old, "accepted"},
		{"the next key, too early", tokentest.Static{old}, next, "signature_invalid"},
		{"both under one kid", tokentest.Static{next, old}, old, "accepted"},
		{"a key that was rotated away", tokentest.Static{next}, old, "signature_invalid"},
		{"the key after it", tokentest.Static{next}, next, "accepted"},
		{"no key with this kid", tokentest.Static{next.Named("k2")}, old, "key_not_found"},
		{"a key for another algorithm", tokentest.Static{another}, old, "key_not_found"},
	} {
		keys.set(row.keys)
		for _, what := range []string{"header not known", "header known"} {
			c, err := b.verifier.Verify(t.Context(), now, access.NewCredential(by(row.signer)))
			if got := codeOf(t, c, err); got != row.want {
				t.Errorf("%s, %s: Verify = %s (%v), want %s", row.name, what, got, err, row.want)
			}
		}
		keys.set(tokentest.Static{old})
		if _, err := b.verifier.Verify(t.Context(), now, access.NewCredential(by(old))); err != nil {
			t.Fatal(err)
		}
	}
}

// swapped keys can be exchanged for others.
type swapped struct {
	mu   sync.Mutex
	keys tokentest.Static
}

func (s *swapped) set(keys tokentest.Static) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = keys
}

func (s *swapped) Find(ctx context.Context, kid string) ([]jose.JSONWebKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys.Find(ctx, kid)
}

// TestKnownHeaderOfAnotherAlgorithm: two issuers may share a kid and the bytes of a header, and
// not what they allow.
func TestKnownHeaderOfAnotherAlgorithm(t *testing.T) {
	b := newBench(t, func(i *token.Issuer) { i.Algorithms, i.Typ = []string{"ES384"}, []string{"at+jwt", "JWT"} })
	b.once("of an issuer that allows it", b.signed(loose(nil), "JWT"), "accepted")
	b.once("of one that does not", b.signed(claims(nil), "JWT"), "alg_not_allowed")
}

// TestKnownHeadersAreBounded: an issuer whose headers are all different is served, and no more is
// kept of it than of others. A long one is served and not kept.
func TestKnownHeadersAreBounded(t *testing.T) {
	b := newBench(t)
	b.once("a long header", b.withHeader(access.Object{"x": strings.Repeat("a", token.MaxHeader)}), "accepted")
	b.known("a long header", 0)
	for n := range token.MaxForms + 10 {
		b.once("a header of its own", b.withHeader(access.Object{"n": n}), "accepted")
		if got := b.verifier.KnownHeaders(); got < 1 || got > token.MaxForms {
			t.Fatalf("after %d headers %d are known, want 1 to %d", n+1, got, token.MaxForms)
		}
	}
	b.once("the header of the others", b.signed(claims(nil)), "accepted")
}

// TestVerifyAtOnce has many tokens verified at once, by headers of which some are known.
func TestVerifyAtOnce(t *testing.T) {
	b := newBench(t)
	type row struct{ text, want string }
	var rows []row
	for n := range 40 {
		sub := fmt.Sprintf("user %d", n)
		good := b.key.Sign(t, raw(t, b.key.Header("at+jwt"), fmt.Sprintf(`,"n":%d`, n%3)), claims(access.Object{"sub": sub}))
		rows = append(rows, row{good, sub}, row{tokentest.WithPart(good, 2, tokentest.Encode(make([]byte, 64))), ""})
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for n, row := range rows {
				if n%16 == 0 {
					b.verifier.ForgetHeaders()
				}
				c, err := b.verifier.Verify(t.Context(), now, access.NewCredential(row.text))
				if (err == nil) != (row.want != "") || err == nil && c.Subject != row.want {
					t.Errorf("Verify = %+v, %v, want %q", c, err, row.want)
				}
			}
		})
	}
	all.Wait()
}
