package policy_test

import (
	"testing"

	"stepup/sidecar/policy"
)

// A policy is refused that can never work: no document has what it asks for.
func TestCheckFindsWhatNeverIs(t *testing.T) {
	for _, row := range []struct {
		name, body string
		want       []string
	}{
		{"a subject", `allow if input.subject.type == "machine"`, []string{`p.rego:3:32: error: input.subject.type is never "machine": it is one of user, client`}},
		{"mirrored", `allow if "users" == input.subject.type`, []string{`p.rego:3:10: error: input.subject.type is never "users" | did you mean "user"?`}},
		{"unequal", `allow if input.token.kind != "access-token"`, []string{`did you mean "access_token"?`}},
		{"in a set", `allow if input.subject.type in {"user", "machine"}`, []string{`p.rego:3:41: error: input.subject.type is never "machine"`}},
		{"by a variable", "allow if {\n\ts := input.subject\n\ts.type == \"machine\"\n}", []string{`p.rego:5:12: error: input.subject.type is never "machine"`}},
		{"a level", `allow if input.assurance.levels[_] == "MFA"`, []string{`p.rego:3:39: error: "MFA" is no level`}},
		{"a level by its index", "allow if {\n\tsome i\n\tinput.assurance.levels[i] == \"MFA\"\n}", []string{`p.rego:5:31: error: "MFA" is no level`}},
		{"some level", "allow if {\n\tsome l in input.assurance.levels\n\tl == \"strong\"\n}", []string{`p.rego:5:7: error: "strong" is no level`}},
		{"some level with its index", "allow if {\n\tsome i, l in input.assurance.levels\n\tl == \"strong\"\n\ti > 0\n}", []string{`p.rego:5:7: error: "strong" is no level`}},
		{"some level of a set", "allow if {\n\tsome l in input.assurance.levels\n\tl in {\"mfa\", \"strong\"}\n}", []string{`p.rego:5:15: error: "strong" is no level`}},
		{"every level", "allow if {\n\t\"mfa\" in input.assurance.levels\n\tevery l in input.assurance.levels { l != \"weak\" }\n}", []string{`error: "weak" is no level`}},

		{"a client", `allow if input.subject.type == "client"`, nil},
		{"either", `allow if input.subject.type in ["user", "client"]`, nil},
		{"some known level", "allow if {\n\tsome l in input.assurance.levels\n\tl in {\"mfa\", \"phr\"}\n}", nil},
		{"some other list", "allow if {\n\tsome l in input.token.scopes\n\tl == \"strong\"\n}", nil},
		{"of a resource", `allow if input.resource.type == "machine"`, nil},
	} {
		t.Run(row.name, func(t *testing.T) { wantFound(t, warnings(t, rego(row.body), policy.Config{}), row.want) })
	}
}

// A rule allow is true or false.
func TestCheckFindsWhatAllowCannotBe(t *testing.T) {
	two := files{
		"p.rego": "package p\n\nallow if \"mfa\" in input.assurance.levels\n",
		"q.rego": "package q\n\nallow contains \"alice\"\n",
	}
	for _, row := range []struct {
		name   string
		files  files
		config policy.Config
		want   []string
	}{
		{"a text", rego(`allow := "yes"`), policy.Config{}, []string{"p.rego:3:1: error: allow is of type string here, and must be true or false"}},
		{"a number", rego(`allow := 1 if "mfa" in input.assurance.levels`), policy.Config{}, []string{"error: allow is of type number here"}},
		{"a set", rego(`allow contains "alice" if "mfa" in input.assurance.levels`), policy.Config{}, []string{"error: allow is a set here"}},
		{"an object", rego(`allow := {"allow": true}`), policy.Config{}, []string{"error: allow is of type object here"}},
		{"one of two", rego("default allow := false\n\nallow := \"yes\" if \"mfa\" in input.assurance.levels"), policy.Config{}, []string{"p.rego:5:1: error: allow is of type string here"}},
		{"in an else", rego("allow if \"mfa\" in input.assurance.levels\n\nelse := \"no\""), policy.Config{}, []string{"p.rego:5:1: error: allow is of type string here"}},
		{"by its default", rego("default allow := \"no\"\n\nallow if \"mfa\" in input.assurance.levels"), policy.Config{}, []string{"p.rego:3:1: error: allow is of type string here"}},
		{"what is calculated", rego(`allow := count(input.token.scopes)`), policy.Config{}, []string{"error: allow is a number here"}},
		{"a list comprehended", rego(`allow := [s | some s in input.token.scopes]`), policy.Config{}, []string{"error: allow is an array here"}},
		{"of a package among others", two, policy.Config{}, []string{"q.rego:3:1: warning: allow is a set here"}},
		{"of the package that is named", two, policy.Config{Package: "q"}, []string{"q.rego:3:1: error: allow is a set here"}},
		{"of a package that is not named", two, policy.Config{Package: "p"}, nil},

		{"a condition", rego(`allow := "mfa" in input.assurance.levels`), policy.Config{}, nil},
		{"what is not known", rego(`allow := input.token.claims.admin`), policy.Config{}, nil},
		{"of another rule", rego("allow := strong\n\nstrong if \"mfa\" in input.assurance.levels"), policy.Config{}, nil},
	} {
		t.Run(row.name, func(t *testing.T) { wantFound(t, warnings(t, row.files, row.config), row.want) })
	}
}
