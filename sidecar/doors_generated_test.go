package sidecar_test

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v3"

	"stepup/sidecar/access"
	"stepup/sidecar/cases"
	"stepup/sidecar/httpreq"
	"stepup/sidecar/pdp"
	"stepup/sidecar/token"
)

// generatedQuestions is how many questions TestDoorsAgree puts to every door; DOORS_QUESTIONS
// says otherwise.
const generatedQuestions = 250

// TestDoorsAgree puts questions to one sidecar that differ in nothing but the door: each is
// asked natively and then at every door that has words for it, and has to get the same
// outcome, step-up, reasons and record. What a door cannot carry is counted by its kind.
func TestDoorsAgree(t *testing.T) {
	seed, count := numberOf(t, "DOORS_SEED", 1), numberOf(t, "DOORS_QUESTIONS", generatedQuestions)
	t.Logf("to repeat: DOORS_SEED=%d DOORS_QUESTIONS=%d go test -run '^%s$' ./sidecar", seed, count, t.Name())
	keys := newKeyring(t)
	people := peopleOf(t)
	w := newGeneratedWorld(t, keys, people)
	seen := tally{}
	for i := range count {
		m := maker{rand.New(rand.NewPCG(seed, i)), t, keys, people}
		c, token := m.question()
		seen.draw(c)
		whole, record := w.asked(t, doors()[0], c, token)
		for _, d := range doors() {
			if why := d.cannotSay(c); why != "" {
				seen.add(d.name, why)
				continue
			}
			got, at := w.asked(t, d, c, token)
			seen.add(d.name, got.Outcome)
			if diff := cmp.Diff(d.shown(whole), got, cmpopts.EquateEmpty()) + sameRecord(d, record, at); diff != "" {
				t.Errorf("question %d at the door %s differs from native (-native +%s):\n%s\n%s", i, d.name, d.name, short(told(t, c)), diff)
			}
		}
	}
	if count >= generatedQuestions {
		seen.check(t)
	}
}

// short cuts what would fill screens.
func short(text string) string { return text[:min(len(text), 4000)] }

// numberOf returns a variable of the environment that is a number or "random".
func numberOf(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	switch text := os.Getenv(name); text {
	case "":
		return otherwise
	case "random":
		return rand.Uint64()
	default:
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return n
	}
}

// asked puts a question to a door, and returns the answer and what was recorded; nil: it
// was no question.
func (w *world) asked(t *testing.T, d door, c cases.Case, token string) (seen, *pdp.Record) {
	t.Helper()
	w.asking.Lock()
	defer w.asking.Unlock()
	w.now.Store(c.Now)
	w.last = nil
	return d.ask(t, w, c, token), w.last
}

// sameRecord compares two records of one question, less what belongs to the door: its name,
// its own request, and, where there is no token, who is said to act.
func sameRecord(d door, native, at *pdp.Record) string {
	if native == nil || at == nil {
		if native != at {
			return "one of them is not recorded"
		}
		return ""
	}
	if at.Request.Door != d.name {
		return "recorded as asked at the door " + at.Request.Door
	}
	return cmp.Diff(recorded(d, native), recorded(d, at), cmpopts.EquateEmpty(), cmp.Transformer("claims", token.ClaimsSet.Object))
}

func recorded(d door, r *pdp.Record) any {
	decision := r.Decision
	decision.ID = ""
	var document access.Object
	if r.Document != nil {
		document = r.Document.Object()
		if _, gateway := d.unsaid[describedRequest]; gateway {
			delete(document, "request")
		}
		if r.Claims == nil {
			delete(document, "subject")
		}
	}
	fault := ""
	if r.Fault != nil {
		fault = r.Fault.Error()
	}
	return map[string]any{
		"decision": decision, "claims": r.Claims, "document": document, "fault": fault, "searched": r.Searched != nil,
	}
}

