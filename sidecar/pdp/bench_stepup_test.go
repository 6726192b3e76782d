package pdp_test

import (
	"testing"

	"stepup/sidecar/access"
)

// BenchmarkDecideStepUp measures a refusal with its search among the logins, about a token
// of which nothing is kept.
func BenchmarkDecideStepUp(b *testing.B) {
	o := newOffice(b, "RS256")
	at := now.Unix()
	text := o.key.Sign(b, o.key.Header("at+jwt"), access.Object{
		"iss": officeIssuer, "sub": "auth0|1", "aud": lifeAPI, "client_id": "intranet", "iat": at, "exp": at + 3600,
		"scope": "openid read:customers read:employees", "authentication_level": "normal", "amr": []string{"pwd"}, "auth_time": at - 60,
	})
	r := access.Request{
		Credential: access.NewCredential(text), Action: access.Action{Name: "GET"}, Resource: access.Resource{Type: "route", ID: "/employees"},
	}
	d := o.decider(nil)
	b.ReportAllocs()
	for b.Loop() {
		if got := d.Decide(b.Context(), r); got.Outcome != access.StepUp {
			b.Fatalf("%v %q, want a step-up", got.Outcome, got.Reasons)
		}
	}
}
