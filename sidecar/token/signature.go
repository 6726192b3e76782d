package token

import (
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"stepup/sidecar/access"
)

// checkSignature tries each key on a token in compact serialisation and returns the
// bytes that were signed. Several keys may share a kid; go-jose would try the first only.
func checkSignature(text string, algorithms []jose.SignatureAlgorithm, keys []jose.JSONWebKey) (payload []byte, failure *Error) {
	// What is parsed here comes from anybody. JOSE libraries, this one too, have had
	// inputs that made them panic; such a token is not genuine either.
	defer func() {
		if r := recover(); r != nil {
			payload, failure = nil, &Error{Code: access.SignatureInvalid, Detail: "the JOSE library panicked", Err: fmt.Errorf("a %T", r)}
		}
	}()
	jws, err := jose.ParseSignedCompact(text, algorithms)
	if err != nil {
		// Its text may quote the header.
		return nil, refuse(access.TokenMalformed, "not a JWS that go-jose can parse")
	}
	for _, k := range keys {
		if payload, err = jws.Verify(k.Key); err == nil {
			return payload, nil
		}
	}
	return nil, &Error{Code: access.SignatureInvalid, Detail: fmt.Sprintf("none of %d keys verifies it", len(keys)), Err: err}
}
