package token

import (
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"stepup/sidecar/access"
)

// checkSignature tries each key on a token. What is verified is the payload that was read,
// under the text of the header that was read: there is no other copy of either. Several keys
// may share a kid; go-jose would try the first only.
func checkSignature(p *parsed, algorithms []jose.SignatureAlgorithm, keys []jose.JSONWebKey) (failure *Error) {
	// What is parsed here comes from anybody. JOSE libraries, this one too, have had
	// inputs that made them panic; such a token is not genuine either.
	defer func() {
		if r := recover(); r != nil {
			failure = &Error{Code: access.SignatureInvalid, Detail: "the JOSE library panicked", Err: fmt.Errorf("a %T", r)}
		}
	}()
	if p.form == nil {
		form, err := newForm(p.header, p.parts, algorithms)
		if err != nil {
			return err
		}
		p.form = form
	}
	jws, payload := p.form.signed(p.signature), []byte(p.raw)
	var err error
	for _, k := range keys {
		if err = jws.DetachedVerify(payload, k.Key); err == nil {
			return nil
		}
	}
	return &Error{Code: access.SignatureInvalid, Detail: fmt.Sprintf("none of %d keys verifies it", len(keys)), Err: err}
}
