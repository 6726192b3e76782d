package totp

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pquerna/otp/totp"
)

// Why a code does not count. A caller tells them apart in its log only: to a person, and
// to whoever is guessing, both are a wrong code.
var (
	ErrWrong = errors.New("the code is not of this secret and time")
	ErrUsed  = errors.New("the code, or a later one, was used before")
)

// Period is how long a code is shown.
const Period = 30 * time.Second

// skew is how many steps a clock may be off, either way (RFC 6238, section 5.2).
const skew = 1

// Step returns the time step that a moment is in.
func Step(now time.Time) int64 { return now.Unix() / int64(Period/time.Second) }

// Verify returns the step that the code is of, which the caller keeps as last for the
// next time. Steps up to last are refused with ErrUsed; last is 0 before the first time.
// Spaces in the code are ignored, since apps show it in two groups. Another error means
// that the secret cannot be read.
func Verify(secret, code string, now time.Time, last int64) (int64, error) {
	code = strings.ReplaceAll(code, " ", "")
	found := int64(-1)
	for step := Step(now) - skew; step <= Step(now)+skew; step++ {
		expected, err := codeOf(secret, step)
		if err != nil {
			return 0, err
		}
		if subtle.ConstantTimeCompare([]byte(code), []byte(expected)) == 1 {
			found = step
		}
	}
	switch {
	case found < 0:
		return 0, ErrWrong
	case found <= last:
		return 0, ErrUsed
	}
	return found, nil
}

func codeOf(secret string, step int64) (string, error) {
	code, err := totp.GenerateCode(secret, time.Unix(step*int64(Period/time.Second), 0))
	if err != nil {
		return "", fmt.Errorf("computing the TOTP code: %w", err)
	}
	return code, nil
}