// A tally counts, by door, outcomes and the kinds that could not be said.
type tally map[string]map[string]int

func (s tally) add(door, what string) {
	if s[door] == nil {
		s[door] = map[string]int{}
	}
	s[door][what]++
}

// draw counts the kinds that a question is of.
func (s tally) draw(c cases.Case) {
	for k, is := range kinds() {
		if is(c) {
			s.add(drawn, string(k))
		}
	}
	for k, of := range generatedKinds() {
		if of.is(c) {
			s.add(drawn, string(k))
		}
	}
}

// drawn is where a tally has kinds that were drawn, whoever can carry them.
const drawn = "drawn"

// check holds the questions to having been worth asking: every door told every outcome, and
// everything that a door is said not to carry was there.
func (s tally) check(t *testing.T) {
	t.Helper()
	for _, d := range doors() {
		t.Logf("%s: %v", d.name, s[d.name])
		for _, outcome := range []string{"allow", "deny", "step_up", "fault"} {
			if s[d.name][outcome] == 0 {
				t.Errorf("no question at the door %s came to %s", d.name, outcome)
			}
		}
	}
	for kind, count := range s[drawn] {
		t.Logf("%d questions: %s", count, kind)
	}
	for kind := range generatedKinds() {
		if s[drawn][string(kind)] == 0 {
			t.Errorf("no question was of the kind %q", kind)
		}
	}
}

// The kinds that the generator draws beyond those of the corpus, and the doors that have no
// words for them.
const (
	otherPath        kind = "a route whose id is no canonical path"
	strangeMember    kind = "a member that the native door does not know"
	tokenInContext   kind = "a context with a member called as a token is"
	describedToken   kind = "a described request with Authorization"
	filledIn         kind = "an action or a resource left out beside a described request"
	incomplete       kind = "a question without a whole action or resource"
	generatedContext kind = "a context, properties, or an ID token"
	oddToken         kind = "a token that no Authorization can hold"
	longName         kind = "an action or a resource too long to be told"
)

type saying struct {
	is     func(cases.Case) bool
	unsaid []string // doors
}

func generatedKinds() map[kind]saying {
	proxies := []string{"envoy", "nginx", "traefik", "caddy", "haproxy"}
	with := func(names ...string) []string { return append(names, proxies...) }
	return map[kind]saying{
		incomplete: {func(c cases.Case) bool {
			return text(c, "action", "name") == "" || text(c, "resource", "type") == "" || text(c, "resource", "id") == ""
		}, proxies},
		otherPath: {func(c cases.Case) bool { return isOtherPath(c) }, proxies},
		generatedContext: {func(c cases.Case) bool {
			return has(c.Request, "context") || has(c.Request, "id_token") || has(c.Request, "request") ||
				has(member(c, "action"), "properties") || has(member(c, "resource"), "properties")
		}, proxies},
		strangeMember:  {func(c cases.Case) bool { return has(c.Request, "strange") }, with("authzen", "opadata")},
		tokenInContext: {func(c cases.Case) bool { return has(member(c, "context"), "token") }, with("authzen")},
		describedToken: {func(c cases.Case) bool { return has(headersOf(c), "authorization") }, with("opadata", "authzen")},
		filledIn: {func(c cases.Case) bool {
			return has(c.Request, "request") && !(has(c.Request, "action") && has(c.Request, "resource"))
		}, with("opadata", "authzen")},
		oddToken: {func(c cases.Case) bool { return c.Token != nil && strings.ContainsFunc(c.Token.Text, notToken68) }, proxies},
		longName: {func(c cases.Case) bool { return len(text(c, "action", "name")) > 8192 }, proxies},
	}
}

