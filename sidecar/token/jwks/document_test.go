package jwks_test

import (
	"bufio"
	"context"
	"crypto/elliptic"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"stepup/sidecar/access"
	"stepup/sidecar/token"
	"stepup/sidecar/token/jwks"
	"stepup/sidecar/token/tokentest"
)

// TestOneBadKeySpoilsNoOther: RFC 7517, section 5. go-jose refuses the whole set for most
// of these.
func TestOneBadKeySpoilsNoOther(t *testing.T) {
	good := tokentest.NewKey(t, "ES256", "good")
	rs := tokentest.NewKey(t, "RS256", "bad")
	ec := tokentest.NewKey(t, "ES256", "bad")
	change := func(k tokentest.Key, name string, v any) access.Object {
		o := k.JWK()
		o[name] = v
		return o
	}
	for _, row := range []struct {
		name string
		bad  any
		want string // in what is told about it; empty: it is usable
	}{
		{"a key as good", rs.JWK(), ""},
		{"key_ops with verify", change(ec, "key_ops", []string{"verify"}), ""},
		{"members we do not know", change(ec, "x-vendor", 1), ""},
		{"an algorithm we do not know", change(ec, "alg", "ES256X"), ""},
		{"no kid", change(ec, "kid", ""), ""},
		{"an unknown type", access.Object{"kty": "AKP", "alg": "ML-DSA-44", "kid": "bad", "pub": "AA"}, "unsupported"},
		{"no type", access.Object{"kid": "bad"}, "type"},
		{"not an object", 7, "number"},
		{"an unknown curve", access.Object{"kty": "OKP", "crv": "X25519", "x": strings.Repeat("A", 43), "kid": "bad"}, "bad"},
		{"secp256k1", change(ec, "crv", "secp256k1"), "bad"},
		{"off its curve", change(ec, "x", tokentest.Encode(make([]byte, 32))), "bad"},
		{"RSA of 1024 bits", tokentest.NewRSAKey(t, 1024, "RS256", "bad").JWK(), "1024 bits"},
		{"RSA of 4104 bits", change(rs, "n", tokentest.Encode(append([]byte{1}, make([]byte, 512)...))), "bad"},
		{"an even RSA exponent", change(rs, "e", "Ag"), "exponent"},
		{"an RSA exponent of one", change(rs, "e", "AQ"), "bad e"},
		{"a short Ed25519 key", access.Object{"kty": "OKP", "crv": "Ed25519", "x": "AAAA", "kid": "bad"}, "bad"},
		{"use enc", change(ec, "use", "enc"), "enc"},
		{"use tls", change(ec, "use", "tls"), "tls"},
		{"key_ops without verify", change(ec, "key_ops", []string{"encrypt"}), "verify"},
		{"key_ops empty", change(ec, "key_ops", []string{}), "verify"},
		{"key_ops a string", change(ec, "key_ops", "verify"), "key_ops"},
		{"private", change(ec, "d", tokentest.Encode(make([]byte, 32))), "private"},
		{"symmetric", access.Object{"kty": "oct", "k": "c2VjcmV0", "kid": "bad"}, "symmetric"},
		{"kid a number", change(ec, "kid", 1), "kid"},
		{"x5c of another key", change(ec, "x5c", []string{certificate(t)}), "x5c"},
		{"x5c that is none", change(ec, "x5c", []string{"AAAA"}), "x5c"},
	} {
		t.Run(row.name, func(t *testing.T) {
			data, err := json.Marshal(access.Object{"keys": []any{row.bad, good.JWK()}})
			if err != nil {
				t.Fatal(err)
			}
			keys, skipped, err := jwks.Parse(data)
			if err != nil {
				t.Fatalf("Parse: %v", err)
			}
			want := 1 // the good one
			if row.want == "" {
				want = 2
			}
			if len(keys) != want || len(keys)+len(skipped) != 2 {
				t.Fatalf("Parse: %d keys, skipped %q; want %d keys", len(keys), skipped, want)
			}
			if told := strings.Join(skipped, ""); !strings.Contains(told, row.want) {
				t.Errorf("told %q, want %q in it", told, row.want)
			}
		})
	}
}

// TestSkippedKeysAreReportedOnce: in the log, and not at every refresh.
func TestSkippedKeysAreReportedOnce(t *testing.T) {
	b := newBench(t)
	b.issuer.Publish(b.issuer.Key(), tokentest.NewRSAKey(t, 1024, "RS256", "small"))
	b.want("first", "key-1", found, 1)
	b.clock.Advance(15 * time.Minute)
	b.want("again", "key-1", found, 2)
	if n := b.log.count("verifies nothing"); n != 1 {
		t.Errorf("reported %d times, want once:\n%s", n, b.log.text.String())
	}
}

