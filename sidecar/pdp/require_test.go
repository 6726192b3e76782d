package pdp_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
	"stepup/sidecar/input"
	"stepup/sidecar/pdp"
	"stepup/sidecar/policy"
)

const (
	ruleIssuer = "https://rule.example/" // logins normal and mfa
	oidcIssuer = "https://oidc.example/" // logins normal, mfa, phr and phrh
)

// someData is beside the policies below.
const someData = `{"roles": {"alice": ["admin"], "bob": []}, "blocked": {"bob": true}, "limits": {"/employees": 600}}`

// TestRequire tells what policies need at an issuer with logins normal and mfa: each login
// by which somebody could be allowed, with its max_age.
func TestRequire(t *testing.T) {
	for name, row := range map[string]struct{ rules, want string }{
		"scope and mfa within the hour": {`allow if { "read:employees" in input.token.scopes; "mfa" in input.assurance.levels; input.assurance.age <= 3600 }`, "mfa 3600"},
		"role in data and mfa":          {`allow if { "admin" in data.roles[input.token.subject]; "mfa" in input.assurance.levels }`, "mfa"},
		"role that nobody has":          {`allow if { "owner" in data.roles[input.token.subject]; "mfa" in input.assurance.levels }`, ""},
		"not blocked and mfa":           {`allow if { not input.token.subject in data.blocked; "mfa" in input.assurance.levels }`, "mfa"},
		"every scope":                   {`allow if { every s in input.token.scopes { s != "none" }; "mfa" in input.assurance.levels }`, "mfa"},
		"comprehension over scopes":     {`allow if { count({s | some s in input.token.scopes}) > 2; "mfa" in input.assurance.levels; input.assurance.age < 60 }`, "mfa 59"},
		"function of the token":         {"allow if { ours(input.token); \"mfa\" in input.assurance.levels }\nours(tok) if startswith(tok.client_id, \"our-\")", "mfa"},
		"walk of the token":             {`allow if { walk(input.token, [_, "x"]); "mfa" in input.assurance.levels }`, "mfa"},
		"object.get":                    {`allow if { object.get(input.token.claims, "department", "") == "x"; "mfa" in input.assurance.levels }`, "mfa"},
		"an hour for premium":           {"allow if { \"premium\" in input.token.scopes; input.assurance.age <= 3600 }\nallow if input.assurance.age <= 300", "normal 3600, mfa 3600"},
		"amount in the context":         {"allow if input.context.amount <= 1000\nallow if { input.context.amount > 1000; \"mfa\" in input.assurance.levels }", "normal, mfa"},
		"weaker login for longer":       {"allow if { \"mfa\" in input.assurance.levels; input.assurance.age <= 3600 }\nallow if input.assurance.age <= 60", "normal 60, mfa 3600"},
		"limit from data":               {`allow if input.assurance.age <= data.limits[input.resource.id]`, "normal 600, mfa 600"},
		"a hole":                        {"allow if input.assurance.age <= 60\nallow if { input.assurance.age >= 3600; input.assurance.age <= 7200 }", "normal 60, mfa 60"},
		"too short for anybody":         {`allow if input.assurance.age <= 29`, ""},
		"just long enough":              {`allow if input.assurance.age <= 30`, "normal 30, mfa 30"},
		"cooling off":                   {`allow if input.assurance.age >= 60`, ""},
		"by the clock":                  {`allow if { "mfa" in input.assurance.levels; input.now - input.assurance.auth_time <= 900 }`, "mfa 900"},
		"by the clock, below not":       {"default allow := false\nallow if { \"mfa\" in input.assurance.levels; not old }\nold if input.now - input.assurance.auth_time > 900", "mfa 900"},
		"by the clock, and expiry":      {`allow if { "mfa" in input.assurance.levels; input.now - input.assurance.auth_time <= 900; input.now < input.token.expires_at }`, "mfa 900"},
		"at an hour that is not now":    {`allow if { "mfa" in input.assurance.levels; time.clock(input.now * 1000000000)[0] == 3; input.assurance.age <= 900 }`, "mfa 900"},
		"mfa only at that hour":         {"night if time.clock(input.now * 1000000000)[0] == 3\nallow if night\nallow if { \"mfa\" in input.assurance.levels; input.assurance.age <= 900 }", "normal, mfa"},
		"from tomorrow":                 {`allow if { "mfa" in input.assurance.levels; input.now >= 4102444800 }`, "mfa"},
		"until yesterday":               {`allow if { "mfa" in input.assurance.levels; input.now < 1000 }`, ""},
		"everybody":                     {`allow if true`, "normal, mfa"},
		"nobody":                        {`allow if false`, ""},
		"machines":                      {`allow if input.subject.type == "client"`, ""},
		"another resource":              {`allow if { input.resource.id == "/customers"; "mfa" in input.assurance.levels }`, ""},
		"a login time that is told":     {`allow if input.assurance.auth_time > 0`, "normal, mfa"},
		// Weaker than needed, never stricter.
		"subject is two people":     {"allow if { input.token.subject == \"a\"; endswith(input.token.subject, \"b\") }\nallow if \"mfa\" in input.assurance.levels", "normal, mfa"},
		"raw claim":                 {`allow if input.token.claims.authentication_level == "mfa"`, "normal, mfa"},
		"problems of token counted": {"allow if count(problems) == 0\nproblems contains \"weak\" if not \"mfa\" in input.assurance.levels\nproblems contains \"scope\" if not \"x\" in input.token.scopes", "normal, mfa"},
		"every second second":       {`allow if { "mfa" in input.assurance.levels; input.assurance.age % 2 == 0 }`, "mfa 30"}, // nobody is allowed at 31
		"age by a claim":            {`allow if input.now - input.token.claims.auth_time <= 900`, "normal, mfa"},
		"a fault for some":          {`allow if { "x" in input.token.scopes; to_number("x") == 1 }`, "normal, mfa"},
		"too short, not understood": {`allow if { floor(input.assurance.age / 10) < 3 }`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := requiring(t, row.rules, someData)
			answer, err := b.Require(t.Context(), employeesOf(ruleIssuer))
			if err != nil || len(answer.Issuers) != 1 {
				t.Fatalf("Require = %+v, %v; want one issuer", answer, err)
			}
			if got := toldLogins(answer.Issuers[0].Logins); got != row.want {
				t.Errorf("Require = %q, want %q", got, row.want)
			}
		})
	}
}

