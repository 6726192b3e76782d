package pdp_test

import (
	"testing"
	"time"

	"stepup/sidecar/access"
	"stepup/sidecar/loopguard"
	"stepup/sidecar/pdp"
)

// A visit is somebody asking for the employees page.
type visit struct {
	at     int64 // seconds since the test began
	login  int64 // when they signed in, by the same clock
	level  string
	sid    string
	repeat int // how often they ask again at once
}

// TestLoops plays what people and providers do. Only a provider that ignores what it is
// asked for ends in a deny; nobody else is held back.
func TestLoops(t *testing.T) {
	for name, row := range map[string]struct {
		visits []visit
		want   []access.Code // of each visit; empty: allowed
	}{
		"a provider that ignores the level": {
			[]visit{{at: 0, login: -60}, {at: 30, login: 25}, {at: 60, login: 55}, {at: 90, login: 85}},
			[]access.Code{access.LevelTooLow, access.LevelTooLow, access.StepUpUnmet, access.StepUpUnmet},
		},
		"the same login asks again and again": {
			[]visit{{at: 0, login: -60, repeat: 20}, {at: 300, login: -60, repeat: 20}},
			[]access.Code{access.LevelTooLow, access.LevelTooLow},
		},
		"it helps": {
			[]visit{{at: 0, login: -60}, {at: 30, login: 25, level: "mfa"}},
			[]access.Code{access.LevelTooLow, ""},
		},
		"it helps at the second try": {
			[]visit{{at: 0, login: -60}, {at: 30, login: 25}, {at: 60, login: 55, level: "mfa"}},
			[]access.Code{access.LevelTooLow, access.LevelTooLow, ""},
		},
		"an allow is never held back": {
			[]visit{{at: 0, login: -60}, {at: 30, login: 25}, {at: 60, login: 55}, {at: 90, login: 85, level: "mfa"}, {at: 120, login: 115}},
			[]access.Code{access.LevelTooLow, access.LevelTooLow, access.StepUpUnmet, "", access.LevelTooLow},
		},
		"two devices": {
			[]visit{{at: 0, login: -60, sid: "a"}, {at: 10, login: -30, sid: "b"}, {at: 20, login: -20, sid: "c"}},
			[]access.Code{access.LevelTooLow, access.LevelTooLow, access.LevelTooLow},
		},
		"an old login that was abandoned, and one of the day after": {
			[]visit{{at: 0, login: -60}, {at: 700, login: 650}, {at: 1400, login: 1350}},
			[]access.Code{access.LevelTooLow, access.LevelTooLow, access.LevelTooLow},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, "stepup-demo")
			b.config.Guard = loopguard.New(loopguard.Config{Skew: time.Second})
			clock := now
			b.config.Now = func() time.Time { return clock }
			decider := pdp.New(b.config)
			for i, v := range row.visits {
				clock = now.Add(time.Duration(v.at) * time.Second)
				for range v.repeat + 1 {
					d := b.visit(decider, v)
					if d.Code() != row.want[i] {
						t.Fatalf("visit %d: %v %s, want %q", i, d.Outcome, d.Code(), row.want[i])
					}
					b.wantUnmet(d)
				}
			}
		})
	}
}

func (b *bench) visit(decider *pdp.Decider, v visit) access.Decision {
	level := "normal"
	if v.level != "" {
		level = v.level
	}
	login := now.Unix() + v.login
	text := b.issuer.Token(access.Object{
		"acr": level, "authentication_level": level, "auth_time": login, "sid": "s" + v.sid, "scope": "read:employees",
		"iat": login, "exp": login + 7200,
	})
	return decider.Decide(b.Context(), access.Request{
		Credential: access.NewCredential(text),
		Action:     access.Action{Name: "GET"}, Resource: access.Resource{Type: "route", ID: "/employees"},
	})
}

// wantUnmet checks what goes with the deny of a loop: what did not change, no login to ask
// for, no challenge, and no time until which it lasts.
func (b *bench) wantUnmet(d access.Decision) {
	b.Helper()
	if d.Code() != access.StepUpUnmet {
		return
	}
	if d.Outcome != access.Deny || d.Status() != 403 || d.StepUp != nil || len(d.Challenges) > 0 || d.ValidUntil != 0 {
		b.Errorf("a loop is answered with %+v", d)
	}
	if len(d.Reasons) < 2 || d.Reasons[1].Code != access.LevelTooLow {
		b.Errorf("reasons %v, want what did not change second", d.Reasons)
	}
}