// TestAttackOffCurveKeyInKeySet is the row of the catalogue of attacks that concerns key
// sets: a point that is not on its curve is no key, and no token verifies with it.
func TestAttackOffCurveKeyInKeySet(t *testing.T) {
	const name = "off-curve-key-in-key-set"
	rows := catalogue(t)
	if len(rows) != 1 || rows[name] == "" {
		t.Fatalf("rows of the catalogue tried here: %v, want %q alone", rows, name)
	}
	evil := tokentest.NewECKey(t, elliptic.P256(), "ES256", "evil")
	jwk := evil.JWK()
	jwk["y"] = tokentest.Encode(make([]byte, 32))
	data, _ := json.Marshal(access.Object{"keys": []any{jwk}})
	b := newBench(t, tokentest.WithClock(newClock().Now))
	b.issuer.Handle(tokentest.KeySet, tokentest.Answer(200, "application/jwk-set+json", string(data)))
	text := evil.Sign(t, evil.Header("at+jwt"), b.issuer.Claims(nil))
	if got := b.verify(text); got != rows[name] {
		t.Errorf("Verify = %s, want %s", got, rows[name])
	}
}

func catalogue(t *testing.T) map[string]string {
	t.Helper()
	f, err := os.Open("../../../testdata/vectors/attacks.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows := map[string]string{}
	for s := bufio.NewScanner(f); s.Scan(); {
		line, _, _ := strings.Cut(s.Text(), "#")
		if cells := strings.Split(line, "|"); len(cells) == 3 && strings.TrimSpace(cells[2]) == "token/jwks" {
			rows[strings.TrimSpace(cells[0])] = strings.TrimSpace(cells[1])
		}
	}
	return rows
}

// TestSeveralKeysWithOneKid: all of them are given, for verification to try.
func TestSeveralKeysWithOneKid(t *testing.T) {
	b := newBench(t)
	b.issuer.Publish(tokentest.NewKey(t, "ES256", "same"), tokentest.NewKey(t, "ES256", "same"), tokentest.NewKey(t, "ES256", "other"))
	b.want("both", "same", strings.Repeat(found, 2), 1)
	b.want("all, when the token names none", "", strings.Repeat(found, 3), 1)
}

// FuzzKeySet reads any document as a key set. It must not panic, every key of a set that
// is read is either usable or reported, and none of them verifies a token that was signed by
// a key which no document has.
func FuzzKeySet(f *testing.F) {
	key, evil := tokentest.NewKey(f, "ES256", "a"), tokentest.NewKey(f, "ES256", "a")
	text := access.NewCredential(evil.Sign(f, evil.Header("at+jwt"), access.Object{
		"iss": "https://idp.example", "aud": tokentest.Audience, "sub": "alice", "client_id": "app", "jti": "j", "iat": 1795428000, "exp": 1795431600,
	}))
	add := func(keys ...any) {
		data, _ := json.Marshal(access.Object{"keys": keys})
		f.Add(data)
	}
	add(key.JWK())
	add(key.JWK(), tokentest.NewKey(f, "EdDSA", "b").JWK(), tokentest.NewKey(f, "RS256", "c").JWK())
	add(access.Object{"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"}, access.Object{"kty": "oct", "k": "AA"})
	add(access.Object{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "AA"})
	add(access.Object{"kty": "RSA", "n": "AQ", "e": "AQ", "x5c": []string{"AA"}, "x5t": "AA", "x5u": ":"})
	f.Add([]byte(`{"keys":[{"kty":"EC","kty":"RSA"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, skipped, err := jwks.Parse(data)
		if err != nil && len(keys)+len(skipped) > 0 {
			t.Errorf("Parse = %d keys and %q beside the error %v", len(keys), skipped, err)
		}
		var read struct{ Keys []json.RawMessage }
		if err == nil && json.Unmarshal(data, &read) == nil && len(keys)+len(skipped) != len(read.Keys) {
			t.Errorf("%d keys and %d skipped of %d", len(keys), len(skipped), len(read.Keys))
		}
		if verifies(t, keys, text) {
			t.Errorf("a token verifies that none of these keys signed: %s", data)
		}
	})
}

// given is a fixed set of keys, each of which is tried.
type given []jose.JSONWebKey

func (g given) Find(context.Context, string) ([]jose.JSONWebKey, error) { return g, nil }

func verifies(t *testing.T, keys []jose.JSONWebKey, text access.Credential) bool {
	t.Helper()
	for i := range keys {
		keys[i].KeyID = "a"
	}
	v, err := token.NewVerifier([]token.Issuer{{
		URL: "https://idp.example", Audiences: []string{tokentest.Audience}, Vocabulary: "oidc", Keys: given(keys),
	}}, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = v.Verify(t.Context(), newClock().Now(), text)
	return err == nil
}
