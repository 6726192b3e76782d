package token

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"stepup/sidecar/access"
)

// Keys is where an issuer's public keys come from. Find returns the keys that a token
// naming kid could have been signed with, all of them if several share it; kid is empty
// when the token names none. Its errors are of type *[Error], with the code key_not_found
// or keys_unavailable. It must be safe for concurrent use.
type Keys interface {
	Find(ctx context.Context, kid string) ([]jose.JSONWebKey, error)
}

// minRSABits is the smallest RSA key that verifies anything (RFC 7518, section 3.3).
const minRSABits = 2048

// candidates finds the keys with which a token's signature may be tried.
func (i *issuer) candidates(ctx context.Context, h header) ([]jose.JSONWebKey, *Error) {
	found, err := i.Keys.Find(ctx, h.kid)
	if err != nil {
		return nil, asError(err)
	}
	fit, unfit := thoseThatFit(found, h)
	switch {
	case len(fit) == 0:
		return nil, &Error{Code: access.KeyNotFound, Detail: "no key for a kid " + Unverified(h.kid) + " fits alg " + h.alg, Err: unfit}
	case h.kid == "" && len(fit) > 1:
		return nil, refuse(access.KeyNotFound, "the token names no key and %d would fit", len(fit))
	}
	return fit, nil
}

// thoseThatFit picks keys, and says why others do not fit. What was found is not written to.
func thoseThatFit(found []jose.JSONWebKey, h header) (fit []jose.JSONWebKey, unfit error) {
	for n, k := range found {
		if err := fits(k, h); err != nil {
			unfit = errors.Join(unfit, err)
		} else if len(fit) == n {
			fit = found[: n+1 : n+1] // all so far: no copy
		} else {
			fit = append(fit, k)
		}
	}
	return fit, unfit
}

// fits says why a key cannot have made a token's signature, or nil. go-jose itself would
// try any key: for encryption, for another algorithm, too small.
func fits(k jose.JSONWebKey, h header) error {
	if err := CheckKey(k); err != nil {
		return err
	}
	switch {
	case h.kid != "" && k.KeyID != h.kid:
		return errors.New("the key has another kid")
	case k.Algorithm != "" && k.Algorithm != h.alg:
		return fmt.Errorf("the key is for alg %s", Quote(k.Algorithm))
	}
	return fitsAlgorithm(k.Key, h.alg)
}

// fitsAlgorithm compares a key's type and curve with an algorithm (RFC 7518, sections 3.3
// to 3.5; RFC 8037, section 3.1).
func fitsAlgorithm(key any, alg string) error {
	if name, algorithms := algorithmsFor(key); !slices.Contains(algorithms, alg) {
		return fmt.Errorf("%s key", name)
	}
	return nil
}

var rsaAlgorithms = [...]string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}

// algorithmsFor names a type of key and lists what it can verify.
func algorithmsFor(key any) (string, []string) {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return "an RSA", rsaAlgorithms[:]
	case *ecdsa.PublicKey:
		curve := k.Curve.Params().Name
		algorithm := map[string]string{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}[curve]
		return "a " + curve, []string{algorithm}
	case ed25519.PublicKey:
		return "an Ed25519", []string{"EdDSA"}
	}
	return "not a public", nil
}

// checkStrength refuses RSA keys that are too small, or whose exponent is not one.
func checkStrength(key any) error {
	k, ok := key.(*rsa.PublicKey)
	switch {
	case ok && k.N.BitLen() < minRSABits:
		return fmt.Errorf("an RSA key of %d bits, less than %d", k.N.BitLen(), minRSABits)
	case ok && (k.E < 3 || k.E%2 == 0):
		return errors.New("an RSA key with an exponent that is not odd and at least 3")
	}
	return nil
}

// CheckKey says why a key verifies no token whatever its algorithm, or nil: it is private
// or symmetric, for encryption, or too small.
func CheckKey(k jose.JSONWebKey) error {
	if k.Use != "" && k.Use != "sig" {
		return fmt.Errorf("the key is for use %s", Quote(k.Use))
	}
	if _, algorithms := algorithmsFor(k.Key); algorithms == nil {
		return errors.New("not a public key for signatures")
	}
	return checkStrength(k.Key)
}