// cannotSay returns a kind that a door has no words for; empty: it can carry the question.
func (d door) cannotSay(c cases.Case) string {
	of := kinds()
	for _, k := range slices.Sorted(maps.Keys(of)) {
		if _, unsaid := d.unsaid[k]; unsaid && k != nobodyShown && of[k](c) {
			return string(k)
		}
	}
	own := generatedKinds()
	for _, k := range slices.Sorted(maps.Keys(own)) {
		if own[k].is(c) && slices.Contains(own[k].unsaid, d.name) {
			return string(k)
		}
	}
	return ""
}

// has reports whether a member is given, if only as null.
func has(object map[string]any, name string) bool {
	_, given := object[name]
	return given
}

func text(c cases.Case, name, of string) string {
	s, _ := member(c, name)[of].(string)
	return s
}

// notToken68 reports what RFC 9110, section 11.2, has no place for.
func notToken68(r rune) bool {
	letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	return !letter && !strings.ContainsRune("-._~+/=", r)
}

func isOtherPath(c cases.Case) bool {
	id := text(c, "resource", "id")
	return text(c, "resource", "type") == "route" && (httpreq.WrongPath(id) != "" || strings.Contains(id, ";") || len(id) > 8000)
}

func headersOf(c cases.Case) map[string]any {
	headers, _ := member(c, "request")["headers"].(map[string]any)
	return headers
}

// A maker draws one question.
type maker struct {
	*rand.Rand
	t      *testing.T
	keys   keyring
	people []cases.Case
}

// one draws one of several.
func one[T any](m maker, of ...T) T { return of[m.IntN(len(of))] }

// sometimes is true once in so many times.
func (m maker) sometimes(n int) bool { return m.IntN(n) == 0 }

// question draws a case without an expectation, and its token.
func (m maker) question() (cases.Case, string) {
	person := one(m, m.people...)
	c := cases.Case{Now: person.Now, Policy: cases.Policy{Package: "generated"}, Request: map[string]any{}}
	c.Token = m.token(person)
	if !m.sometimes(40) {
		c.Request["action"] = m.action()
	}
	if !m.sometimes(40) {
		c.Request["resource"] = m.resource()
	}
	if m.sometimes(4) {
		c.Request["context"] = m.context()
	}
	if m.sometimes(5) {
		c.Request["request"] = m.request()
	}
	if m.sometimes(8) {
		c.Request["id_token"] = m.evidence(person)
	}
	if m.sometimes(25) {
		c.Request["strange"] = m.value()
	}
	return c, tokenOf(m.t, c, m.keys)
}

