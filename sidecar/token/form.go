package token

import (
	"strings"
	"sync"

	"github.com/go-jose/go-jose/v4"

	"stepup/sidecar/access"
)

// A form is what a header says, as we read it and as go-jose does. The tokens of an issuer
// nearly all have byte for byte the same header, so that a form serves them all. It says
// nothing of a token that has it: keys, the issuer's own rules for headers and the signature
// are asked for each.
type form struct {
	header header
	jws    jose.JSONWebSignature // of the token in which the header was read first
}

// newForm has go-jose read a token's header.
func newForm(h header, p parts, algorithms []jose.SignatureAlgorithm) (*form, *Error) {
	// Without the payload, which go-jose is given to verify.
	jws, err := jose.ParseSignedCompact(p.header+".."+p.signature, algorithms)
	if err != nil || len(jws.Signatures) != 1 {
		// The text of the error may quote the header.
		return nil, refuse(access.TokenMalformed, "not a JWS that go-jose can parse")
	}
	return &form{header: h, jws: *jws}, nil
}

// signed is the JWS with this header and a signature of its own, whose payload is detached.
func (f *form) signed(signature []byte) jose.JSONWebSignature {
	own := f.jws.Signatures[0]
	own.Signature = signature
	jws := f.jws
	jws.Signatures = []jose.Signature{own}
	return jws
}

// The bounds of what is kept of headers.
const (
	maxForms  = 256
	maxHeader = 1 << 10 // of the text of a header that is kept
)

// forms are those of headers whose tokens were accepted, by the text of the header. A token
// that was refused leaves nothing here, so that only issuers can fill it. One whose headers are
// all different does, and then all begins anew. The zero value is empty. It is safe for
// concurrent use.
type forms struct {
	mu sync.RWMutex
	by map[string]*form
}

// find returns the form of a header; nil: it is not known.
func (f *forms) find(text string) *form {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.by[text]
}

// keep keeps the form of an accepted token.
func (f *forms) keep(p parsed) {
	text := p.parts.header
	if len(text) > maxHeader || f.find(text) != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.by == nil || len(f.by) >= maxForms {
		f.by = map[string]*form{}
	}
	f.by[strings.Clone(text)] = p.form // the part would hold its whole token
}
