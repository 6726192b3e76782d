package policy_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"stepup/sidecar/policy"
)

// warnings checks a folder and tells what is found as "line: severity: part", without the
// folder's name.
func warnings(t *testing.T, f files, c policy.Config) []string {
	t.Helper()
	dir := folder(t, f)
	found, err := policy.Check(context.Background(), dir, c)
	must(t, err)
	var list []string
	for _, one := range found {
		list = append(list, strings.TrimPrefix(one.String(), dir+string(filepath.Separator)))
	}
	return list
}

// wantFound compares what is found with parts, each "place: part of the message".
func wantFound(t *testing.T, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("Check: %d findings, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
	for i := range got {
		for _, part := range strings.SplitN(want[i], " | ", 2) {
			if !strings.Contains(got[i], part) {
				t.Errorf("finding %q, want %q in it", got[i], part)
			}
		}
	}
}

// A raw claim is warned of where a vocabulary makes a level, methods or a time of it.
func TestCheckWarnsOfRawClaims(t *testing.T) {
	for _, row := range []struct {
		name, body string
		want       []string
	}{
		{"a level", `allow if input.token.claims.acr == "mfa"`, []string{"p.rego:3:10: warning | ask input.assurance.levels instead"}},
		{"a level in a list", `allow if "c1" in input.token.claims.acrs`, []string{"p.rego:3:18: warning | the vocabulary entra,"}},
		{"by its key", `allow if input.token.claims["authentication_level"] == "mfa"`, []string{"p.rego:3:10: warning | authentication_level"}},
		{"a method", "allow if \"otp\" in input.token.claims.amr", []string{"p.rego:3:19: warning | read by the vocabularies "}},
		{"a time", `allow if input.now - input.token.claims.auth_time <= 600`, []string{"p.rego:3:22: warning | ask input.assurance.age instead"}},
		{"by a variable", "allow if {\n\tc := input.token.claims\n\tc.acr == \"mfa\"\n}", []string{"p.rego:5:2: warning | acr"}},
		{"by an import", "import input.token.claims\n\nallow if claims.acr == \"mfa\"", []string{"p.rego:5:10: warning | acr"}},
		{"imported itself", "import input.token.claims.acr\n\nallow if acr == \"mfa\"", []string{"p.rego:3:1: warning | acr"}},
		{"with a stand-in", `allow if object.get(input.token.claims, "acr", "mfa") == "mfa"`,
			[]string{"p.rego:3:10: warning | acr", "p.rego:3:10: warning | not understood"}},
		{"in a rule that nobody asks", "allow if \"mfa\" in input.assurance.levels\n\nreasons contains \"weak\" if input.token.claims.acr == \"1\"", []string{"p.rego:5:28: warning | acr"}},
		{"any other claim", `allow if { input.token.claims.department == "sales"; input.token.claims.email_verified }`, nil},
		{"the same name elsewhere", `allow if { input.context.acr == "mfa"; input.resource.properties.amr }`, nil},
		{"the claims as a whole", `allow if count(input.token.claims) > 3`, []string{"p.rego:3:10: warning | not understood"}},
	} {
		t.Run(row.name, func(t *testing.T) { wantFound(t, warnings(t, rego(row.body), policy.Config{}), row.want) })
	}
}

// A condition is warned of that lets in a login of which nothing is known.
func TestCheckWarnsOfAbsence(t *testing.T) {
	for _, row := range []struct {
		name, body string
		want       []string
	}{
		// levels
		{"not a level", `allow if not "mfa" in input.assurance.levels`, []string{"p.rego:3:10: warning | has no levels"}},
		{"not a level, beside another", `allow if { "normal" in input.assurance.levels; not "mfa" in input.assurance.levels }`, nil},
		{"not a rule", "allow if not strong\n\nstrong if \"mfa\" in input.assurance.levels", []string{"p.rego:5:11: warning | has no levels"}},
		{"not not a rule", "allow if not weak\n\nweak if not \"mfa\" in input.assurance.levels", nil},
		{"a rule that asks for it", "allow if strong\n\nstrong if \"mfa\" in input.assurance.levels", nil},
		{"no problem", "allow if count(problems) == 0\n\nproblems contains \"weak\" if not \"mfa\" in input.assurance.levels", nil},
		{"no problem but for those who are known", "allow if count(problems) == 0\n\nproblems contains \"strange\" if \"phr\" in input.assurance.levels", []string{"p.rego:5:32: warning | has no levels"}},
		{"no problem, one of which is weakness", "allow if count(problems) == 0\n\nproblems contains \"strange\" if \"phr\" in input.assurance.levels\n\nproblems contains \"weak\" if not \"normal\" in input.assurance.levels", nil},
		{"no problem in another spelling", "allow if problems == set()\n\nproblems contains \"strange\" if \"phr\" in input.assurance.levels", []string{"p.rego:5:32: warning | has no levels"}},
		{"not one problem", "allow if not \"strange\" in problems\n\nproblems contains \"strange\" if \"phr\" in input.assurance.levels", []string{"p.rego:5:32: warning | has no levels"}},
		{"few in a comprehension", `allow if count([1 | "phr" in input.assurance.levels]) == 0`, []string{"p.rego:3:21: warning | has no levels"}},
		{"none", `allow if count(input.assurance.levels) == 0`, []string{"p.rego:3:10: warning | has no levels"}},
		{"some", `allow if count(input.assurance.levels) > 0`, nil},
		{"in an else", "allow := false if \"phr\" in input.assurance.levels\n\nelse := true", []string{"p.rego:3:19: warning | has no levels"}},
		{"in an else that asks", "allow := true if \"phr\" in input.assurance.levels\n\nelse := true if \"mfa\" in input.assurance.levels", nil},
		{"every one", `allow if every level in input.assurance.levels { level != "normal" }`, []string{"p.rego:3:10: warning | has no levels"}},
		{"every method", `allow if every method in input.assurance.methods { method != "sms" }`, []string{"p.rego:3:10: warning | has no methods"}},
		{"every method of a level", "allow if {\n\t\"mfa\" in input.assurance.levels\n\tevery method in input.assurance.methods { method != \"sms\" }\n}", []string{"p.rego:5:2: warning | has no methods"}},
		{"not a method", `allow if not "sms" in input.assurance.methods`, []string{"p.rego:3:10: warning | has no methods"}},
		{"a rule that does not decide", "allow if \"mfa\" in input.assurance.levels\n\nreasons contains \"weak\" if not \"mfa\" in input.assurance.levels", nil},
		{"another document", `allow if not strong with input as {}
strong if "mfa" in input.assurance.levels`, []string{"p.rego:3:10: warning | not understood"}},
		// time
		{"young", `allow if input.assurance.age <= 3600`, nil},
		{"not old", `allow if not input.assurance.age > 3600`, nil},
		{"not young", `allow if not input.assurance.age <= 3600`, []string{"p.rego:3:10: warning | unknown time"}},
		{"cooling off", `allow if input.assurance.age >= 600`, []string{"p.rego:3:10: warning | unknown time"}},
		{"cooling off for a while", `allow if { input.assurance.age >= 600; input.assurance.age <= 3600 }`, nil},
		{"any age but one", `allow if input.assurance.age != 100`, []string{"p.rego:3:10: warning | unknown time"}},
		{"a known time", `allow if input.assurance.auth_time != 0`, nil},
		{"an unknown time", `allow if input.assurance.auth_time == 0`, []string{"p.rego:3:10: warning | unknown time"}},
		{"before a moment", `allow if input.assurance.auth_time < 1795428000`, []string{"p.rego:3:10: warning | unknown time"}},
		{"after a moment", `allow if input.assurance.auth_time > 1795428000`, nil},
		{"young by subtraction", `allow if input.now - input.assurance.auth_time <= 600`, nil},
		{"not young by a rule", "allow if not young\n\nyoung if input.assurance.age < 600", []string{"p.rego:5:10: warning | unknown time"}},
		{"not young by a function", "allow if not fresh(600)\n\nfresh(seconds) if { input.assurance.age < 600; seconds > 0 }", []string{"p.rego:5:21: warning | unknown time"}},
		{"not young by a parameter", "allow if not fresh(input.assurance.age)\n\nfresh(age) if age < 600", []string{"p.rego:5:15: warning | unknown time"}},
		{"no problem with age", "allow if count(deny) == 0\n\ndeny contains \"old\" if input.assurance.age > 400", nil},
		{"a limit that is a rule", "allow if input.assurance.age <= limit\n\nlimit := 600 if \"mfa\" in input.assurance.levels\n\nelse := 300", nil},
		// claims
		{"not a claim", `allow if not input.token.claims.suspended`, []string{"p.rego:3:14: warning | a token without input.token.claims.suspended"}},
		{"a claim is not", `allow if input.token.claims.suspended == false`, nil},
		{"a claim is another", `allow if input.token.claims.tenant != "red"`, nil},
		{"not a claim's value", `allow if not input.token.claims.suspended == true`, []string{"p.rego:3:10: warning | suspended"}},
		{"not an element, told at once", `allow if not "guest" in input.token.claims.roles`, nil},
		{"not an element, told by a rule", "allow if not guest\n\nguest if \"guest\" in input.token.claims.roles", []string{"p.rego:5:10: warning | roles"}},
	} {
		t.Run(row.name, func(t *testing.T) { wantFound(t, warnings(t, rego(row.body), policy.Config{}), row.want) })
	}
}

// An age is warned of that nobody can meet, that is compared for equality, or that is used
// in a way that is not understood.
func TestCheckWarnsOfAges(t *testing.T) {
	for _, row := range []struct {
		name, body string
		want       []string
	}{
		{"the floor", `allow if input.assurance.age <= 30`, nil},
		{"the floor by less than", `allow if input.assurance.age < 31`, nil},
		{"below the floor", `allow if input.assurance.age <= 29`, []string{"p.rego:3:10: warning | when it is 30 s old"}},
		{"below the floor by less than", `allow if input.assurance.age < 30`, []string{"p.rego:3:10: warning | when it is 30 s old"}},
		{"below the floor, mirrored", `allow if 10 >= input.assurance.age`, []string{"p.rego:3:10: warning | when it is 11 s old"}},
		{"below the floor, negated", `allow if not input.assurance.age > 20`, []string{"p.rego:3:10: warning | when it is 21 s old"}},
		{"below the floor as a problem", "allow if count(deny) == 0\n\ndeny contains 1 if input.assurance.age > 20", []string{"p.rego:5:20: warning | when it is 21 s old"}},
		{"below the floor by subtraction", `allow if input.now - input.assurance.auth_time < 20`, []string{"p.rego:3:10: warning | when it is 20 s old"}},
		{"below the floor by a variable", "allow if {\n\ta := input.assurance.age\n\ta < 20\n}", []string{"p.rego:5:2: warning | when it is 20 s old"}},
		{"below the floor in minutes", `allow if input.assurance.age * 60 < 1200`, []string{"p.rego:3:10: warning | when it is 20 s old"}},
		{"to be refused as too old", "allow if not old\n\nold if input.assurance.age > 300", nil},

		{"equal", `allow if input.assurance.age == 60`, []string{"p.rego:3:10: warning | one of them only"}},
		{"equal at once", `allow if input.assurance.age == 0`, []string{"p.rego:3:10: warning | when it is 1 s old", "p.rego:3:10: warning | one of them only"}},
		{"equal login time", `allow if input.assurance.auth_time == 1795428000`, []string{"p.rego:3:10: warning | input.assurance.auth_time"}},
		{"named", "allow if {\n\ta = input.assurance.age\n\ta <= 60\n}", nil},

		{"even", `allow if input.assurance.age % 2 == 0`, []string{"p.rego:3:10: warning | max_age will be 30"}},
		{"as text", "allow if {\n\t\"mfa\" in input.assurance.levels\n\tnot endswith(format_int(input.assurance.age, 10), \"77\")\n}", []string{"p.rego:5:2: warning | max_age will be 30"}},
		{"in whole minutes", `allow if floor(input.assurance.age / 60) <= 5`, []string{"p.rego:3:10: warning | max_age will be 30"}},
		{"by a look-up with a stand-in", `allow if object.get(input, ["assurance", "age"], 0) < 100`, []string{"p.rego:3:10: warning | max_age will be 30"}},
		{"in a function", "allow if f(input.assurance.age)\n\nf(age) if age % 60 < 30", []string{"p.rego:5:11: warning | max_age will be 30"}},
		{"as the resource's limit", `allow if input.assurance.age <= input.resource.properties.limit`, nil},
		{"as a limit by level", "allow if {\n\tsome level in input.assurance.levels\n\tinput.assurance.age <= limits[level]\n}\n\nlimits := {\"mfa\": 300, \"phr\": 900}", nil},
		{"as a limit by else", "allow if input.assurance.age <= limit\n\nlimit := 600 if \"mfa\" in input.assurance.levels\n\nelse := 300 if input.context.trusted", nil},
		{"by a function's limit", "allow if fresh(600)\n\nfresh(seconds) if input.assurance.age <= seconds", nil},
		{"by an object", "allow if {\n\ts := input.assurance\n\ts.age <= 600\n}", nil},
		{"by a key", "allow if {\n\tkey := \"age\"\n\tinput.assurance[key] <= 600\n}", nil},
		{"in every", "allow if every k in [60, 61] { input.assurance.age <= k }", nil},
		{"the hour of the day", `allow if { [hour, _, _] := time.clock(input.now * 1000000000); hour < 12; input.assurance.age <= 600 }`, nil},
		{"by the built-in clock", `allow if (time.now_ns() / 1000000000) - input.assurance.auth_time <= 600`, nil},
	} {
		t.Run(row.name, func(t *testing.T) { wantFound(t, warnings(t, rego(row.body), policy.Config{}), row.want) })
	}
}

func TestCheckWarnsOfLevels(t *testing.T) {
	for _, row := range []struct {
		name, body string
		want       []string
	}{
		{"asked for", `allow if "mfa" in input.assurance.levels`, nil},
		{"equal", `allow if input.assurance.levels == ["normal", "mfa"]`, []string{"p.rego:3:10: warning | partial order"}},
		{"unequal", `allow if input.assurance.levels != ["normal"]`, []string{"p.rego:3:10: warning | partial order"}},
		{"the first", `allow if input.assurance.levels[0] == "mfa"`, []string{"p.rego:3:10: warning | partial order"}},
		{"any of them", `allow if input.assurance.levels[_] == "mfa"`, nil},
		{"by a variable", "allow if {\n\tl := input.assurance.levels\n\t\"mfa\" in l\n}", nil},
		{"unknown, by a variable", "allow if {\n\tl := input.assurance.levels\n\t\"mfaa\" in l\n}", []string{"p.rego:5:2: error | is no level"}},
		{"among the methods", `allow if "mfa" in input.assurance.methods`, []string{`p.rego:3:10: info | asked for with "mfa" in input.assurance.levels`}},
		{"a method", `allow if "otp" in input.assurance.methods`, nil},
	} {
		t.Run(row.name, func(t *testing.T) { wantFound(t, warnings(t, rego(row.body), policy.Config{}), row.want) })
	}
}

// A rule that makes allow false is warned of where another may make it true: both is a fault.
func TestCheckWarnsOfConflict(t *testing.T) {
	const way = "allow if input.resource.id == \"/x\"\n\n"
	for _, row := range []struct {
		name, body string
		want       []string
	}{
		{"false beside a way in", way + `allow := false if input.action.name == "GET"`, []string{"p.rego:5:1: warning | p.rego:3 holds too"}},
		{"false in an else", way + `allow if input.action.name == "GET" else := false`, []string{"p.rego:5:1: warning | p.rego:3 holds too"}},
		{"false beside what may be either", "allow := input.resource.id == \"/x\"\n\n" + `allow := false if input.action.name == "GET"`, []string{"p.rego:5:1: warning | takes nothing away"}},
		{"false always", way + `allow := false`, []string{"p.rego:5:1: warning"}},
		{"the default", "default allow := false\n\n" + way, nil},
		{"false alone", `allow := false if input.action.name == "GET"`, []string{"p.rego:3:1: warning | no way to allow"}},
		{"false first, and true otherwise", `allow := false if input.action.name == "GET" else := true`, nil},
		{"false where the way in is not", way + `allow := false if not input.resource.id == "/x"`, nil},
		{"ways in only", way + `allow if input.action.name == "GET"`, nil},
	} {
		t.Run(row.name, func(t *testing.T) { wantFound(t, warnings(t, rego(row.body), policy.Config{}), row.want) })
	}
}

// A rename to a name that nothing reads is most likely misspelt: the claim it is for counts no more.
func TestCheckWarnsOfRenamesThatNothingReads(t *testing.T) {
	const plain = `allow if "mfa" in input.assurance.levels`
	for _, row := range []struct {
		name, renamed, body string
		want                []string
	}{
		{"as the vocabulary reads it", "authentication_level", plain, nil},
		{"misspelt", "authentication_levl", plain, []string{
			`warning: issuer "https://fabrikam.eu.auth0.com/": claims.authentication_levl: neither the vocabulary auth0-rule nor a rule reads a claim "authentication_levl" | did you mean "authentication_level"?`}},
		{"like nothing", "department", plain, []string{`a claim "department"; the vocabulary reads | authentication_level`}},
		{"a rule reads it", "department", `allow if input.token.claims.department == "x"`, nil},
		{"a rule reads it by a short name", "department", "allow if {\n\tt := input.token\n\tt.claims.department == \"x\"\n}", nil},
		{"a rule reads it in another's place", "department", `allow if data.staff[input.token.claims.department]`, nil},
		{"a rule reads it with a default", "authentication_levl", `allow if object.get(input.token.claims, "authentication_levl", "") == "x"`, nil},
		{"a rule reads another", "department", `allow if input.token.claims.team == "x"`, []string{`a claim "department"`}},
		{"a rule reads what is not written out", "department", "allow if {\n\tsome name in [\"a\"]\n\tinput.token.claims[name] == \"x\"\n}", nil},
		{"a rule reads all", "department", `allow if count(input.token.claims) > 3`, nil},
		{"a rule may read it from the whole document", "department", `allow if object.get(input, ["token", "claims", "department"], "") == "x"`, nil},
		{"misspelt, and a rule reads all", "authentication_levl", `allow if count(input.token.claims) > 3`, []string{`did you mean "authentication_level"?`}},
	} {
		t.Run(row.name, func(t *testing.T) {
			use := policy.Use{Issuer: "https://fabrikam.eu.auth0.com/", Vocabulary: "auth0-rule", Claims: map[string]string{row.renamed: "https://fabrikam.example/claim"}}
			got := warnings(t, rego(row.body), policy.Config{Issuers: []policy.Use{use}})
			// What else is said of such rules is said elsewhere.
			got = slices.DeleteFunc(got, func(one string) bool { return !strings.Contains(one, "nor a rule reads") })
			wantFound(t, got, row.want)
		})
	}
}

// A package in which nothing can make allow true refuses everybody, and says so to its author.
func TestCheckWarnsOfNoWayToAllow(t *testing.T) {
	const shut = "default allow := false\n\n"
	for _, row := range []struct {
		name, body string
		want       []string
	}{
		{"misspelt", shut + `alow if input.action.name == "GET"`,
			[]string{"p.rego:3:1: warning: the package p has no way to allow | p.rego:5 meant to be allow?"}},
		{"misspelt twice, the first is named", shut + "allows if input.resource.id == \"/x\"\n\nallows if input.resource.id == \"/y\"",
			[]string{"is allows at | p.rego:5 meant"}},
		{"a rule with quite another name", shut + "staff if input.subject.id == \"bob\"", []string{"p.rego:3:1: warning | everybody is refused"}},
		{"the default alone", shut, []string{"p.rego:3:1: warning | everybody is refused"}},
		{"false, and false otherwise", `allow := false if input.action.name == "GET" else := false`, []string{"p.rego:3:1: warning | everybody is refused"}},
		{"misspelt beside one that is not", shut + "allow if input.action.name == \"GET\"\n\nalow if input.action.name == \"POST\"", nil},
		{"a value that may be true", shut + `allow := input.resource.id == "/x"`, nil},
		{"true otherwise", `allow := false if input.action.name == "GET" else := true`, nil},
		{"a default that is true", "default allow := true", nil},
		{"no allow at all is an error", "alow if input.action.name == \"GET\"", []string{"error: no package here has a rule allow"}},
	} {
		t.Run(row.name, func(t *testing.T) { wantFound(t, warnings(t, rego(row.body), policy.Config{}), row.want) })
	}
}

// Each package that may decide is looked at, and no other.
func TestCheckLooksForAWayToAllowByPackage(t *testing.T) {
	two := rego("allow if input.action.name == \"GET\"").with(files{"q.rego": "package q\n\ndefault allow := false\n\nalow if input.action.name == \"GET\"\n"})
	shut := []string{"q.rego:3:1: warning: the package q has no way to allow"}
	wantFound(t, warnings(t, two, policy.Config{}), shut)
	wantFound(t, warnings(t, two, policy.Config{Package: "q"}), shut)
	wantFound(t, warnings(t, two, policy.Config{Package: "p"}), nil)
	wantFound(t, warnings(t, two, policy.Config{Package: "r"}), []string{"error: no package r here (found: p, q)"})
}

// A rule of another file of the package is a way, and so is one that a package above defines.
func TestCheckFindsTheWayElsewhere(t *testing.T) {
	shut := files{"a.rego": "package a.b\n\ndefault allow := false\n"}
	wantFound(t, warnings(t, shut.with(files{"b.rego": "package a.b\n\nallow if input.action.name == \"GET\"\n"}), policy.Config{Package: "a.b"}), nil)
	wantFound(t, warnings(t, shut.with(files{"b.rego": "package a\n\nb.allow if input.action.name == \"GET\"\n"}), policy.Config{Package: "a.b"}), nil)
}

// With the issuers known, what nobody offers is exact.
func TestCheckWarnsForIssuers(t *testing.T) {
	const issuer = "https://idp.example/"
	use := func(vocabulary, maxLevel string) policy.Config {
		return policy.Config{Issuers: []policy.Use{{Issuer: issuer, Vocabulary: vocabulary, MaxLevel: maxLevel}}}
	}
	entra := func(levels map[string]string) policy.Config {
		return policy.Config{Issuers: []policy.Use{{Issuer: issuer, Vocabulary: "entra", Levels: levels}}}
	}
	renamed := policy.Config{Issuers: []policy.Use{{Issuer: issuer, Vocabulary: "auth0-rule", Claims: map[string]string{"authentication_level": "https://x.example/level"}}}}
	for _, row := range []struct {
		name   string
		config policy.Config
		body   string
		want   []string
	}{
		{"offered", use("auth0-rule", ""), `allow if "mfa" in input.assurance.levels`, nil},
		{"not offered", use("auth0-rule", ""), `allow if "phr" in input.assurance.levels`, []string{`warning | no login of the configured issuers reaches the level "phr"`}},
		{"beyond the ceiling", use("okta", "mfa"), `allow if "phr" in input.assurance.levels`, []string{"warning | some login reaches are normal, mfa"}},
		{"below the ceiling", use("okta", "phr"), `allow if "phr" in input.assurance.levels`, nil},
		{"without the tenant's word", entra(nil), `allow if "mfa" in input.assurance.levels`, []string{"warning | reaches the level"}},
		{"with the tenant's word", entra(map[string]string{"mfa": "c1"}), `allow if "mfa" in input.assurance.levels`, nil},
		{"a claim of another's vocabulary", use("auth0-rule", ""), `allow if "c1" in input.token.claims.acrs`, nil},
		{"a claim of one's own", use("auth0-rule", ""), `allow if input.token.claims.authentication_level == "mfa"`, []string{"warning | the vocabulary auth0-rule"}},
		{"a claim before it is renamed", renamed, `allow if input.token.claims["https://x.example/level"] == "mfa"`, []string{"warning | reads as authentication_level"}},
	} {
		t.Run(row.name, func(t *testing.T) { wantFound(t, warnings(t, rego(row.body), row.config), row.want) })
	}
}

// Our own policies are as we say that policies should be, but for those that are odd on
// purpose.
func TestCheckFindsNothingInOurs(t *testing.T) {
	odd := []string{"clock", "conflict", "ladder", "mirror", "negation", "no_allow", "not_boolean"}
	folders, err := os.ReadDir("../../testdata/policies")
	must(t, err)
	for _, f := range folders {
		if slices.Contains(odd, f.Name()) {
			continue
		}
		t.Run(f.Name(), func(t *testing.T) {
			got, err := policy.Check(context.Background(), filepath.Join("../../testdata/policies", f.Name()), policy.Config{})
			must(t, err)
			for _, one := range got {
				if one.Severity != policy.SeverityInfo {
					t.Errorf("%s", one)
				}
			}
		})
	}
}

// The policies that the README shows are free of warnings.
func TestCheckFindsNothingInReadme(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	must(t, err)
	found := 0
	for _, block := range regexp.MustCompile("(?s)```rego\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		if strings.Contains("\n"+block[1], "\npackage ") {
			found++
			wantFound(t, warnings(t, files{"readme.rego": block[1]}, policy.Config{}), nil)
		}
	}
	if found == 0 {
		t.Error("the README shows no policy")
	}
}
