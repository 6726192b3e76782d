package pdp_test

import (
	"math/rand/v2"
	"testing"

	"stepup/sidecar/access"
	"stepup/sidecar/pdp"
)

// What was noted of a question counts at its moment and under its policy only: each row asks
// the same questions again after one of these changed, and shows besides that the answer
// would be wrong if that were not looked at.
func TestNotesCountForOneMomentAndPolicy(t *testing.T) {
	for name, row := range map[string]struct {
		policies []string
		change   func(*life)
		forge    func(*access.Note, *pdp.Decider)
	}{
		"another moment": {
			[]string{`input.assurance.age <= 10`},
			func(l *life) { l.clock.Add(11) },
			pdp.Postdate,
		},
		"another policy": {
			[]string{`1 == 1`, `input.resource.id == "/a"`}, // of which the first sees nothing
			func(l *life) { l.active.Store(l.policies[1]) },
			pdp.Adopt,
		},
	} {
		for _, forged := range []bool{false, true} {
			l := newLife(t, rand.New(rand.NewPCG(3, 4)), &tally{})
			l.live(row.policies...)
			at, differ := l.clock.Load(), 0
			token := l.ring.key.Sign(t, l.ring.key.Header("at+jwt"), access.Object{
				"iss": lifeIssuer, "sub": "alice", "aud": lifeAPI, "client_id": "app", "jti": "1", "iat": at, "exp": at + 60,
				"scope": "openid", "acr": "normal", "auth_time": at,
			})
			var questions []access.Request
			for _, resource := range []string{"/a", "/b"} {
				questions = append(questions, access.Request{
					Credential: access.NewCredential(token), Action: access.Action{Name: "GET"},
					Resource: access.Resource{Type: "route", ID: resource}, Note: &access.Note{},
				})
			}
			ask := func() {
				for _, r := range questions {
					if l.kept.Decide(t.Context(), r).Outcome != l.fresh.Decide(t.Context(), r).Outcome {
						differ++
					}
				}
			}
			ask()
			for _, r := range questions {
				if !pdp.Noted(r.Note, l.kept) {
					t.Errorf("%s: nothing was noted", name)
				}
			}
			row.change(l)
			for _, r := range questions {
				if pdp.Noted(r.Note, l.kept) {
					t.Errorf("%s: what was noted counts", name)
				}
				if forged {
					row.forge(r.Note, l.kept)
				}
			}
			ask()
			if (differ > 0) != forged {
				t.Errorf("%s, forged %t: %d answers differ from fresh ones", name, forged, differ)
			}
		}
	}
}
