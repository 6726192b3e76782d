package tokentest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // for crypto.Hash.New
	_ "crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"stepup/sidecar/access"
	"stepup/sidecar/token"
)

// A Key signs tokens with one algorithm.
type Key struct {
	ID  string // kid; empty: neither its tokens nor its JWK have one
	Alg string // RS256 to RS512, PS256 to PS512, ES256 to ES512, EdDSA

	private crypto.Signer
}

// NewKey makes a key for an algorithm: RSA of 2048 bits, the algorithm's curve, or Ed25519.
func NewKey(t testing.TB, alg, kid string) Key {
	t.Helper()
	switch alg {
	case "ES256":
		return NewECKey(t, elliptic.P256(), alg, kid)
	case "ES384":
		return NewECKey(t, elliptic.P384(), alg, kid)
	case "ES512":
		return NewECKey(t, elliptic.P521(), alg, kid)
	case "EdDSA":
		_, private, err := ed25519.GenerateKey(rand.Reader)
		must(t, err)
		return Key{ID: kid, Alg: alg, private: private}
	}
	return NewRSAKey(t, 2048, alg, kid)
}

// NewRSAKey makes an RSA key of any size from 1024 bits.
func NewRSAKey(t testing.TB, bits int, alg, kid string) Key {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, bits)
	must(t, err)
	return Key{ID: kid, Alg: alg, private: private}
}

// NewECKey makes an EC key on any curve, fitting its algorithm or not.
func NewECKey(t testing.TB, curve elliptic.Curve, alg, kid string) Key {
	t.Helper()
	private, err := ecdsa.GenerateKey(curve, rand.Reader)
	must(t, err)
	return Key{ID: kid, Alg: alg, private: private}
}

// As returns the same key material under another algorithm's name.
func (k Key) As(alg string) Key { k.Alg = alg; return k }

// Named returns the same key material under another kid.
func (k Key) Named(kid string) Key { k.ID = kid; return k }

// Public returns the public key.
func (k Key) Public() crypto.PublicKey { return k.private.Public() }

// Signer returns the private key.
func (k Key) Signer() crypto.Signer { return k.private }

// JWK returns the public key as RFC 7517 and RFC 7518, section 6, write it. The caller
// may change it.
func (k Key) JWK() access.Object {
	o := access.Object{"use": "sig", "alg": k.Alg}
	if k.ID != "" {
		o["kid"] = k.ID
	}
	switch pub := k.Public().(type) {
	case *rsa.PublicKey:
		o["kty"], o["n"], o["e"] = "RSA", Encode(pub.N.Bytes()), Encode(big.NewInt(int64(pub.E)).Bytes())
	case *ecdsa.PublicKey:
		point, _ := pub.Bytes() // 4, x, y
		half := len(point) / 2
		o["kty"], o["crv"], o["x"], o["y"] = "EC", pub.Curve.Params().Name, Encode(point[1:1+half]), Encode(point[1+half:])
	case ed25519.PublicKey:
		o["kty"], o["crv"], o["x"] = "OKP", "Ed25519", Encode(pub)
	}
	return o
}

// Header returns the header of this key's tokens; typ is left out if it is empty.
func (k Key) Header(typ string) access.Object {
	h := access.Object{"alg": k.Alg}
	if k.ID != "" {
		h["kid"] = k.ID
	}
	if typ != "" {
		h["typ"] = typ
	}
	return h
}

// Sign makes a token. Header and payload are JSON texts (string or []byte), taken as they
// are, or values, which are encoded; the header's alg is not looked at.
func (k Key) Sign(t testing.TB, header, payload any) string {
	t.Helper()
	input := Encode(text(t, header)) + "." + Encode(text(t, payload))
	return input + "." + Encode(k.SignBytes(t, []byte(input)))
}

// SignBytes makes a signature as RFC 7518, section 3, and RFC 8037 want it.
func (k Key) SignBytes(t testing.TB, input []byte) []byte {
	t.Helper()
	signature, err := k.signBytes(input)
	must(t, err)
	return signature
}

func (k Key) signBytes(input []byte) ([]byte, error) {
	hash := hashOf(k.Alg)
	switch private := k.private.(type) {
	case *rsa.PrivateKey:
		if strings.HasPrefix(k.Alg, "PS") {
			return rsa.SignPSS(rand.Reader, private, hash, digest(hash, input), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		}
		return rsa.SignPKCS1v15(rand.Reader, private, hash, digest(hash, input))
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, private, digest(hash, input))
		if err != nil {
			return nil, err
		}
		size := (private.Curve.Params().BitSize + 7) / 8
		return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...), nil
	}
	return k.private.Sign(rand.Reader, input, crypto.Hash(0)) // Ed25519
}

func hashOf(alg string) crypto.Hash {
	switch {
	case strings.HasSuffix(alg, "384"):
		return crypto.SHA384
	case strings.HasSuffix(alg, "512"):
		return crypto.SHA512
	}
	return crypto.SHA256
}

func digest(hash crypto.Hash, input []byte) []byte {
	h := hash.New()
	h.Write(input)
	return h.Sum(nil)
}

// Encode is base64url without padding (RFC 7515, section 2).
func Encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// Forge joins three parts into a token, each encoded but otherwise as it is.
func Forge(header, payload string, signature []byte) string {
	return Encode([]byte(header)) + "." + Encode([]byte(payload)) + "." + Encode(signature)
}

// WithPart returns a token with one of its parts (0, 1, 2) replaced.
func WithPart(token string, part int, replacement string) string {
	parts := strings.Split(token, ".")
	parts[part] = replacement
	return strings.Join(parts, ".")
}

// OtherSpelling changes the unused bits at the end of a part whose encoding has some, so
// that it decodes to the same bytes; ok is false if there are none.
func OtherSpelling(part string) (other string, ok bool) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	if len(part)%4 == 0 || part == "" {
		return part, false
	}
	last := strings.IndexByte(alphabet, part[len(part)-1])
	return part[:len(part)-1] + string(alphabet[last^1]), true
}

// Static is a fixed set of keys, without a server.
type Static []Key

// Generation implements [token.Rotating]: these keys never change.
func (s Static) Generation() (number uint64, settled bool) { return 0, true }

// Find implements [token.Keys].
func (s Static) Find(_ context.Context, kid string) ([]jose.JSONWebKey, error) {
	var found []jose.JSONWebKey
	for _, k := range s {
		if kid == "" || k.ID == kid {
			found = append(found, jose.JSONWebKey{Key: k.Public(), KeyID: k.ID, Algorithm: k.Alg, Use: "sig"})
		}
	}
	if found == nil {
		return nil, &token.Error{Code: access.KeyNotFound, Detail: "no key with a kid " + token.Unverified(kid)}
	}
	return found, nil
}

func text(t testing.TB, v any) []byte {
	t.Helper()
	switch v := v.(type) {
	case string:
		return []byte(v)
	case []byte:
		return slices.Clone(v)
	}
	data, err := json.Marshal(v)
	must(t, err)
	return data
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
