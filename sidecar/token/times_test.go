package token_test

import (
	"fmt"
	"testing"
	"time"

	"stepup/sidecar/access"
	"stepup/sidecar/token"
	"stepup/sidecar/token/tokentest"
)

// TestNumericDate reads exp, nbf and iat in every form (RFC 7519, section 2). Plausible is
// what exp gives when the form is one we take; the token may still be expired.
func TestNumericDate(t *testing.T) {
	b := newBench(t)
	for _, row := range []struct {
		exp  string
		want int64 // -1: token_claim_invalid
	}{
		{"1795431720", 1795431720},
		{"1795431720.0", 1795431720},
		{"1795431720.999999999999999999999", 1795431720}, // a float64 would round up
		{"1.79543172e9", 1795431720},
		{"1.79543172E+9", 1795431720},
		{"17954317200e-1", 1795431720},
		{"179543172000000000000e-11", 1795431720},
		{"253402300799", 253402300799},
		{"253402300799.0", 253402300799},
		{"253402300799.1", -1},
		{"253402300800", -1},
		{"1795431720000", -1}, // milliseconds
		{"9223372036854775808", -1},
		{"1e18", -1},
		{"1e308", -1},
		{"1e309", -1},
		{"-0.1", -1},
		{"-1795431720", -1},
		{`"1795431720"`, -1},
		{"true", -1},
		{"null", -1},
		{"[1795431720]", -1},
		{`{"s":1795431720}`, -1},
	} {
		text := b.key.Sign(t, b.key.Header("at+jwt"), raw(t, claims(access.Object{"exp": tokentest.Absent{}}), `,"exp":`+row.exp))
		c, err := b.verify(text)
		if row.want < 0 {
			if got := codeOf(t, c, err); got != "token_claim_invalid" {
				t.Errorf("exp %s: Verify = %s (%v), want token_claim_invalid", row.exp, got, err)
			}
			continue
		}
		if err != nil || c.ExpiresAt != row.want {
			t.Errorf("exp %s: Verify = %+v, %v; want ExpiresAt %d", row.exp, c, err, row.want)
		}
	}
}

// TestClock holds each time to the clock, second by second. The leeway is 30 s.
func TestClock(t *testing.T) {
	b := newBench(t)
	at := now.Unix()
	for _, row := range []struct {
		name string
		give access.Object
		want string
	}{
		{"one second before exp", access.Object{"exp": at + 1}, "accepted"},
		{"at exp", access.Object{"exp": at}, "accepted"},
		{"leeway nearly over", access.Object{"exp": at - 29}, "accepted"},
		{"at exp + leeway", access.Object{"exp": at - 30}, "token_expired"},
		{"after exp + leeway", access.Object{"exp": at - 31}, "token_expired"},
		{"exp has a fraction, which does not help", access.Object{"exp": float64(at-30) + 0.5}, "token_expired"},
		{"at nbf", access.Object{"nbf": at}, "accepted"},
		{"nbf - leeway", access.Object{"nbf": at + 30}, "accepted"},
		{"before nbf - leeway", access.Object{"nbf": at + 31}, "token_not_yet_valid"},
		{"nbf has a fraction, which does not help", access.Object{"nbf": float64(at+30) + 0.5}, "token_not_yet_valid"},
		{"iat now", access.Object{"iat": at}, "accepted"},
		{"iat within the leeway", access.Object{"iat": at + 30}, "accepted"},
		{"iat beyond it", access.Object{"iat": at + 31}, "token_not_yet_valid"},
		{"exp = iat", access.Object{"iat": at, "exp": at}, "token_claim_invalid"},
		{"exp before iat", access.Object{"iat": at, "exp": at - 1}, "token_claim_invalid"},
		{"nbf after exp", access.Object{"nbf": at + 20, "exp": at + 10}, "token_claim_invalid"},
		{"no iat", access.Object{"iat": tokentest.Absent{}}, "token_claim_invalid"},
		{"iat a string", access.Object{"iat": fmt.Sprint(at)}, "token_claim_invalid"},
		{"nbf just below zero", access.Object{"nbf": -0.5}, "token_claim_invalid"},
		{"nbf null", access.Object{"nbf": nil}, "token_claim_invalid"},
	} {
		b.check(row.name, b.signed(claims(row.give)), row.want)
	}
	b.check("no iat, from an issuer that need not say it", b.signed(loose(access.Object{"iat": tokentest.Absent{}}), "JWT"), "accepted")
}

// TestClockIsCutToTheSecond: a fraction of the second neither ends nor begins a token.
func TestClockIsCutToTheSecond(t *testing.T) {
	b := newBench(t)
	text := access.NewCredential(b.signed(claims(access.Object{"exp": now.Unix() - 29})))
	for _, fraction := range []time.Duration{0, time.Second - 1} {
		if _, err := b.verifier.Verify(t.Context(), now.Add(fraction), text); err != nil {
			t.Errorf("%s into the second: %v", fraction, err)
		}
	}
	_, err := b.verifier.Verify(t.Context(), now.Add(time.Second), text)
	if e, ok := err.(*token.Error); !ok || e.Code != access.TokenExpired {
		t.Errorf("a second later: %v, want %s", err, access.TokenExpired)
	}
}
