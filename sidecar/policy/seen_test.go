package policy_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"stepup/sidecar/access"
	"stepup/sidecar/input"
	"stepup/sidecar/keep"
	"stepup/sidecar/policy"
	"stepup/sidecar/token"
)

// TestSees is the table of what a policy is trusted not to look at: the places of the
// document of which its answers may depend, however it reads them. Everything that cannot
// be told is told as more.
func TestSees(t *testing.T) {
	const whole = "all"
	for _, row := range []struct {
		name, rego, sees string
	}{
		{"nothing", `allow := true`, ""},
		{"a member", `allow if input.resource.id == "/a"`, "resource.id"},
		{"members in several rules", "allow if a\na if input.action.name == \"GET\"\na if b\nb if input.subject.id == \"x\"", "action.name subject.id"},
		{"a place in claims", `allow if input.token.claims.tenant.id == "x"`, "token.claims.tenant.id"},
		{"a claim with a name of its own", `allow if input.token.claims["https://x/y"]`, "token.claims.https://x/y"},
		{"an index, of which the list counts", `allow if input.request.segments[0] == "a"`, "request.segments"},
		{"a variable, below which all counts", `allow if input.token.claims[input.context.k]`, "context.k token.claims"},
		{"iteration", `allow if "read" in input.token.scopes`, "token.scopes"},
		{"a whole object", `allow if input.resource`, "resource.type resource.id resource.properties"},
		{"an object by a name", `allow if { r := input.resource; r.id == "/a" }`, "resource.type resource.id resource.properties"},
		{"what lies within another is told once", `allow if { input.context.a.b; input.context.a }`, "context.a"},
		{"names that begin alike", `allow if { input.context.a; input.context.ab; input.context.a.c }`, "context.a context.ab"},
		{"the age and now are no places", `allow if { input.assurance.age < 5; input.now > 5 }`, ""},
		{"the whole assurance, without the age", `allow if input.assurance`, "assurance.levels assurance.methods assurance.auth_time"},
		{"what the document never has", `allow if input.nothing.there`, ""},
		{"what nothing reaches", "allow if input.action.name\nother if input.subject.id", "action.name"},
		{"below not", `allow if not input.context.blocked`, "context.blocked"},
		{"in else", `allow if input.action.name == "a" else := true if input.subject.id`, "action.name subject.id"},
		{"in a function", "allow if f(1)\nf(_) if input.subject.id", "subject.id"},
		{"as an argument", "allow if f(input.subject)\nf(s) if s.id", "subject.type subject.id subject.properties"},
		{"in a comprehension", `allow if count([x | x := input.context.list[_]]) > 0`, "context.list"},
		{"in every", `allow if every x in input.context.list { x == input.subject.id }`, "context.list subject.id"},
		{"in the key of a reference to data", `allow if data.limits[input.resource.id]`, "resource.id"},
		{"in a string", `allow if sprintf("%s", [input.subject.id]) == "x"`, "subject.id"},
		{"in a template string", `allow if $"{input.subject.id}" == "x"`, "subject.id"},
		{"in the value of with", "allow if ok with input.context.x as input.subject.id\nok if input.context.x", "context.x subject.id"},
		{"a rule by with", "allow if r with data.q as data.p.who\nr if data.q\nwho := input.subject.id", "subject.id"},
		{"a function by with", "allow if f(1) with data.p.g as data.p.h\nf(x) if g(x)\ng(x) := x\nh(_) := input.subject.id", "subject.id"},
		{"a dynamic package", "allow if data[input.context.pkg].x\nx if input.subject.id", "context.pkg subject.id"},
		{"an import of input", "import input.token.claims as c\nallow if c.x", "token.claims.x"},
		{"another package", "import data.q.who\nallow if who == \"x\"", "subject.id"},
		{"in what is looked into", `allow if { some i; [input.subject.id, 1][i] == "x" }`, "subject.id"},
		{"in a call that is looked into", "allow if f(input.context.x).y\nf(_) := {\"y\": true}", "context.x"},
		{"in a rule's name", "allow if p.x\np[input.subject.id] := true", "subject.id"},
		{"in the middle of a rule's name", "allow if p.x.y\np[input.subject.id].y := true", "subject.id"},
		{"reasons", "allow if input.action.name\nreasons contains input.context.why", "action.name context.why"},
		{"obligations", "allow := true\nobligations contains {\"of\": input.subject.id}", "subject.id"},
		{"headers", "allow := true\nheaders[\"x\"] := input.subject.id", "subject.id"},
		{"the whole input as an argument", `allow if object.get(input, ["subject", "id"], "") == "x"`, whole},
		{"walk", `allow if { walk(input, [p, v]); p == ["subject", "id"]; v == "x" }`, whole},
		{"json.filter", `allow if json.filter(input, ["subject/id"]).subject`, whole},
		{"iteration over input", `allow if { some k; input[k] == 0 }`, whole},
		{"input by a name", `allow if { i := input; i.subject.id == "x" }`, whole},
		{"the whole input by with", "allow if ok with input as {\"subject\": input.context}\nok if input.subject.x", whole},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := rego(row.rego).with(files{"data.json": `{"limits": {}}`, "q.rego": "package q\n\nwho := input.subject.id\n"})
			got, want := snapshot(t, f).Sees(), strings.Fields(row.sees)
			if row.sees == whole {
				want = nil
				for _, p := range input.PartsAt(nil) {
					want = append(want, strings.Join(p.Path(), "."))
				}
			}
			if diff := cmp.Diff(want, got, cmpSorted()); diff != "" {
				t.Errorf("it sees (-want +got):\n%s", diff)
			}
		})
	}
}

