package policy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
	"stepup/sidecar/input"
	"stepup/sidecar/policy"
)

// The roles that some of the policies below look up.
const someRoles = `{"roles": {"auth0|alice": ["admin"], "auth0|bob": []}, "blocked": {"auth0|bob": true}, "limits": {"/employees": 600}}`

// Which logins of some person could be allowed GET of /employees, before it is known whose.
func TestPossible(t *testing.T) {
	const neither, strong, both = "", "mfa", "normal mfa"
	for name, row := range map[string]struct {
		rules string
		want  string
		blind string // where data is unknown too; empty: the same
	}{
		"a scope and mfa":             {`allow if { "x" in input.token.scopes; "mfa" in input.assurance.levels }`, strong, ""},
		"a role in data and mfa":      {`allow if { "admin" in data.roles[input.token.subject]; "mfa" in input.assurance.levels }`, strong, ""},
		"a role nobody has":           {`allow if "owner" in data.roles[input.token.subject]`, neither, both},
		"not blocked and mfa":         {`allow if { not data.blocked[input.token.subject]; "mfa" in input.assurance.levels }`, strong, ""},
		"every scope is read":         {`allow if { every s in input.token.scopes { startswith(s, "read:") }; "mfa" in input.assurance.levels }`, strong, ""},
		"comprehension over scopes":   {`allow if { count([s | some s in input.token.scopes; startswith(s, "read:")]) > 1; "mfa" in input.assurance.levels }`, strong, ""},
		"function of the token":       {"allow if { trusted(input.token); \"mfa\" in input.assurance.levels }\ntrusted(tok) if tok.client_id == \"intranet\"", strong, ""},
		"walk of the token":           {`allow if { walk(input.token, [["claims", "x"], 1]); "mfa" in input.assurance.levels }`, strong, ""},
		"walk of the document":        {`allow if { walk(input, [_, "secret"]); "mfa" in input.assurance.levels }`, strong, ""},
		"any member of the token":     {`allow if { some k; input.token[k] == "x"; "mfa" in input.assurance.levels }`, strong, ""},
		"keys of the token":           {`allow if { some k, _ in input.token; k == "scopes"; "mfa" in input.assurance.levels }`, strong, ""},
		"object.get":                  {`allow if { object.get(input, ["token", "claims", "x"], 0) == 1; "mfa" in input.assurance.levels }`, strong, ""},
		"claims as they are":          {`allow if { input.token.claims == {"x": 1}; "mfa" in input.assurance.levels }`, strong, ""},
		"an absent claim":             {`allow if { not input.token.claims.suspended; "mfa" in input.assurance.levels }`, strong, ""},
		"amount in the context":       {"allow if input.context.amount <= 1000\nallow if { input.context.amount > 1000; \"mfa\" in input.assurance.levels }", both, ""},
		"counted problems":            {"allow if count(problems) == 0\nproblems contains \"weak\" if not \"mfa\" in input.assurance.levels", strong, ""},
		"counted problems of a token": {"allow if count(problems) == 0\nproblems contains \"weak\" if not \"mfa\" in input.assurance.levels\nproblems contains \"scope\" if not \"x\" in input.token.scopes", both, ""},
		"a claim of the vocabulary":   {`allow if input.token.claims.authentication_level == "mfa"`, both, ""},
		"methods":                     {`allow if { "otp" in input.assurance.methods; "x" in input.token.scopes }`, neither, ""},
		"another issuer":              {`allow if input.token.issuer == "https://other.example/"`, neither, ""},
		"this issuer":                 {`allow if { input.subject.properties.issuer == "https://idp.example/"; "mfa" in input.assurance.levels }`, strong, ""},
		"another resource":            {`allow if input.resource.id == "/customers"`, neither, ""},
		"a person":                    {`allow if { input.subject.type == "user"; "mfa" in input.assurance.levels }`, strong, ""},
		"a machine":                   {`allow if input.subject.type == "client"`, neither, ""},
		"a header":                    {`allow if { input.request.headers["x-a"][0] == "1"; "mfa" in input.assurance.levels }`, strong, ""},
		"properties of the resource":  {`allow if { input.resource.properties.owner == input.token.subject; "mfa" in input.assurance.levels }`, strong, ""},
		"else":                        {"allow := false if \"x\" in input.token.scopes\n\nelse := true if \"mfa\" in input.assurance.levels", strong, ""},
		"default of a function":       {"allow if f(input.token.client_id)\ndefault f(_) := false\nf(\"a\") if \"mfa\" in input.assurance.levels", strong, ""},
		"with":                        {"allow if inner with input.token.scopes as [\"x\"]\ninner if { \"x\" in input.token.scopes; \"mfa\" in input.assurance.levels }", strong, ""},
		"with a level":                {"allow if inner with input.assurance.levels as [\"mfa\"]\ninner if \"mfa\" in input.assurance.levels", both, ""},
		"a moment that is over":       {`allow if input.now < 5`, neither, ""},
		"a moment to come":            {`allow if { input.now >= 4102444800; "mfa" in input.assurance.levels }`, strong, ""},
		"at night":                    {`allow if { time.clock(input.now * 1000000000)[0] == 3; "mfa" in input.assurance.levels }`, strong, ""},
		"not at night":                {"allow if { not day; \"mfa\" in input.assurance.levels }\nday if time.clock(input.now * 1000000000)[0] < 22", strong, ""},
		"a weekday":                   {`allow if { time.weekday(input.now * 1000000000) == "Sunday"; "mfa" in input.assurance.levels }`, strong, ""},
		"a login to come":             {`allow if { input.assurance.auth_time >= 4102444800; "mfa" in input.assurance.levels }`, strong, ""},
		"a login that is over":        {`allow if { input.assurance.auth_time < 1000; "mfa" in input.assurance.levels }`, neither, ""},
		"cooling off by the clock":    {`allow if input.now - input.assurance.auth_time >= 60`, neither, ""},
		"cooling off by a function":   {"allow if since(input.assurance.auth_time) >= 60\nsince(t) := input.now - t", neither, ""},
		"cooling off below not":       {"allow if not young\nyoung if input.now - input.assurance.auth_time < 60", neither, ""},
		"cooling off and expiry":      {`allow if { input.now - input.assurance.auth_time >= 60; input.now < input.token.expires_at }`, neither, ""},
		"never at night":              {`allow if { input.now - input.assurance.auth_time > 60; time.clock(input.now * 1000000000)[0] == 3 }`, neither, ""},
		"a clock":                     {`allow if { time.now_ns() < 5; "mfa" in input.assurance.levels }`, strong, ""},
		"a failing built-in":          {`allow if { "x" in input.token.scopes; to_number("x") == 1 }`, both, ""},
		"nothing":                     {`allow if false`, neither, ""},
		"everything":                  {`allow if true`, both, ""},
		"rules that disagree":         {"allow := true if \"x\" in input.token.scopes\nallow := false if \"mfa\" in input.assurance.levels", both, ""},
		"data where rules are":        {`allow if { "admin" in data.p.roles[input.token.subject]; "mfa" in input.assurance.levels }`, strong, ""},
		"levels of the library":       {`allow if { some l in input.assurance.levels; "normal" in data.stepup.levels[l].implies }`, strong, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := snapshot(t, rego(row.rules+"\n").with(files{"data.json": someRoles, "p/data.json": `{"roles": {"auth0|alice": ["admin"]}}`}))
			u := input.Untold(employees())
			for _, data := range []bool{false, true} {
				want := row.want
				if data && row.blind != "" {
					want = row.blind
				}
				u.Data = data
				if got := possibleLogins(t, s, u); got != want {
					t.Errorf("data unknown: %v: possible = %q, want %q", data, got, want)
				}
			}
		})
	}
}

