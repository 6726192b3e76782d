package pdp_test

import (
	"fmt"
	"maps"
	"runtime"
	"strings"
	"testing"

	"stepup/sidecar/access"
	"stepup/sidecar/heaptest"
	"stepup/sidecar/pdp"
)

// TestMemoryTakesWhatItTells compares what is told of kept tokens and answers with what
// the process came to hold for them. The limits are generous: what they must notice is a
// cache that takes a multiple of its bytes.
func TestMemoryTakesWhatItTells(t *testing.T) {
	const tokens = 1000
	for _, tt := range []struct{ name, route string }{
		{"allowed", "/employees"},
		{"denied", "/" + strings.Repeat("nowhere/", 8)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := newOffice(t, "ES256")
			m := pdp.NewMemory(pdp.MemoryConfig{Bytes: 256 << 20})
			d := o.decider(m)
			d.Decide(t.Context(), o.asks(t, tokens, tt.route)) // what is taken once
			before, toldBefore := heaptest.InUse(), told(m)
			for n := range tokens {
				if got := d.Decide(t.Context(), o.asks(t, n, tt.route)); got.Outcome == access.Indeterminate {
					t.Fatalf("token %d: %q", n, got.Reasons)
				}
			}
			taken, told := heaptest.InUse()-before, told(m)-toldBefore
			runtime.KeepAlive(m)
			t.Logf("%d bytes for each token, %d told", taken/tokens, told/tokens)
			if told < taken/2 || told > 4*taken {
				t.Errorf("%d tokens and their answers take %d bytes; %d are told, want between half of it and four times as much", tokens, taken, told)
			}
		})
	}
}

// TestMemoryOfUnusualTokens: what an issuer can put into a token to make it take more than it seems.
func TestMemoryOfUnusualTokens(t *testing.T) {
	const tokens = 100
	var methods []any
	for n := range 1200 {
		methods = append(methods, fmt.Sprintf("m%d", n))
	}
	for name, unusual := range map[string]access.Object{
		"many methods":   {"amr": methods},
		"an escaped jti": {"jti": strings.Repeat("x", 10_000) + "\""},
		"many scopes":    {"scope": strings.Repeat("a b ", 2000) + "c"},
	} {
		o := newOffice(t, "ES256")
		asks := func(number int) access.Request {
			claims := access.Object{
				"iss": officeIssuer, "sub": fmt.Sprintf("auth0|%d", number), "aud": lifeAPI, "client_id": "intranet", "jti": fmt.Sprint(number),
				"iat": now.Unix(), "exp": now.Unix() + 3600, "authentication_level": "mfa", "auth_time": now.Unix() - 60, "scope": "openid read:customers read:employees",
			}
			maps.Copy(claims, unusual)
			return access.Request{
				Credential: access.NewCredential(o.key.Sign(t, o.key.Header("at+jwt"), claims)),
				Action:     access.Action{Name: "GET"}, Resource: access.Resource{Type: "route", ID: "/employees"},
			}
		}
		m := pdp.NewMemory(pdp.MemoryConfig{Bytes: 256 << 20})
		d := o.decider(m)
		d.Decide(t.Context(), asks(tokens)) // what is taken once
		before, toldBefore := heaptest.InUse(), told(m)
		for n := range tokens {
			if got := d.Decide(t.Context(), asks(n)); got.Outcome == access.Indeterminate {
				t.Fatalf("%s: %q", name, got.Reasons)
			}
		}
		taken, told := heaptest.InUse()-before, told(m)-toldBefore
		runtime.KeepAlive(m)
		t.Logf("%s: %d bytes for each token, %d told", name, taken/tokens, told/tokens)
		if told < taken/2 {
			t.Errorf("%s: %d bytes are taken, and %d told", name, taken, told)
		}
	}
}

func told(m *pdp.Memory) (bytes int64) {
	for _, n := range m.Bytes() {
		bytes += n
	}
	return bytes
}
