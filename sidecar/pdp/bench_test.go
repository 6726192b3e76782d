package pdp_test

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"stepup/sidecar/access"
	"stepup/sidecar/pdp"
	"stepup/sidecar/policy"
	"stepup/sidecar/token"
	"stepup/sidecar/token/tokentest"
)

// BenchmarkDecideHot measures a decision that is kept.
func BenchmarkDecideHot(b *testing.B) {
	o := newOffice(b, "RS256")
	d, r := o.decider(pdp.NewMemory(pdp.MemoryConfig{Bytes: 64 << 20})), o.asks(b, 0, "/employees")
	b.ReportAllocs()
	for b.Loop() {
		o.allowed(b, d, r)
	}
}

// BenchmarkDecideText measures a decision that is kept, about a token that was not asked for in a while, so
// that its proof is read from text.
func BenchmarkDecideText(b *testing.B) {
	o := newOffice(b, "RS256")
	d, r := o.decider(pdp.TextsOnly(pdp.NewMemory(pdp.MemoryConfig{Bytes: 64 << 20}))), o.asks(b, 0, "/employees")
	b.ReportAllocs()
	for b.Loop() {
		o.allowed(b, d, r)
	}
}

// BenchmarkDecideCold measures a decision about a token that was never seen before, with
// all that is kept of it.
func BenchmarkDecideCold(b *testing.B) {
	o := newOffice(b, "RS256")
	requests := make([]access.Request, 128)
	for n := range requests {
		requests[n] = o.asks(b, n, "/employees")
	}
	var d *pdp.Decider
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%len(requests) == 0 {
			b.StopTimer()
			d = o.decider(pdp.NewMemory(pdp.MemoryConfig{Bytes: 64 << 20}))
			b.StartTimer()
		}
		o.allowed(b, d, requests[n%len(requests)])
	}
}

// An office is the demonstration's policy with an issuer whose tokens have many claims.
type office struct {
	key      tokentest.Key
	verifier *token.Verifier
	policies *policy.Policies
}

const officeIssuer = "https://fabrikam.eu.auth0.com/"

func newOffice(t testing.TB, alg string) *office {
	t.Helper()
	o := &office{key: tokentest.NewKey(t, alg, "k")}
	var err error
	o.verifier, err = token.NewVerifier([]token.Issuer{{
		URL: officeIssuer, Audiences: []string{lifeAPI}, Vocabulary: "auth0-rule", Keys: tokentest.Static{o.key},
	}}, time.Second, 0)
	if err != nil {
		t.Fatal(err)
	}
	o.policies, err = policy.Open(t.Context(), policy.Config{Issuers: []policy.Use{{Issuer: officeIssuer, Vocabulary: "auth0-rule"}}, Readings: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *office) decider(m *pdp.Memory) *pdp.Decider {
	return pdp.New(pdp.Config{
		Verifier: o.verifier, Policy: func() pdp.Policy { return o.policies.Current() }, Recorder: nobody{},
		Now: func() time.Time { return now }, Deadline: time.Minute, ClockSkew: time.Second, Keep: time.Hour, Memory: m,
	})
}

// nobody keeps no records.
type nobody struct{}

func (nobody) Record(context.Context, pdp.Record) {}

// asks is a question with a token of its own, in which some claims may be others.
func (o *office) asks(t testing.TB, number int, route string, others ...access.Object) access.Request {
	t.Helper()
	at := now.Unix()
	claims := access.Object{
		"iss": officeIssuer, "sub": fmt.Sprintf("auth0|%d", number), "aud": lifeAPI, "client_id": "intranet", "jti": fmt.Sprint(number),
		"iat": at, "exp": at + 3600, "scope": "openid read:customers read:employees",
		"authentication_level": "mfa", "amr": []string{"pwd", "otp"}, "auth_time": at - 60,
		"name": "Alice Example", "groups": []string{"staff", "payroll", "on-call"}, "tenant": map[string]any{"id": "fabrikam", "country": "SE"},
	}
	for _, other := range others {
		maps.Copy(claims, other)
	}
	text := o.key.Sign(t, o.key.Header("at+jwt"), claims)
	return access.Request{
		Credential: access.NewCredential(text), Action: access.Action{Name: "GET"}, Resource: access.Resource{Type: "route", ID: route},
	}
}

func (o *office) allowed(t testing.TB, d *pdp.Decider, r access.Request) {
	if got := d.Decide(t.Context(), r); got.Outcome != access.Allow {
		t.Fatalf("%v %q, want allow", got.Outcome, got.Reasons)
	}
}