func employees() access.RequirementQuestion {
	return access.RequirementQuestion{
		Action:   access.Action{Name: "GET"},
		Resource: access.Resource{Type: "route", ID: "/employees"},
	}
}

// anybody is the document of somebody who has just signed in so strongly.
func anybody(q access.RequirementQuestion, levels ...string) input.Document {
	doc := input.Anybody(q, "https://idp.example/", &assurance.Vocabulary{Name: "auth0-rule"}, now)
	return doc.Assured(access.Assurance{Levels: levels, Methods: []string{"pwd"}, AuthTime: now, Told: true})
}

// possibleLogins asks with a login of each level and joins those that are possible.
// Faults say nothing against a login.
func possibleLogins(t *testing.T, s *policy.Snapshot, u input.Unknown) string {
	t.Helper()
	said := ""
	for _, login := range [][]string{{"normal"}, {"normal", "mfa"}} {
		if possible, _ := s.Possible(context.Background(), anybody(employees(), login...), u); possible {
			said += " " + login[len(login)-1]
		}
	}
	if said == "" {
		return ""
	}
	return said[1:]
}

// The world outside is not asked before there is a token: what it would say is not known.
func TestPossibleAsksNobody(t *testing.T) {
	var asked atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer srv.Close()
	f := rego(fmt.Sprintf("allow if { http.send({\"method\": \"GET\", \"url\": %q}).status_code == 500; rand.intn(\"x\", 2) == 5; \"mfa\" in input.assurance.levels }\n", srv.URL))
	p, err := policy.Open(context.Background(), policy.Config{Path: folder(t, f), Package: "p", Builtins: []string{"http.send", "rand.intn"}})
	must(t, err)
	if got := possibleLogins(t, p.Current(), input.Untold(employees())); got != "mfa" {
		t.Errorf("possible = %q, want mfa", got)
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the world outside was asked %d times", n)
	}
}