// requiring opens a policy of package p with two issuers.
func requiring(t *testing.T, rules, data string, change ...func(*pdp.Config)) *pdp.Decider {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"p.rego": "package p\n\n" + rules + "\n", "data.json": data} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	loaded, err := policy.Open(t.Context(), policy.Config{Path: dir, Package: "p", Issuers: []policy.Use{
		{Issuer: ruleIssuer, Vocabulary: "auth0-rule"}, {Issuer: oidcIssuer, Vocabulary: "oidc"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	c := pdp.Config{
		Policy: func() pdp.Policy { return loaded.Current() }, Issuers: []string{ruleIssuer, oidcIssuer},
		Now: func() time.Time { return now }, Deadline: time.Minute, Patience: time.Minute,
	}
	for _, f := range change {
		f(&c)
	}
	return pdp.New(c)
}

func employeesOf(issuer string) access.RequirementQuestion {
	return access.RequirementQuestion{
		Door: "test", Issuer: issuer, Action: access.Action{Name: "GET"}, Resource: access.Resource{Type: "route", ID: "/employees"},
	}
}

func toldLogins(logins []access.StepUpAdvice) string {
	told := make([]string, len(logins))
	for i, login := range logins {
		told[i] = login.Level
		if login.MaxAge != nil {
			told[i] += fmt.Sprint(" ", *login.MaxAge)
		}
	}
	return strings.Join(told, ", ")
}

// Each issuer is told of with its own logins, and how to ask for them.
func TestRequireOfEveryIssuer(t *testing.T) {
	b := requiring(t, `allow if { "phr" in input.assurance.levels; input.assurance.age <= 600; input.token.issuer != "https://nobody.example/" }`, "{}")
	answer, err := b.Require(t.Context(), employeesOf(""))
	if err != nil || !strings.HasPrefix(answer.Revision, "folder@") {
		t.Fatalf("Require = %+v, %v; want the folder's", answer, err)
	}
	age := int64(600)
	want := []access.Requirement{{Issuer: ruleIssuer}, {Issuer: oidcIssuer, Logins: []access.StepUpAdvice{
		{Level: "phr", MaxAge: &age, ACRValues: []string{"phr"}, AuthorizationRequest: map[string]string{"scope": "openid", "acr_values": "phr", "max_age": "600"}},
		{Level: "phrh", MaxAge: &age, ACRValues: []string{"phrh"}, AuthorizationRequest: map[string]string{"scope": "openid", "acr_values": "phrh", "max_age": "600"}},
	}}}
	if diff := cmp.Diff(want, answer.Issuers); diff != "" {
		t.Errorf("Require (-want +got):\n%s", diff)
	}
	if answer, err := b.Require(t.Context(), employeesOf("https://nobody.example/")); err != nil || len(answer.Issuers) > 0 {
		t.Errorf("Require of an issuer that is not configured = %+v, %v; want none", answer, err)
	}
}

// What is told is known: a large amount needs more.
func TestRequireWithContext(t *testing.T) {
	b := requiring(t, "allow if input.context.amount <= 1000\nallow if \"mfa\" in input.assurance.levels", "{}")
	for _, row := range []struct {
		context access.Object
		want    string
	}{
		{nil, "normal, mfa"},
		{access.Object{}, "mfa"},
		{access.Object{"amount": json.Number("5")}, "normal, mfa"},
		{access.Object{"amount": json.Number("5000")}, "mfa"},
	} {
		q := employeesOf(ruleIssuer)
		q.Context = row.context
		answer, err := b.Require(t.Context(), q)
		if err != nil || toldLogins(answer.Issuers[0].Logins) != row.want {
			t.Errorf("Require with context %v = %+v, %v; want %q", row.context, answer, err, row.want)
		}
	}
}

// With the roles of a hundred thousand people the rules alone are looked at, for looking
// through all of them takes longer than the patience.
func TestRequireOfLargeData(t *testing.T) {
	roles := access.Object{}
	for n := range 100_000 {
		roles[fmt.Sprintf("auth0|%d", n)] = []any{"admin", "staff"}
	}
	data, err := json.Marshal(access.Object{"roles": roles})
	if err != nil {
		t.Fatal(err)
	}
	b := requiring(t, `allow if { "admin" in data.roles[input.token.subject]; "mfa" in input.assurance.levels; input.assurance.age <= 3600 }`, string(data),
		func(c *pdp.Config) { c.Patience, c.Deadline = time.Second, time.Minute })
	answer, err := b.Require(t.Context(), employeesOf(""))
	if err != nil || toldLogins(answer.Issuers[0].Logins) != "mfa 3600" || toldLogins(answer.Issuers[1].Logins) != "mfa 3600, phr 3600, phrh 3600" {
		t.Errorf("Require = %+v, %v; want mfa 3600 and stronger", answer, err)
	}
}

// Where nothing can be looked at in time, anybody may be allowed after any login.
func TestRequireWithoutPatience(t *testing.T) {
	b := requiring(t, `allow if { "mfa" in input.assurance.levels; input.assurance.age <= 3600 }`, "{}",
		func(c *pdp.Config) { c.Patience = time.Nanosecond })
	answer, err := b.Require(t.Context(), employeesOf(ruleIssuer))
	if err != nil || toldLogins(answer.Issuers[0].Logins) != "normal, mfa" {
		t.Errorf("Require = %+v, %v; want every login at any age", answer, err)
	}
}

// brokenPolicy is a policy in which the engine breaks.
type brokenPolicy struct{ pdp.Policy }

func (brokenPolicy) Possible(context.Context, input.Document, input.Unknown) (bool, error) {
	panic("the engine broke")
}

// foreignPolicy is one that knows no issuer.
type foreignPolicy struct{ pdp.Policy }

func (foreignPolicy) Vocabulary(string) *assurance.Vocabulary { return nil }

// Faults are told with their code, and to whoever counts them.
func TestRequireFaults(t *testing.T) {
	wrapped := func(wrap func(pdp.Policy) pdp.Policy) func(*pdp.Config) {
		return func(c *pdp.Config) {
			inner := c.Policy
			c.Policy = func() pdp.Policy { return wrap(inner()) }
		}
	}
	for name, row := range map[string]struct {
		change func(*pdp.Config)
		code   access.Code
	}{
		"no policy":     {func(c *pdp.Config) { c.Policy = func() pdp.Policy { return nil } }, access.NotReady},
		"no time":       {func(c *pdp.Config) { c.Deadline = time.Nanosecond }, access.PolicyTimeout},
		"broken engine": {wrapped(func(p pdp.Policy) pdp.Policy { return brokenPolicy{p} }), access.PolicyError},
		"no vocabulary": {wrapped(func(p pdp.Policy) pdp.Policy { return foreignPolicy{p} }), access.PolicyError},
	} {
		t.Run(name, func(t *testing.T) {
			var counted []error
			b := requiring(t, "allow if true", "{}", row.change, func(c *pdp.Config) {
				c.Required = func(_ context.Context, _ access.RequirementQuestion, _ time.Duration, fault error) {
					counted = append(counted, fault)
				}
			})
			answer, err := b.Require(t.Context(), employeesOf(""))
			fault, ok := errors.AsType[*access.Fault](err)
			if !ok || fault.Code != row.code || len(answer.Issuers) > 0 {
				t.Errorf("Require = %+v, %v; want a fault %s", answer, err, row.code)
			}
			if len(counted) != 1 || !errors.Is(counted[0], err) {
				t.Errorf("counted %v, want %v once", counted, err)
			}
		})
	}
}
