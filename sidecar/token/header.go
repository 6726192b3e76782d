package token

import (
	"slices"
	"strings"

	"stepup/sidecar/access"
)

// maxKeyID is the longest kid that is looked up.
const maxKeyID = 256

// header is what we read of a JOSE header. All else in it (jku, x5u, x5c, jwk) is never
// used: where keys come from is configuration (RFC 8725, section 3.10).
type header struct {
	alg string
	kid string // empty: the token names no key
	typ string // normalised; empty: absent
}

// rejected are header parameters that change what is signed, or how, or say that the
// payload is not a set of claims. None of them is needed for an access token: crit
// (RFC 7515, section 4.1.11), b64 (RFC 7797, section 7), zip and enc (JWE), cty (a
// nested JWT; RFC 7519, section 5.2).
var rejected = [...]string{"crit", "b64", "zip", "enc", "cty"}

// readHeader applies the rules that hold for every issuer. The order matters: an
// algorithm that nobody allows is told first.
func readHeader(o access.Object, algorithms []string) (header, *Error) {
	h := header{}
	var err *Error
	if h.alg, err = textMember(o, "alg"); err != nil {
		return h, err
	}
	if !slices.Contains(algorithms, h.alg) {
		return h, refuse(access.AlgNotAllowed, "an alg %s is in no issuer's list", algorithmName(h.alg))
	}
	for _, name := range rejected {
		if _, there := o[name]; there {
			return h, refuse(access.HeaderRejected, "the header has %q", name)
		}
	}
	if h.kid, err = textMember(o, "kid"); err != nil {
		return h, err
	}
	if len(h.kid) > maxKeyID {
		return h, refuse(access.KeyNotFound, "a kid of %d bytes", len(h.kid))
	}
	h.typ, err = readType(o)
	return h, err
}

// publicAlgorithms are the signature algorithms of the IANA registry, with none: these names say
// nothing about who sends them, so that a log may have them.
var publicAlgorithms = [...]string{
	"none", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512",
	"PS256", "PS384", "PS512", "EdDSA", "ES256K", "Ed25519", "Ed448",
}

// algorithmName is an alg that nobody verified, fit for a log: a registered one as it stands,
// any other text as [Unverified] has it.
func algorithmName(alg string) string {
	if slices.Contains(publicAlgorithms[:], alg) {
		return alg
	}
	return Unverified(alg)
}

func textMember(o access.Object, name string) (string, *Error) {
	v, there := o[name]
	if !there {
		return "", nil
	}
	s, ok := v.(string)
	if !ok {
		return "", refuse(access.TokenMalformed, "%q in the header is not a string", name)
	}
	return s, nil
}

// untyped is how a typ that is present and empty reads: like no type that there is.
const untyped = "application/"

func readType(o access.Object) (string, *Error) {
	text, err := textMember(o, "typ")
	if _, there := o["typ"]; there && text == "" {
		return untyped, err
	}
	return normaliseType(text), err
}

// normaliseType brings a media type to the short form that JOSE recommends: letters in
// lower case, without "application/" (RFC 7515, section 4.1.9; RFC 9068, section 4).
func normaliseType(typ string) string {
	typ = asciiLower(typ)
	if short, long := strings.CutPrefix(typ, "application/"); long && short != "" && !strings.Contains(short, "/") {
		return short
	}
	return typ
}

// asciiLower leaves everything beyond ASCII alone, so that no other letter (K, the
// Kelvin sign) becomes one of a registered type.
func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + ('a' - 'A')
		}
		return r
	}, s)
}