// What a question tells is known.
func TestPossibleWithWhatIsTold(t *testing.T) {
	small := "allow if input.context.amount <= 1000\nallow if \"mfa\" in input.assurance.levels"
	inside := `allow if startswith(input.request.client_ip, "10.")`
	header := `allow if input.request.headers["x-a"] == ["1"]`
	owned := `allow if input.resource.properties.public`
	for name, row := range map[string]struct {
		rules string
		tell  func(q *access.RequirementQuestion)
		want  bool
	}{
		"no context":          {small, func(*access.RequirementQuestion) {}, true},
		"a small amount":      {small, func(q *access.RequirementQuestion) { q.Context = access.Object{"amount": 5} }, true},
		"a large amount":      {small, func(q *access.RequirementQuestion) { q.Context = access.Object{"amount": 5000} }, false},
		"an empty context":    {small, func(q *access.RequirementQuestion) { q.Context = access.Object{} }, false},
		"no request":          {inside, func(*access.RequirementQuestion) {}, true},
		"request without ip":  {inside, func(q *access.RequirementQuestion) { q.HTTP = &access.HTTPRequest{Method: "GET"} }, true},
		"another ip":          {inside, func(q *access.RequirementQuestion) { q.HTTP = &access.HTTPRequest{ClientIP: "192.0.2.1"} }, false},
		"no header arrived":   {header, func(q *access.RequirementQuestion) { q.HTTP = &access.HTTPRequest{Method: "GET"} }, true},
		"another header":      {header, func(q *access.RequirementQuestion) { q.HTTP = &access.HTTPRequest{Arrived: []string{"accept"}} }, false},
		"no properties":       {owned, func(*access.RequirementQuestion) {}, true},
		"other properties":    {owned, func(q *access.RequirementQuestion) { q.Resource.Properties = access.Object{} }, false},
		"the right resource":  {`allow if input.resource.id == "/employees"`, func(*access.RequirementQuestion) {}, true},
		"another action":      {`allow if input.action.name == "GET"`, func(q *access.RequirementQuestion) { q.Action.Name = "PUT" }, false},
		"path of the request": {`allow if input.request.segments[0] == "a"`, func(q *access.RequirementQuestion) { q.HTTP = &access.HTTPRequest{Path: "/b", Segments: []string{"b"}} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			q := employees()
			row.tell(&q)
			got, err := snapshot(t, rego(row.rules+"\n")).Possible(context.Background(), anybody(q, "normal"), input.Untold(q))
			if err != nil || got != row.want {
				t.Errorf("Possible = %v, %v; want %v", got, err, row.want)
			}
		})
	}
}

