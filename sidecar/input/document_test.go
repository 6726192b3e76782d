package input_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"stepup/policies"
	"stepup/sidecar/access"
	"stepup/sidecar/input"
	"stepup/sidecar/token"
)

// Whatever is asked and whatever a token says, the document follows its schema.
func TestEveryDocumentFollowsTheSchema(t *testing.T) {
	schema := compile(t)
	rapid.Check(t, func(rt *rapid.T) {
		document := drawDocument(rt).Object()
		if err := schema.Validate(map[string]any(document)); err != nil {
			rt.Fatalf("Object() = %v: %v", document, err)
		}
	})
}

// A full document has every member that the schema names, and no other.
func TestDocumentAndSchemaHaveTheSameMembers(t *testing.T) {
	schema := schemaMembers(t)
	got := members("input", fullDocument().Object(), schema)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(schema)), got); diff != "" {
		t.Errorf("members of the schema (-) and of a full document (+):\n%s", diff)
	}
}

// OPA reads the same from the schema: policies can name every member, and no other.
func TestPoliciesCanNameEveryMemberAndNoOther(t *testing.T) {
	for member, free := range schemaMembers(t) {
		if err := check(t, member); err != nil {
			t.Errorf("check of %s: got %v, want nil", member, err)
		}
		closed := strings.LastIndex(member, ".")
		if err := check(t, member[:closed]+".unheard_of"); err == nil {
			t.Errorf("check of %s.unheard_of: got nil, want an error", member[:closed])
		}
		if err := check(t, member+`["anything"]`); free && err != nil {
			t.Errorf("check of %s[\"anything\"]: got %v, want nil, since it is a free object", member, err)
		}
	}
}

