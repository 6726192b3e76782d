package token

import (
	"sync"
	"weak"

	"stepup/sidecar/access"
)

// A ClaimsSet is a JWT Claims Set (RFC 7519, section 4) under the vocabulary's names, after the
// issuer's renames. Numbers are json.Number. The zero value is empty. It is safe for
// concurrent use, and copies of it are the same set.
//
// That of a token that was kept ([Verifier.Unpack]) is the text that was signed, and read when
// somebody wants it: few policies look at claims, and values in maps take some times as much memory.
type ClaimsSet struct {
	held access.Object // nil: it is to be read in the text
	text *signedClaims // nil: nobody signed it
}

// ClaimsOf is a set of claims that nobody signed: imagined ones, or those of a test.
func ClaimsOf(claims access.Object) ClaimsSet { return ClaimsSet{held: claims} }

// Object returns the claims; nil if there are none. They are shared, and must not be written to.
func (s ClaimsSet) Object() access.Object {
	if s.held != nil || s.text == nil {
		return s.held
	}
	return s.text.object()
}

// Size tells how many bytes the text of the set has; 0 of one that nobody signed.
func (s ClaimsSet) Size() int {
	if s.text == nil {
		return 0
	}
	return len(s.text.payload)
}

// signedClaims are the claims of a verified token.
type signedClaims struct {
	issuer  *issuer
	payload string // was decoded and found to hold before

	mu   sync.Mutex
	read weak.Pointer[access.Object] // for whoever wants it before the next run of the collector
}

// signed is the set of a payload that was read and renamed already.
func (i *issuer) signed(payload string, claims access.Object) ClaimsSet {
	return ClaimsSet{held: claims, text: &signedClaims{issuer: i, payload: payload}}
}

func (s *signedClaims) object() access.Object {
	s.mu.Lock()
	defer s.mu.Unlock()
	if read := s.read.Value(); read != nil {
		return *read
	}
	claims, err := decodeObject(s.payload)
	if err != nil {
		panic("a payload that was read once cannot be read: " + err.Error()) // nobody decides without claims
	}
	claims = s.issuer.rename(claims)
	s.read = weak.Make(&claims)
	return claims
}
