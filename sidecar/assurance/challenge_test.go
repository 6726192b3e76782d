package assurance_test

import (
	"encoding/base64"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
)

// What Entra's clients get is theirs only where they say that they understand it.
func TestChallenges(t *testing.T) {
	const wanted = `{"access_token":{"acrs":{"essential":true,"value":"c1"}}}`
	age := int64(3600)
	advice := access.StepUpAdvice{
		Level: "mfa", MaxAge: &age, ACRValues: []string{},
		AuthorizationRequest: map[string]string{"scope": "openid read:employees", "claims": wanted, "max_age": "3600"},
	}
	fresh := access.StepUpAdvice{Level: "normal", MaxAge: &age, AuthorizationRequest: map[string]string{"scope": "openid", "max_age": "3600"}}
	plain := []access.Challenge{{
		Scheme: "Bearer", Error: "insufficient_user_authentication", MaxAge: &age, ACRValues: []string{},
		Scope: []string{"openid", "read:employees"},
	}}
	entra := []access.Challenge{{Scheme: "Bearer", Error: "insufficient_claims", Claims: &access.ClaimsChallenge{
		AuthorizationURI: "https://login.microsoftonline.com/common/oauth2/authorize",
		Request:          base64.StdEncoding.EncodeToString([]byte(wanted)),
	}}}
	for _, row := range []struct {
		name, vocabulary string
		advice           access.StepUpAdvice
		claims           access.Object
		want             []access.Challenge
	}{
		{"a capable client", "entra", advice, access.Object{"xms_cc": []any{"cp1"}}, entra},
		{"capable in another case, among others", "entra", advice, access.Object{"xms_cc": []any{"foo", "CP1"}}, entra},
		{"one value is told as a text", "entra", advice, access.Object{"xms_cc": "cp1"}, entra},
		{"another context does not do", "entra", advice, access.Object{"xms_cc": []any{"cp1"}, "acrs": []any{"c2", "c11"}}, entra},
		{"the context is there: only a fresh login will do", "entra", advice, access.Object{"xms_cc": []any{"cp1"}, "acrs": []any{"c2", "c1"}}, plain},
		{"a client that says nothing", "entra", advice, access.Object{}, plain},
		{"another capability", "entra", advice, access.Object{"xms_cc": []any{"cp10", "xcp1"}}, plain},
		{"no list of texts", "entra", advice, access.Object{"xms_cc": []any{true, nil}}, plain},
		{"a fresh login needs no context", "entra", fresh, access.Object{"xms_cc": []any{"cp1"}}, access.StepUpChallenges(fresh)},
		{"the claim is nothing to others", "oidc", advice, access.Object{"xms_cc": []any{"cp1"}}, plain},
	} {
		v, err := shipped(t).For(row.vocabulary, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(row.want, v.Challenges(row.advice, func() access.Object { return row.claims })); diff != "" {
			t.Errorf("%s: Challenges(%v) under %s: -want +got\n%s", row.name, row.claims, row.vocabulary, diff)
		}
	}
}