func TestDocumentIsThatOfTheQuestion(t *testing.T) {
	got, err := json.Marshal(fullDocument().Object())
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
		"subject":  {"type": "user", "id": "auth0|alice", "properties": {"issuer": "https://fabrikam.eu.auth0.com/"}},
		"action":   {"name": "GET", "properties": {"soft": true}},
		"resource": {"type": "route", "id": "/employees", "properties": {"owner": "hr"}},
		"context":  {"device": {"managed": true}},
		"request":  {"method": "GET", "scheme": "https", "host": "intranet.fabrikam.example", "path": "/employees",
		             "segments": ["employees"], "query": {"q": ["a", "b"]}, "headers": {"accept": ["text/html"]}, "client_ip": "203.0.113.7"},
		"token":    {"issuer": "https://fabrikam.eu.auth0.com/", "subject": "auth0|alice", "client_id": "intranet",
		             "audiences": ["https://intranet.fabrikam.example/api"], "scopes": ["openid", "read:employees"],
		             "kind": "access_token", "binding": "none", "expires_at": 1795431600,
		             "vocabulary": {"name": "auth0-rule", "levels": {"mfa": "strong"}, "max_level": "mfa"},
		             "claims": {"authentication_level": "normal", "auth_time": 1795428000}},
		"assurance": {"levels": ["normal"], "methods": ["pwd"], "auth_time": 1795428000, "age": 120},
		"now": 1795428120
	}`
	if diff := cmp.Diff(decode(t, want), decode(t, string(got))); diff != "" {
		t.Errorf("Object(): -want +got\n%s", diff)
	}
}

// Without a token and without an HTTP request the members are not there; assurance is.
func TestDocumentOfNobody(t *testing.T) {
	got := input.New(access.Request{}, nil, access.NoAssurance(), 1795428120).Object()
	want := access.Object{
		"subject":   access.Object{"type": "user", "id": "", "properties": access.Object{}},
		"action":    access.Object{"name": "", "properties": access.Object{}},
		"resource":  access.Object{"type": "", "id": "", "properties": access.Object{}},
		"context":   access.Object{},
		"assurance": access.Object{"levels": []any{}, "methods": []any{}, "auth_time": json.Number("0"), "age": json.Number("1795428120")},
		"now":       json.Number("1795428120"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Object(): -want +got\n%s", diff)
	}
}

func TestAge(t *testing.T) {
	for _, test := range []struct {
		name           string
		now, auth, age int64
	}{
		{"two minutes", 1795428120, 1795428000, 120},
		{"this second", 1795428120, 1795428120, 0},
		{"within the clock skew of the future", 1795428120, 1795428140, 0},
		{"unknown is as old as can be", 1795428120, 0, 1795428120},
	} {
		d := input.Document{Now: test.now, Assurance: access.Assurance{AuthTime: test.auth}}
		if got := d.Age(); got != test.age {
			t.Errorf("%s: Age() at %d of a login at %d: got %d, want %d", test.name, test.now, test.auth, got, test.age)
		}
	}
}

func TestSubjectOf(t *testing.T) {
	for _, test := range []struct {
		name   string
		claims *token.Claims
		told   bool
		want   string
	}{
		{"nobody", nil, false, "user"},
		{"marked as a machine, whatever it tells", &token.Claims{Mark: token.Machine}, true, "client"},
		{"marked as a person, though it tells nothing", &token.Claims{Mark: token.Person}, false, "user"},
		{"no mark, and it tells of a login", &token.Claims{Mark: token.Unmarked}, true, "user"},
		{"no mark, and it tells of none", &token.Claims{Mark: token.Unmarked}, false, "client"},
	} {
		if got := input.SubjectOf(test.claims, access.Assurance{Told: test.told}).Type; got != test.want {
			t.Errorf("%s: SubjectOf().Type: got %q, want %q", test.name, got, test.want)
		}
	}
}

func fullDocument() input.Document {
	request := access.Request{
		Action:   access.Action{Name: "GET", Properties: access.Object{"soft": true}},
		Resource: access.Resource{Type: "route", ID: "/employees", Properties: access.Object{"owner": "hr"}},
		Context:  access.Object{"device": access.Object{"managed": true}},
		HTTP: &access.HTTPRequest{
			Method: "GET", Scheme: "https", Host: "intranet.fabrikam.example", Path: "/employees", Segments: []string{"employees"},
			Query: map[string][]string{"q": {"a", "b"}}, Headers: map[string][]string{"accept": {"text/html"}}, ClientIP: "203.0.113.7",
		},
	}
	claims := &token.Claims{
		Issuer: "https://fabrikam.eu.auth0.com/", Subject: "auth0|alice", ClientID: "intranet",
		Audiences: []string{"https://intranet.fabrikam.example/api"}, Scopes: []string{"openid", "read:employees"},
		Kind: token.AccessToken, Binding: token.BindingNone, ExpiresAt: 1795431600,
		Vocabulary: token.Vocabulary{Name: "auth0-rule", Levels: map[string]string{"mfa": "strong"}, MaxLevel: "mfa"},
		All:        token.ClaimsOf(access.Object{"authentication_level": "normal", "auth_time": json.Number("1795428000")}),
	}
	a := access.Assurance{Level: "normal", Levels: []string{"normal"}, Methods: []string{"pwd"}, AuthTime: 1795428000, Told: true}
	return input.New(request, claims, a, 1795428120)
}

func drawDocument(t *rapid.T) input.Document {
	text := rapid.String()
	texts := rapid.SliceOfN(text, 0, 3)
	lists := rapid.MapOfN(text, texts, 0, 3)
	object := rapid.MapOfN(text, rapid.OneOf(
		rapid.Map(text, func(s string) any { return s }),
		rapid.Just[any](json.Number("1.5e3")), rapid.Just[any](nil), rapid.Just[any]([]any{true, access.Object{}}),
	), 0, 3)
	second := rapid.Int64Range(0, 253402300799)
	request := access.Request{
		Action:   access.Action{Name: text.Draw(t, "action"), Properties: object.Draw(t, "action properties")},
		Resource: access.Resource{Type: text.Draw(t, "type"), ID: text.Draw(t, "resource"), Properties: object.Draw(t, "resource properties")},
		Context:  object.Draw(t, "context"),
	}
	if rapid.Bool().Draw(t, "through a gateway") {
		request.HTTP = &access.HTTPRequest{
			Method: text.Draw(t, "method"), Scheme: text.Draw(t, "scheme"), Host: text.Draw(t, "host"), Path: text.Draw(t, "path"),
			Segments: texts.Draw(t, "segments"), Query: lists.Draw(t, "query"), Headers: lists.Draw(t, "headers"), ClientIP: text.Draw(t, "ip"),
		}
	}
	var claims *token.Claims
	if rapid.Bool().Draw(t, "with a token") {
		claims = &token.Claims{
			Issuer: text.Draw(t, "issuer"), Subject: text.Draw(t, "subject"), ClientID: text.Draw(t, "client"),
			Audiences: texts.Draw(t, "audiences"), Scopes: texts.Draw(t, "scopes"),
			Kind: rapid.SampledFrom([]token.Kind{token.AccessToken, token.IDToken}).Draw(t, "kind"), Binding: token.BindingNone,
			ExpiresAt: second.Draw(t, "exp"), Mark: rapid.SampledFrom([]token.Mark{token.Unmarked, token.Person, token.Machine}).Draw(t, "mark"),
			Vocabulary: token.Vocabulary{Name: text.Draw(t, "vocabulary"), Levels: rapid.MapOfN(text, text, 0, 2).Draw(t, "words"), MaxLevel: text.Draw(t, "max")},
			All:        token.ClaimsOf(object.Draw(t, "claims")),
		}
	}
	a := access.Assurance{
		Levels: texts.Draw(t, "levels"), Methods: texts.Draw(t, "methods"),
		AuthTime: second.Draw(t, "auth_time"), Told: rapid.Bool().Draw(t, "told"),
	}
	return input.New(request, claims, a, second.Draw(t, "now"))
}

func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("input.json", decode(t, string(policies.AccessSchema()))); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("input.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// check compiles a policy that names a member, with the schema applied as OPA does it.
func check(t *testing.T, member string) error {
	t.Helper()
	schemas := ast.NewSchemaSet()
	schemas.Put(ast.SchemaRootRef, decode(t, string(policies.AccessSchema())))
	module, err := ast.ParseModule("check.rego", "package check\n\nallow if "+member)
	if err != nil {
		t.Fatal(err)
	}
	compiler := ast.NewCompiler().WithSchemas(schemas)
	if compiler.Compile(map[string]*ast.Module{"check.rego": module}); compiler.Failed() {
		return compiler.Errors
	}
	return nil
}

// schemaMembers returns every member that the schema names, as policies name it, and
// whether it is a free object.
func schemaMembers(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	var walk func(at string, schema access.Object)
	walk = func(at string, schema access.Object) {
		properties, _ := schema["properties"].(access.Object)
		for name, property := range properties {
			property := property.(access.Object)
			found[at+"."+name] = property["type"] == "object" && property["properties"] == nil
			walk(at+"."+name, property)
		}
	}
	walk("input", decode(t, string(policies.AccessSchema())).(access.Object))
	return found
}

// members returns the members of a document, but not what is below its free objects.
func members(at string, document access.Object, schema map[string]bool) []string {
	var found []string
	for name, value := range document {
		path := at + "." + name
		found = append(found, path)
		if object, ok := value.(access.Object); ok && !schema[path] {
			found = append(found, members(path, object, schema)...)
		}
	}
	slices.Sort(found)
	return found
}

func decode(t *testing.T, text string) any {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return document
}
