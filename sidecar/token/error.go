package token

import (
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

// Quote shortens and quotes a name that came from outside, so that it is fit for a log.
func Quote(name string) string {
	const most = 64
	if len(name) > most {
		return fmt.Sprintf("%q and %d bytes more", name[:most], len(name)-most)
	}
	return fmt.Sprintf("%q", name)
}
