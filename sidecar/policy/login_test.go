package policy_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
	"stepup/sidecar/policy"
)

// aLogin is what a provider tells: what is asked for, and when alice proved each factor.
func aLogin(request access.Object, completed map[string]int64) access.Object {
	proofs := []any{}
	for factor, time := range completed {
		proofs = append(proofs, access.Object{"factor": factor, "time": json.Number(jsonOf(time))})
	}
	return access.Object{
		"authorization_request": request,
		"user":                  access.Object{"id": "auth0|alice", "factors": []any{"pwd", "otp"}},
		"session":               access.Object{"completed": proofs, "requested_at": int64(now - 10), "refresh": false, "claims": access.Object{}},
		"client":                access.Object{"id": "intranet", "properties": access.Object{}},
		"now":                   int64(now),
		"clock_skew":            int64(30),
	}
}

func jsonOf(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}

func TestLogin(t *testing.T) {
	s := snapshot(t, rego("allow := true"))
	stepUp := access.Object{"scope": "openid step_up"}
	for _, row := range []struct {
		name string
		doc  access.Object
		want access.LoginAnswer
	}{
		{"still to be proved", aLogin(stepUp, map[string]int64{"pwd": now - 9}), access.LoginAnswer{Factors: []string{"otp"}}},
		{"completed", aLogin(stepUp, map[string]int64{"pwd": now - 9, "otp": now - 3}), access.LoginAnswer{
			Claims: &access.LoginClaims{Level: "mfa", ACR: "mfa", Methods: []string{"pwd", "otp", "mfa"}, AuthTime: now - 3},
		}},
		{"silently", aLogin(access.Object{"scope": "step_up", "prompt": "none"}, map[string]int64{"pwd": now - 9}), access.LoginAnswer{Error: access.InteractionRequired}},
		{"not understood", access.Object{}, access.LoginAnswer{Error: access.UnmetAuthentication}},
	} {
		got, err := s.Login(t.Context(), row.doc)
		if diff := cmp.Diff(row.want, got); diff != "" || err != nil {
			t.Errorf("%s: Login: %v (-want +got)\n%s", row.name, err, diff)
		}
	}
}

// The rule goes by the levels of the active policy, and by nothing else that it has.
func TestLoginReadsTheLevelsOfThePolicy(t *testing.T) {
	s := snapshot(t, files{
		"p.rego":                  "package p\n\nallow := true",
		"stepup/levels/data.json": `{"gold": {"implies": ["mfa"]}}`,
	})
	doc := aLogin(access.Object{"acr_values": "gold"}, map[string]int64{"pwd": now - 9, "otp": now - 3})
	got, err := s.Login(t.Context(), doc)
	if want := (access.LoginAnswer{Error: access.UnmetAuthentication}); err != nil || !cmp.Equal(got, want) {
		t.Errorf("Login for a level that no factor makes = %+v, %v, want %+v", got, err, want)
	}
	for name, refused := range map[string]files{
		"a rule of the login rule": {"l.rego": "package stepup.login\n\nlogin := {\"claims\": {}}"},
		"factors":                  {"stepup/factors/data.json": `{"tea": {"alone": "phr"}}`},
	} {
		if _, err := open(t, rego("allow := true").with(refused)); err == nil {
			t.Errorf("a policy with %s loads", name)
		}
	}
}

func TestLoginFaults(t *testing.T) {
	s := snapshot(t, rego("allow := true"))
	ended, end := context.WithCancel(t.Context())
	end()
	for _, row := range []struct {
		name string
		ctx  context.Context
		doc  access.Object
		kind error
		code access.Code
	}{
		{"the call has ended", ended, aLogin(nil, nil), policy.ErrTimeout, access.PolicyTimeout},
		{"what is no JSON", t.Context(), access.Object{"now": func() {}}, policy.ErrEvaluation, access.PolicyError},
	} {
		got, err := s.Login(row.ctx, row.doc)
		var fault *access.Fault
		if !errors.Is(err, row.kind) || !errors.As(err, &fault) || fault.Code != row.code {
			t.Errorf("%s: Login: %v, want %v with code %s", row.name, err, row.kind, row.code)
		}
		if !cmp.Equal(got, access.LoginAnswer{}) {
			t.Errorf("%s: Login = %+v beside an error, want nothing", row.name, got)
		}
	}
}

// Whatever is not exactly one of the three answers is a fault and says nothing.
func TestOddLoginAnswers(t *testing.T) {
	s := snapshot(t, rego("allow := true"))
	for _, odd := range []string{
		`"mfa"`, `null`, `{}`, `{"error": "none"}`, `{"error": ""}`, `{"error": 1}`, `{"error": "login_required", "claims": {}}`,
		`{"factors": ["otp"]}`, `{"factors": [], "remembered_device": "ignore"}`, `{"factors": [1], "remembered_device": "ignore"}`,
		`{"factors": "otp", "remembered_device": "ignore"}`, `{"factors": ["otp"], "remembered_device": "accept"}`,
		`{"claims": "mfa"}`, `{"claims": {}}`,
		`{"claims": {"authentication_level": "mfa", "acr": "mfa", "amr": ["pwd"]}}`,
		`{"claims": {"authentication_level": "mfa", "acr": "mfa", "amr": ["pwd"], "auth_time": 1, "sub": "alice"}}`,
		`{"claims": {"authentication_level": "mfa", "acr": "phr", "amr": ["pwd"], "auth_time": 1}}`,
		`{"claims": {"authentication_level": "gold", "acr": "gold", "amr": ["pwd"], "auth_time": 1}}`,
		`{"claims": {"authentication_level": "mfa", "acr": "mfa", "amr": "pwd", "auth_time": 1}}`,
		`{"claims": {"authentication_level": "mfa", "acr": "mfa", "amr": ["pwd"], "auth_time": 1.5}}`,
		`{"claims": {"authentication_level": "mfa", "acr": "mfa", "amr": ["pwd"], "auth_time": "1"}}`,
	} {
		got, err := s.ParseLogin(odd)
		if !errors.Is(err, policy.ErrEvaluation) || !cmp.Equal(got, access.LoginAnswer{}) {
			t.Errorf("ParseLogin(%s) = %+v, %v, want nothing and ErrEvaluation", odd, got, err)
		}
	}
}
