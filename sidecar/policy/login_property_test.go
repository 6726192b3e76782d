package policy_test

import (
	"encoding/json"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"stepup/sidecar/access"
)

// TestLoginProperties puts random logins to the rule. Whatever is asked for, a level is only
// claimed of factors that were completed, are enrolled and are young enough; whoever proves
// what is missing gets claims; and silence gets no factors.
func TestLoginProperties(t *testing.T) {
	s := snapshot(t, rego("allow := true"))
	rapid.Check(t, func(t *rapid.T) {
		l := drawLogin(t)
		answer, err := s.Login(t.Context(), l.document())
		if err != nil {
			t.Fatalf("Login(%s): %v", jsonOf(l.document()), err)
		}
		l.check(t, answer)
		if len(answer.Factors) == 0 {
			return
		}
		for _, factor := range answer.Factors {
			l.completed = append(l.completed, proved{factor, now + 1})
		}
		after, err := s.Login(t.Context(), l.document())
		if err != nil || after.Claims == nil {
			t.Fatalf("after %v, Login(%s) = %+v, %v, want claims", answer.Factors, jsonOf(l.document()), after, err)
		}
		l.check(t, after)
	})
}

type proved struct {
	factor string
	time   int64
}

// randomLogin is what a provider may tell.
type randomLogin struct {
	request   access.Object
	maxAge    int64 // -1: any
	enrolled  []string
	completed []proved
}

func drawLogin(t *rapid.T) *randomLogin {
	factors := []string{"pwd", "otp", "duo", "custom", "webauthn", "tea_leaves"}
	l := &randomLogin{request: access.Object{}, maxAge: -1}
	draw := func(name string, values ...string) {
		if v := rapid.SampledFrom(append(values, "")).Draw(t, name); v != "" {
			l.request[name] = v
		}
	}
	draw("scope", "openid", "openid step_up", "step_up openid")
	draw("acr_values", "normal", "mfa", "phr mfa", "phr", "phrh", "gold")
	draw("prompt", "none", "login", "consent")
	if rapid.Bool().Draw(t, "aged") {
		l.maxAge = rapid.SampledFrom([]int64{0, 30, 300}).Draw(t, "max_age")
		l.request["max_age"] = jsonOf(l.maxAge)
	}
	if values := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"normal", "mfa", "phr", "gold"}), 0, 2, rapid.ID).Draw(t, "essential"); len(values) > 0 {
		l.request["claims"] = access.Object{"id_token": access.Object{"acr": access.Object{"essential": true, "values": anyOf(values)}}}
	}
	l.enrolled = rapid.SliceOfNDistinct(rapid.SampledFrom(factors), 0, 4, rapid.ID).Draw(t, "enrolled")
	for range rapid.IntRange(0, 4).Draw(t, "proofs") {
		age := rapid.SampledFrom([]int64{-31, -30, 0, 10, 11, 30, 31, 300, 301, 9000}).Draw(t, "age")
		l.completed = append(l.completed, proved{rapid.SampledFrom(factors).Draw(t, "factor"), now - age})
	}
	return l
}

func (l *randomLogin) document() access.Object {
	doc := aLogin(l.request, nil)
	doc["user"] = access.Object{"id": "alice", "factors": anyOf(l.enrolled)}
	proofs := []any{}
	for _, p := range l.completed {
		proofs = append(proofs, access.Object{"factor": p.factor, "time": json.Number(jsonOf(p.time))})
	}
	doc["session"].(access.Object)["completed"] = proofs
	return doc
}

// check holds an answer to what was completed, by a simpler account of it.
func (l *randomLogin) check(t *rapid.T, answer access.LoginAnswer) {
	if answer.Claims == nil {
		if l.request["prompt"] == "none" && answer.Error == "" {
			t.Fatalf("prompt=none is answered with %+v", answer)
		}
		return
	}
	c := answer.Claims
	makers := map[string][]string{
		"normal": {"pwd", "otp", "duo", "custom", "webauthn"}, "mfa": {"otp", "duo", "custom", "webauthn"}, "phr": {"webauthn"},
	}[c.Level]
	made := slices.ContainsFunc(l.completed, func(p proved) bool {
		return p.time == c.AuthTime && slices.Contains(makers, p.factor) && l.counts(p)
	})
	first := l.did("pwd") || l.did("webauthn")
	second := c.Level != "mfa" || l.did("webauthn") || l.did("otp") || l.did("duo") || l.did("custom")
	fresh := l.maxAge < 0 || now-c.AuthTime <= l.maxAge || c.AuthTime >= now-10
	if !made || !first || !second || !fresh {
		t.Fatalf("claims %+v of %s (made %t, first %t, second %t, fresh %t)", *c, jsonOf(l.document()), made, first, second, fresh)
	}
}

// counts reports whether a proof is this person's, has happened, and is of this login.
func (l *randomLogin) counts(p proved) bool {
	return slices.Contains(l.enrolled, p.factor) && p.time <= now+30 && (l.request["prompt"] != "login" || p.time >= now-10)
}

func (l *randomLogin) did(factor string) bool {
	return slices.ContainsFunc(l.completed, func(p proved) bool { return p.factor == factor && l.counts(p) })
}

func anyOf(texts []string) []any {
	list := make([]any, len(texts))
	for i, text := range texts {
		list[i] = text
	}
	return list
}
