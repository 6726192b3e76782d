package access_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
)

func TestRefusalChallenges(t *testing.T) {
	invalid := []access.Challenge{{Scheme: "Bearer", Error: "invalid_token", Description: "The token was not accepted."}}
	rows := []struct {
		code access.Code
		want []access.Challenge
	}{
		{access.NoCredentials, []access.Challenge{{Scheme: "Bearer"}}},
		{access.RequestMalformed, []access.Challenge{{Scheme: "Bearer", Error: "invalid_request", Description: "The request is malformed."}}},
		{access.TokenMalformed, invalid},
		{access.TokenExpired, invalid},
		{access.BindingFailed, invalid},
		{access.LevelTooLow, nil},
		{access.LoginTooOld, nil},
		{access.NotAllowed, nil},
		{access.NoUser, nil},
		{access.KeysUnavailable, nil},
		{access.PolicyTimeout, nil},
		{"fabrikam/closed", nil},
		{"", nil},
	}
	for _, row := range rows {
		if diff := cmp.Diff(row.want, access.RefusalChallenges(row.code)); diff != "" {
			t.Errorf("RefusalChallenges(%q) differs (-want +got):\n%s", row.code, diff)
		}
	}
}

// Only a 401 or 400 asks the client for something; nothing is challenged on a 403 or a
// fault of ours.
func TestRefusalChallengesFollowTheTable(t *testing.T) {
	for _, row := range access.Codes() {
		challenged := len(access.RefusalChallenges(row.Code)) > 0
		if challenged && row.Status != 401 && row.Status != 400 {
			t.Errorf("%s has status %d and a challenge", row.Code, row.Status)
		}
		if !challenged && row.Bearer == "invalid_token" {
			t.Errorf("%s is an invalid_token without a challenge", row.Code)
		}
	}
}