// Breakpoints are found beside what is not known.
func TestPossibleBreakpoints(t *testing.T) {
	for name, row := range map[string]struct {
		rules string
		want  []int64
		known bool
	}{
		"at most":                {`allow if { "x" in input.token.scopes; input.assurance.age <= 3600 }`, []int64{3600}, true},
		"by the clock":           {`allow if { "x" in input.token.scopes; input.now - input.assurance.auth_time <= 900 }`, []int64{900}, true},
		"premium lasts longer":   {"allow if { \"premium\" in input.token.scopes; input.assurance.age <= 3600 }\nallow if input.assurance.age <= 300", []int64{300, 3600}, true},
		"beside data":            {`allow if { "admin" in data.roles[input.token.subject]; input.assurance.age <= 60 }`, []int64{60}, true},
		"limit from data":        {`allow if input.assurance.age <= data.limits[input.resource.id]`, []int64{600}, true},
		"modulo":                 {`allow if input.assurance.age % 2 == 0`, nil, false},
		"modulo and another way": {"allow if input.assurance.age % 2 == 0\nallow if input.assurance.age <= 60", []int64{60}, false},
		"at night only":          {`allow if { time.clock(input.now * 1000000000)[0] == 3; input.assurance.age <= 60 }`, []int64{60}, true},
		"at night, by the clock": {`allow if { time.clock(input.now * 1000000000)[0] == 3; input.now - input.assurance.auth_time <= 60 }`, []int64{60}, true},
		"from a moment to come":  {`allow if { input.now >= 4102444800; input.assurance.age <= 60 }`, []int64{60}, true},
		"by the clock, named":    {"allow if since <= 900\nsince := t - input.assurance.auth_time if t := input.now", []int64{900}, true},
		"limit in a claim":       {`allow if input.assurance.age <= input.token.claims.limit`, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := snapshot(t, rego(row.rules+"\n").with(files{"data.json": someRoles}))
			ages, known, err := s.PossibleBreakpoints(context.Background(), anybody(employees(), "mfa"), input.Untold(employees()))
			slices.Sort(ages)
			if ages = slices.Compact(ages); err != nil || known != row.known || !slices.Equal(ages, row.want) {
				t.Errorf("PossibleBreakpoints = %v, %v, %v; want %v, %v", ages, known, err, row.want, row.known)
			}
		})
	}
}

// With data unknown its size does not matter, and a look through it can be stopped.
func TestPossibleOfLargeData(t *testing.T) {
	roles := access.Object{}
	for n := range 10_000 {
		roles[fmt.Sprintf("auth0|%d", n)] = []any{"admin"}
	}
	f := rego("allow if { \"admin\" in data.roles[input.token.subject]; \"mfa\" in input.assurance.levels; input.assurance.age <= 60 }\n")
	s := snapshot(t, f.with(files{"data.json": text(t, access.Object{"roles": roles})}))
	u, doc := input.Untold(employees()), anybody(employees(), "mfa")

	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Millisecond)
	defer cancel()
	possible, err := s.Possible(ctx, doc, u)
	if !possible || !errors.Is(err, policy.ErrTimeout) {
		t.Errorf("Possible, bounded = %v, %v; want true, %v", possible, err, policy.ErrTimeout)
	}
	u.Data = true
	if possible, err := s.Possible(context.Background(), doc, u); !possible || err != nil {
		t.Errorf("Possible without data = %v, %v; want true", possible, err)
	}
	if ages, known, err := s.PossibleBreakpoints(context.Background(), doc, u); !slices.Equal(ages, []int64{60}) || !known || err != nil {
		t.Errorf("PossibleBreakpoints without data = %v, %v, %v; want [60], true", ages, known, err)
	}
}

func text(t *testing.T, value any) string {
	t.Helper()
	written, err := json.Marshal(value)
	must(t, err)
	return string(written)
}

func BenchmarkPossible(b *testing.B) {
	p, err := policy.Open(context.Background(), policy.Config{})
	if err != nil {
		b.Fatal(err)
	}
	u, doc := input.Untold(employees()), anybody(employees(), "normal", "mfa")
	for b.Loop() {
		if possible, err := p.Current().Possible(context.Background(), doc, u); !possible || err != nil {
			b.Fatal(possible, err)
		}
	}
}
