package derive_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"stepup/policies"
	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
	"stepup/sidecar/input"
	"stepup/sidecar/token"
)

// TestOracleAgreesWithOPA compares the two evaluators: what a policy of the grammar means
// by the oracle, and what OPA makes of its print, for tokens that are present and for
// imagined logins of all ages that count.
func TestOracleAgreesWithOPA(t *testing.T) {
	t.Parallel()
	asked, allowed := 0, 0
	for _, c := range generated(seedOf(t), policiesOf(t)) {
		ask := opaAllow(t, c.text, c.world)
		for _, f := range append(c.present, c.imagined()...) {
			got, want := ask(f), c.allow(f)
			if got != want {
				t.Errorf("policy %d: OPA says %t, the oracle %t\n%s", c.number, got, want, claim{policy: c.policy, facts: f})
			}
			if asked++; want {
				allowed++
			}
		}
	}
	t.Logf("%d questions, %d allowed", asked, allowed)
}

// imagined are candidates made of the first token: every member of every login, at once,
// later, and around the constants of the policy in turn.
func (c generatedCase) imagined() []facts {
	var all []facts
	f := c.present[0]
	ages := append([]int64{0, 30}, breakpoints(c.policy, f)...)
	for _, l := range c.world.vocabulary.Logins {
		for member := range l.Claims {
			for step := range int64(5) {
				age := ages[(int64(len(all))+step)%int64(len(ages))]
				all = append(all, f.imagine(l, member, age))
			}
		}
	}
	return all
}

// opaAllow prepares allow of a policy as OPA compiles it, strictly.
func opaAllow(t *testing.T, text string, w *world) func(facts) bool {
	t.Helper()
	query, err := rego.New(
		rego.Query("data.p.allow"), rego.Module("p.rego", text), rego.Strict(true), rego.StrictBuiltinErrors(true),
		rego.Store(inmem.NewFromObject(asJSON(t, w.data()))),
	).PrepareForEval(t.Context())
	if err != nil {
		t.Fatalf("compiling: %v\n%s", err, text)
	}
	return func(f facts) bool {
		results, err := query.Eval(t.Context(), rego.EvalInput(asJSON(t, f.document())), rego.EvalTime(time.Unix(f.now, 0)))
		if err != nil {
			t.Fatalf("evaluating: %v\n%s", err, claim{policy: policy{text: text}, facts: f})
		}
		return results.Allowed()
	}
}

// TestReadingAgreesWithLibrary compares what the oracle reads in claims with what the
// library does, and holds the worlds to its laws.
func TestReadingAgreesWithLibrary(t *testing.T) {
	t.Parallel()
	for i, w := range worlds() {
		data := asJSON(t, w.data())
		stepup := data["stepup"].(map[string]any)
		if _, err := assurance.Load(stepup["levels"].(map[string]any), stepup["vocabularies"].(map[string]any)); err != nil {
			t.Fatalf("world %s: %v", w.name, err)
		}
		read := libraryReading(t, data)
		g := newGenerator(1, uint64(i), w)
		for range 20 {
			f := g.present()
			wantReading(t, read, f)
			for _, l := range w.vocabulary.Logins {
				wantReading(t, read, f.imagine(l, g.IntN(len(l.Claims)), g.seconds()))
			}
		}
	}
}

type libraryRead struct {
	Levels   []string `json:"levels"`
	Methods  []string `json:"methods"`
	AuthTime int64    `json:"auth_time"`
	Invalid  []string `json:"invalid"`
}

func libraryReading(t *testing.T, data map[string]any) func(input map[string]any) libraryRead {
	t.Helper()
	options := []func(*rego.Rego){rego.Query("data.stepup.assurance.reading"), rego.Store(inmem.NewFromObject(data))}
	for _, m := range policies.Library() {
		options = append(options, rego.Module(m.Path, m.Source))
	}
	query, err := rego.New(options...).PrepareForEval(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return func(input map[string]any) (read libraryRead) {
		results, err := query.Eval(t.Context(), rego.EvalInput(input))
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(results[0].Expressions[0].Value)
		if err == nil {
			err = json.Unmarshal(text, &read)
		}
		if err != nil {
			t.Fatal(err)
		}
		return read
	}
}

func wantReading(t *testing.T, read func(map[string]any) libraryRead, f facts) {
	t.Helper()
	document := asJSON(t, f.document())
	got := read(map[string]any{"token": document["token"], "machine": f.machine})
	want := libraryRead{orEmpty(f.login.levels), orEmpty(f.login.methods), f.login.authTime, []string{}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("world %s, claims %v: the library reads %+v, the oracle %+v", f.world.name, f.claims, got, want)
	}
}

// TestDocument compares the document that the oracle's questions are asked with to that of
// the program.
func TestDocument(t *testing.T) {
	t.Parallel()
	for i, w := range worlds() {
		g := newGenerator(2, uint64(i), w)
		for range 50 {
			f := g.present()
			got := asJSON(t, input.New(f.request(), f.token(t), f.assurance(), f.now).Object())
			if want := asJSON(t, f.document()); !reflect.DeepEqual(got, want) {
				t.Fatalf("New(…).Object() = %v, want %v", got, want)
			}
		}
	}
}

// document is the document of these facts, written out.
func (f facts) document() map[string]any {
	kind := "user"
	if f.machine {
		kind = "client"
	}
	const issuer = "https://idp.example/"
	return map[string]any{
		"subject":  map[string]any{"type": kind, "id": f.subject, "properties": map[string]any{"issuer": issuer}},
		"action":   map[string]any{"name": "GET", "properties": map[string]any{}},
		"resource": map[string]any{"type": "route", "id": f.resource, "properties": map[string]any{}},
		"context":  map[string]any{},
		"token": map[string]any{
			"issuer": issuer, "subject": f.subject, "client_id": "intranet", "audiences": []string{"https://api.example/"},
			"scopes": f.scopes, "kind": "access_token", "binding": "none", "expires_at": f.now + 3600,
			"vocabulary": map[string]any{"name": f.world.vocabularyName(), "levels": map[string]any{}, "max_level": ""},
			"claims":     f.claims,
		},
		"assurance": map[string]any{
			"levels": orEmpty(f.login.levels), "methods": orEmpty(f.login.methods), "auth_time": f.login.authTime, "age": f.age(),
		},
		"now": f.now,
	}
}

// request, token and assurance are the facts as the program has them.
func (f facts) request() access.Request {
	return access.Request{Action: access.Action{Name: "GET"}, Resource: access.Resource{Type: "route", ID: f.resource}}
}

func (f facts) token(t testing.TB) *token.Claims {
	t.Helper()
	mark := token.Person
	if f.machine {
		mark = token.Machine
	}
	return &token.Claims{
		Issuer: "https://idp.example/", Subject: f.subject, ClientID: "intranet", Audiences: []string{"https://api.example/"},
		Scopes: f.scopes, Kind: token.AccessToken, Binding: token.BindingNone, ExpiresAt: f.now + 3600, Mark: mark,
		Vocabulary: token.Vocabulary{Name: f.world.vocabularyName()},
		All:        token.ClaimsOf(asJSON(t, f.claims)),
	}
}

func (f facts) assurance() access.Assurance {
	return access.Assurance{Levels: f.login.levels, Methods: f.login.methods, AuthTime: f.login.authTime}
}

// asJSON returns an object as a JSON decoder gives it, with numbers as they are written.
func asJSON(t testing.TB, object any) map[string]any {
	t.Helper()
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	var decoded map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&decoded); err != nil {
		t.Fatal(err)
	}
	return decoded
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
