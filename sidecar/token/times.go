package token

import (
	"encoding/json"
	"math/big"
	"strconv"
	"time"

	"stepup/sidecar/access"
)

// latest is the last second of the year 9999, the largest NumericDate accepted. A time
// in milliseconds lies beyond it.
const latest = 253402300799

// rounding says to which whole second a fractional NumericDate goes.
type rounding bool

const (
	down rounding = false // exp: the token ends no later than it says
	up   rounding = true  // nbf, iat: it begins no earlier
)

// numericDate reads a NumericDate (RFC 7519, section 2): a JSON number of seconds, which
// may have a fraction or an exponent. Anything else (a string, true, null) is refused.
func numericDate(v any, r rounding) (int64, bool) {
	text, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		return n, 0 <= n && n <= latest
	}
	// Exact arithmetic: a float64 would move a bound by rounding. The exponent was
	// limited when the number was read.
	exact, ok := new(big.Rat).SetString(string(text))
	if !ok || exact.Sign() < 0 || exact.Cmp(big.NewRat(latest, 1)) > 0 {
		return 0, false
	}
	whole, rest := new(big.Int).QuoRem(exact.Num(), exact.Denom(), new(big.Int))
	if r == up && rest.Sign() > 0 {
		whole.Add(whole, big.NewInt(1))
	}
	return whole.Int64(), true
}

// times are a token's own NumericDates; absent ones are nil.
type times struct{ exp, nbf, iat *int64 }

func readTimes(claims access.Object) (times, *Error) {
	t := times{}
	for _, d := range []struct {
		name string
		into **int64
		r    rounding
	}{{"exp", &t.exp, down}, {"nbf", &t.nbf, up}, {"iat", &t.iat, up}} {
		v, there := claims[d.name]
		if !there {
			continue
		}
		n, ok := numericDate(v, d.r)
		if !ok {
			return t, refuse(access.TokenClaimInvalid, "%s is not a NumericDate between 0 and %d", d.name, int64(latest))
		}
		*d.into = &n
	}
	return t, nil
}

// check holds the times against the clock and one another. Leeway is for the clocks of
// others only: it never makes a login younger.
func (t times) check(now time.Time, skew time.Duration) *Error {
	clock, leeway := now.Unix(), int64(skew/time.Second)
	switch {
	case t.exp == nil:
		return refuse(access.TokenClaimInvalid, "no exp")
	case t.iat != nil && *t.exp <= *t.iat:
		return refuse(access.TokenClaimInvalid, "exp is not after iat")
	case t.nbf != nil && *t.nbf > *t.exp:
		return refuse(access.TokenClaimInvalid, "nbf is after exp")
	case clock >= *t.exp+leeway:
		return refuse(access.TokenExpired, "expired %d s ago, with a leeway of %d s", clock-*t.exp, leeway)
	case t.nbf != nil && clock < *t.nbf-leeway:
		return refuse(access.TokenNotYetValid, "not before %d s from now, with a leeway of %d s", *t.nbf-clock, leeway)
	case t.iat != nil && *t.iat > clock+leeway:
		return refuse(access.TokenNotYetValid, "issued %d s from now, with a leeway of %d s", *t.iat-clock, leeway)
	}
	return nil
}

// issuedAt returns iat, or 0 if the token has none.
func (t times) issuedAt() int64 {
	if t.iat == nil {
		return 0
	}
	return *t.iat
}
