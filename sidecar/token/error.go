package token

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"stepup/sidecar/access"
)

// An Error says why a token was not accepted. Callers of the sidecar learn its Code
// only; Detail and Err are for the log and hold no claim's value.
type Error struct {
	Code   access.Code
	Detail string
	Err    error // what a library said; may be nil
}

// Error tells the log everything.
func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("%s: %s", e.Code, e.Detail)
	}
	return fmt.Sprintf("%s: %s: %v", e.Code, e.Detail, e.Err)
}

// Unwrap returns what a library said.
func (e *Error) Unwrap() error { return e.Err }

// refuse makes the error for a token that fails one check.
func refuse(code access.Code, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// asError gives whatever a source of keys returned a code of ours. An error that has
// none is a fault of the source, so nothing is known about the token.
func asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: access.KeysUnavailable, Detail: "looking up keys", Err: err}
}

// Unverified describes text of a token whose signature was not checked, by its length and
// the beginning of its SHA-256 digest: a log must not repeat what anybody may have sent,
// and whoever knows the text that was meant can compare.
func Unverified(text string) string {
	sum := sha256.Sum256([]byte(text))
	return fmt.Sprintf("of %d bytes (sha256:%x)", len(text), sum[:8])
}

// Quote shortens and quotes a name that an issuer gave and nobody else, so that it is fit
// for a log. For what is not verified there is [Unverified].
func Quote(name string) string {
	const most = 64
	if len(name) > most {
		return fmt.Sprintf("%q and %d bytes more", name[:most], len(name)-most)
	}
	return fmt.Sprintf("%q", name)
}