// token draws what is presented: mostly a person's token, good or nearly so.
func (m maker) token(person cases.Case) *cases.Token {
	claims := maps.Clone(person.Token.Claims.(map[string]any))
	token := &cases.Token{Header: maps.Clone(person.Token.Header), Claims: claims}
	switch m.IntN(20) {
	case 0, 1:
		return nil
	case 2:
		return &cases.Token{Text: one(m, "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "ключ", "a b", "Bearer x", "%00", "..", strings.Repeat("a", 1<<15))}
	case 3:
		claims["exp"] = one[any](m, person.Now-3600, "soon", 1e300, -1, nil)
	case 4:
		claims["aud"] = one[any](m, "https://elsewhere.example", []any{}, 7)
	case 5:
		token.SignedBy = one(m, "stranger", "nobody")
	case 6:
		token.Header["typ"] = one[any](m, "dpop+jwt", "logout+jwt", 7)
	case 7:
		claims["sub"] = one[any](m, "zoë|😀", "a\u0000b", 7, "", strings.Repeat("s", 300))
	case 8:
		claims["big"], claims["https://fabrikam.example/roles"] = json.Number("9007199254740993"), []any{"a", map[string]any{"b": nil}}
	case 9:
		claims["auth_time"] = one[any](m, person.Now-7200, person.Now+7200, "now", nil)
	}
	return token
}

// evidence draws an ID token, of the same person or not.
func (m maker) evidence(person cases.Case) string {
	claims := maps.Clone(person.Token.Claims.(map[string]any))
	claims["aud"] = person.Issuer["clients"].([]any)[0]
	delete(claims, "scope")
	header := map[string]any{"alg": person.Token.Header["alg"], "typ": "JWT"}
	switch m.IntN(4) {
	case 0:
		claims["sub"] = "mallory"
	case 1:
		return one(m, "x", "a.b.c")
	}
	return m.keys.sign(m.t, cases.Token{Header: header, Claims: claims})
}

func (m maker) action() any {
	action := map[string]any{"name": one[any](m, "GET", "GET", "GET", "GET", "GET", "HEAD", "POST", "DELETE", "OPTIONS", "get", "read", "читать", "a b", "GET\n")}
	if m.sometimes(12) {
		action["name"] = one[any](m, "", nil, 7, strings.Repeat("a", 8192), strings.Repeat("a", 8193))
	}
	if m.sometimes(8) {
		action["properties"] = one[any](m, map[string]any{"soft": true}, m.object(), json.RawMessage(`{"a":1,"a":2}`), nil)
	}
	return action
}

func (m maker) resource() any {
	if m.sometimes(5) {
		return map[string]any{
			"type": one[any](m, "record", "record", "public", "public", "запись", "route ", "public", "", 7),
			"id":   one[any](m, "record-1", "record-2", "/customers", "/employees", "😀", " ", "a\u0000", "", nil, 9),
		}
	}
	path := one(m, "/customers", "/customers", "/employees", "/employees", "/employees", "/payroll", "/payroll", "/", "/employees/7", "/caf%C3%A9", "/a:b@c", "/broken")
	if m.sometimes(6) {
		path = one(m, "/%65mployees", "/a/../payroll", "//payroll", "/payroll;x", "/public/..;/payroll", "/payroll?x=1", "/payroll#x", "payroll", "/caf\u00e9", `/a\payroll`, "/a%2Fb", "/a%00", "*", "http://x/payroll", "/"+strings.Repeat("a", 9000))
	}
	resource := map[string]any{"type": "route", "id": path}
	if m.sometimes(8) {
		resource["properties"] = m.object()
	}
	return resource
}

func (m maker) context() any {
	if m.sometimes(10) {
		return one[any](m, nil, "text", []any{}, 7, json.RawMessage(strings.Repeat(`{"a":`, 40)+"1"+strings.Repeat("}", 40)))
	}
	context := m.object()
	if m.sometimes(8) {
		context["token"] = one[any](m, "x", map[string]any{"scopes": []any{"all"}})
	}
	return context
}

// request draws an HTTP request as a caller describes it.
func (m maker) request() any {
	request := map[string]any{}
	for _, part := range []struct {
		name   string
		values []any
	}{
		{"method", []any{"GET", "POST", "GET", "get", "GET", ""}},
		{"path", []any{"/employees", "/employees", "/employees", "/employees", "/", "/", "/%65", "/caf%C3%A9"}},
		{"host", []any{"intranet.fabrikam.example"}},
		{"scheme", []any{"https"}},
		{"client_ip", []any{"203.0.113.7", "2001:db8::1", "203.0.113.7", "2001:db8::1", "203.0.113.7:80"}},
	} {
		if m.sometimes(2) {
			request[part.name] = one(m, part.values...)
		}
	}
	headers := map[string]any{one(m, "x-tenant", "X-Tenant"): []any{one(m, "fabrikam", "contoso")}, "cookie": []any{"a=b"}}
	if m.sometimes(4) {
		headers["authorization"] = []any{"Bearer x"}
	}
	if m.sometimes(2) {
		request["headers"] = headers
	}
	return request
}

// object draws a free object with what readers differ about.
func (m maker) object() map[string]any {
	object := map[string]any{}
	for range m.IntN(3) {
		object[one(m, "number", "ip", "tenant", "broken", "ключ", "a.b/c~d", "__proto__", "Number", "", "soft", "levels")] = m.value()
	}
	return object
}

func (m maker) value() any {
	if m.sometimes(10) {
		return one[any](m,
			json.RawMessage("1e400"), json.RawMessage("1e-400"), json.RawMessage(strings.Repeat("1234567890", 7)),
			json.RawMessage(`{"a":1,"a":2}`), json.RawMessage(`"\ud800"`),
		)
	}
	return one[any](m,
		"text", "203.0.113.7", "😀\u0000\u2028<>&", true, false, nil, 0, -1, 1.5, "1",
		json.RawMessage("9007199254740993"), json.RawMessage("-0"), json.RawMessage("1E+2"), json.RawMessage(`{"A":1,"a":2}`), json.RawMessage(`[[],{}]`),
	)
}

// peopleOf are logins of the corpus, each the base of tokens, at issuers of several kinds.
func peopleOf(t *testing.T) []cases.Case {
	t.Helper()
	corpus := loadCorpus(t)
	var people []cases.Case
	for _, name := range []string{
		"demo_plain_login", "demo_second_factor", "demo_machine", "keycloak_plain_login", "keycloak_strong_login", "entra_claims_challenge", "entra_plain_login",
	} {
		c, there := corpus[name]
		if !there || c.Token == nil {
			t.Fatalf("the corpus has no login %s", name)
		}
		people = append(people, c)
	}
	return people
}

// newGeneratedWorld runs one sidecar with all doors for the questions.
func newGeneratedWorld(t *testing.T, keys keyring, people []cases.Case) *world {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "generated.rego"), []byte(generatedPolicy), 0o600); err != nil {
		t.Fatal(err)
	}
	issuers := map[any]any{}
	for _, person := range people {
		issuers[person.Issuer["issuer"]] = keys.published(person.Issuer)
	}
	whole := map[string]any{
		"http":    map[string]any{"address": "127.0.0.1:0"},
		"health":  map[string]any{"address": ""},
		"policy":  map[string]any{"path": folder, "package": "generated", "anonymous": true, "deadline": "30s"},
		"issuers": slices.Collect(maps.Values(issuers)),
		"headers": map[string]any{"allow": []string{"x-stepup-*"}, "forward": []string{"x-tenant"}},
		// Every door has to find out for itself.
		"answers":    map[string]any{"memory": 0},
		"loop_guard": false,
	}
	for _, d := range doors() {
		maps.Copy(whole, d.config)
	}
	config, err := yaml.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{}
	w.now.Store(people[0].Now)
	w.run(t, string(config), false)
	if w.url == "" {
		t.FailNow()
	}
	return w
}