// TestWhatLooksAlikeIsAlike asks policies about random documents, many of which look the
// same to them without being the same, and wants the same answer to all that look the same.
func TestWhatLooksAlikeIsAlike(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	shared := 0
	for _, text := range []string{
		`allow if input.token.claims.tenant.id == input.resource.properties.tenant`,
		"allow if input.assurance.age <= 20\nallow if { input.assurance.age > 30; input.subject.id == \"a\" }",
		"allow if age < 25\nage := input.assurance.age\nreasons contains \"old\" if age >= 40",
		"allow if not input.context.x\nobligations contains {\"x\": input.context.x}",
		"allow if some s in input.token.scopes\nreasons contains s if some s in input.token.scopes",
		"allow if input.request\nheaders[\"x-a\"] := input.request.headers.x[0]",
		"allow if data.q[input.context.x].y\nreasons contains sprintf(\"%v\", [input.resource])",
		"allow if input.token\nreasons contains sprintf(\"%v\", [input.token.claims[k]]) if some k in [input.context.x]",
	} {
		s := snapshot(t, rego(text).with(files{"data.json": `{"q": {"a": {"y": true}}}`}))
		said := map[keep.Digest]policy.Result{}
		for range 600 {
			doc := randomDocument(r)
			look := keep.Look()
			s.See(doc, look)
			key, exact := look.Digest()
			got, err := s.Evaluate(t.Context(), doc)
			must(t, err)
			before, seen := said[key]
			if diff := cmp.Diff(before, got); exact && seen && diff != "" {
				t.Fatalf("of documents that look alike to\n%s\nthe answers differ (-before +now):\n%s", text, diff)
			}
			if said[key] = got; seen {
				shared++
			}
		}
	}
	if shared < 1000 {
		t.Errorf("%d documents looked like another before them, want many", shared)
	}
}

func randomDocument(r *rand.Rand) input.Document {
	pick := func(of ...any) any { return of[r.IntN(len(of))] }
	value := func() any {
		return pick(nil, false, true, "a", "b", "1", json.Number("1"), []any{}, []any{"a"}, access.Object{}, access.Object{"id": "a"}, access.Object{"id": nil})
	}
	object := func(names ...string) access.Object {
		o := access.Object{}
		for _, name := range names {
			if r.IntN(2) == 0 {
				o[name] = value()
			}
		}
		return o
	}
	doc := input.Document{
		Subject:  access.Subject{Type: "user", ID: pick("a", "b").(string)},
		Action:   access.Action{Name: pick("GET", "PUT").(string)},
		Resource: access.Resource{Type: "route", ID: pick("/a", "/b").(string), Properties: object("tenant", "owner")},
		Context:  object("x", "y"), Now: now + int64(r.IntN(3)),
	}
	doc.Assurance = access.Assurance{Levels: []string{"normal"}[:r.IntN(2)], AuthTime: doc.Now - int64(r.IntN(60))}
	if r.IntN(4) > 0 {
		doc.Token = &token.Claims{Issuer: "https://idp.example/", Subject: doc.Subject.ID, Scopes: []string{"read", "write"}[:r.IntN(3)], All: token.ClaimsOf(object("tenant", "a", "1"))}
	}
	if r.IntN(2) == 0 {
		doc.Request = &access.HTTPRequest{Headers: map[string][]string{"x": {fmt.Sprint(r.IntN(2))}}}
	}
	return doc
}

func cmpSorted() cmp.Option { return cmpopts.SortSlices(strings.Compare) }
