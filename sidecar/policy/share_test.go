package policy_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
	"stepup/sidecar/policy"
)

// Issuers that use a vocabulary alike share what is read of its logins, and no others do:
// each has what it has when it is the only one.
func TestIssuersShareLogins(t *testing.T) {
	var all []policy.Use
	for n, use := range []policy.Use{
		{Vocabulary: "entra", Levels: map[string]string{"mfa": "c1"}},
		{Vocabulary: "entra", Levels: map[string]string{"mfa": "c1", "phr": "c2"}},
		{Vocabulary: "entra", Levels: map[string]string{"mfa": "c2", "phr": "c1"}},
		{Vocabulary: "oidc"}, {Vocabulary: "oidc", MaxLevel: "mfa"}, {Vocabulary: "oidc"}, {Vocabulary: "auth0"},
	} {
		use.Issuer = fmt.Sprintf("https://%d.example/", n)
		all = append(all, use)
	}
	together := readers(t, all, 0)
	for _, use := range all {
		alone := readers(t, []policy.Use{use}, 0)
		if diff := cmp.Diff(loginsOf(alone, use.Issuer), loginsOf(together, use.Issuer)); diff != "" {
			t.Errorf("logins of %+v: -alone +together\n%s", use, diff)
		}
	}
}

func loginsOf(s *policy.Snapshot, issuer string) [][]access.Assurance {
	var all [][]access.Assurance
	for n, login := range s.Vocabulary(issuer).Logins {
		var members []access.Assurance
		for m := range login.Claims {
			members = append(members, s.AssureLogin(issuer, n, m, 1))
		}
		all = append(all, members)
	}
	return all
}

// What a policy adds is read back, with levels of its own and without.
func TestOpenReadsBackWhatChanged(t *testing.T) {
	bad := `{"claims": {"lvl": {"2": "normal"}}, "methods": [], "absent": "none", "logins": [{"level": "mfa", "claims": [{"lvl": "2"}], "request": {"scope": "x"}}]}`
	for name, f := range map[string]files{
		"a vocabulary":             {"stepup/vocabularies/corp/data.json": bad},
		"a vocabulary and a level": {"stepup/vocabularies/corp/data.json": bad, "stepup/levels/data.json": `{"badge": {}}`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(t, rego("allow := true").with(f))
			wantText(t, err, "vocabularies.corp.logins[0]", "read back as the levels")
		})
	}
}