// generatedPolicy comes to every outcome, by every part of a question.
const generatedPolicy = `# METADATA
# schemas:
#   - input: schema.access.input
package generated

default allow := false

allow if {
	input.resource.id == "/customers"
	"normal" in input.assurance.levels
}

allow if {
	input.resource.id == "/employees"
	"mfa" in input.assurance.levels
	input.assurance.age <= 3600
}

allow if {
	input.resource.id == "/payroll"
	"phr" in input.assurance.levels
	input.action.name == "GET"
}

allow if input.resource.type == "public"

allow if input.action.properties.soft == true

allow if {
	"mfa" in input.assurance.levels
	input.context.number > 9007199254740992
}

allow if {
	some tenant in input.request.headers["x-tenant"]
	tenant == "fabrikam"
	input.request.path == "/employees"
}

# A fault, for the path or the context.
allow if {
	input.resource.id == "/broken"
	to_number(input.resource.id) == 1
}

allow if to_number(input.context.broken) == 1

reasons contains {"code": "tenant", "message": "Not this tenant."} if input.context.tenant

obligations contains {"type": "log", "context": input.context, "action": input.action, "resource": input.resource} if {
	count(input.context) > 0
}

headers["x-stepup-subject-type"] := input.subject.type

headers["x-stepup-action"] := input.action.name
`
