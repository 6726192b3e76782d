package sidecar_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"stepup/sidecar/access"
)

// newAuthZEN runs a sidecar with a policy of testdata/authzen, whose subjects come without
// a token.
func newAuthZEN(t *testing.T, folder, pkg string) *world {
	t.Helper()
	text, err := yaml.Marshal(map[string]any{
		"http":   map[string]any{"address": "127.0.0.1:0"},
		"health": map[string]any{"address": ""},
		"policy": map[string]any{
			"path": filepath.Join("..", "testdata", "authzen", folder), "package": pkg, "anonymous": true, "deadline": "30s",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{}
	w.now.Store(time.Now().Unix())
	w.run(t, string(text), false)
	if w.url == "" {
		t.FailNow()
	}
	return w
}

// A certificationRow is one row of testdata/authzen/certification/questions.yaml.
type certificationRow struct {
	Name        string `yaml:"name"`
	To          string `yaml:"to"`
	ContentType string `yaml:"content_type"`
	Body        any    `yaml:"body"`
	Want        any    `yaml:"want"`
	Status      int    `yaml:"status"`
}

// TestAuthZENCertification puts the rows of the certification to a sidecar.
func TestAuthZENCertification(t *testing.T) {
	var rows []certificationRow
	readYAML(t, "../testdata/authzen/certification/questions.yaml", &rows)
	w := newAuthZEN(t, "certification", "records")
	for _, row := range rows {
		t.Run(row.Name, func(t *testing.T) { row.check(t, w) })
	}
}

func (row certificationRow) check(t *testing.T, w *world) {
	body, raw := row.Body.(string)
	if !raw {
		body = toJSON(t, row.Body)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/access/v1/"+row.To, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if row.ContentType != "" {
		request.Header.Set("Content-Type", row.ContentType)
	}
	request.Header.Set("X-Request-ID", row.Name)
	answer, text := do(t, request)
	if got := answer.Header.Get("X-Request-ID"); got != row.Name {
		t.Errorf("X-Request-ID %q came back as %q", row.Name, got)
	}
	if row.Status != 0 {
		checkErrorLine(t, answer, text, row.Status)
		return
	}
	if got := summary(t, answer, text); toJSON(t, got) != toJSON(t, row.Want) {
		t.Errorf("POST /access/v1/%s %s\nanswered %s\nthat is %v, want %v", row.To, body, text, got, row.Want)
	}
}

// checkErrorLine holds an error to its status and to being one line of text, from which
// nobody could read a decision.
func checkErrorLine(t *testing.T, answer *http.Response, text []byte, status int) {
	t.Helper()
	line, ended := strings.CutSuffix(string(text), "\n")
	if answer.StatusCode != status || answer.Header.Get("Content-Type") != "text/plain; charset=UTF-8" ||
		!ended || line == "" || strings.ContainsAny(line, "\r\n{") {
		t.Errorf("answered %d with %q: %s\nwant %d and one line of text", answer.StatusCode, answer.Header.Get("Content-Type"), text, status)
	}
}

// summary is what an answer says: a decision, decisions or errors of items, or what was
// found.
func summary(t *testing.T, answer *http.Response, text []byte) any {
	t.Helper()
	type decision struct {
		Decision *bool `json:"decision"`
		Context  struct {
			Error struct {
				Status  int    `json:"status"`
				Message string `json:"message"`
			} `json:"error"`
		} `json:"context"`
	}
	var whole struct {
		decision
		Evaluations []decision          `json:"evaluations"`
		Results     []map[string]string `json:"results"`
	}
	if err := json.Unmarshal(text, &whole); err != nil || answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("answered %d with %q: %s", answer.StatusCode, answer.Header.Get("Content-Type"), text)
	}
	list := []any{}
	for _, d := range whole.Evaluations {
		switch e := d.Context.Error; {
		case e.Status == 0:
			list = append(list, *d.Decision)
		case *d.Decision || e.Message == "":
			t.Errorf("an item error that permits or does not say why: %s", text)
		default:
			list = append(list, e.Status)
		}
	}
	for _, entity := range whole.Results {
		if (entity["type"] == "") != (entity["id"] == "") {
			t.Errorf("an entity without type or id: %s", text)
		}
		list = append(list, entity["id"]+entity["name"])
	}
	if whole.Decision != nil {
		return *whole.Decision
	}
	return list
}

// people are those of the Todo and API gateway scenarios: who asks, and by which email todos
// are theirs.
var people = map[string][2]string{
	"rick":   {"CiRmZDA2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs", "rick@the-citadel.com"},
	"morty":  {"CiRmZDE2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs", "morty@the-citadel.com"},
	"summer": {"CiRmZDI2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs", "summer@the-smiths.com"},
	"beth":   {"CiRmZDM2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs", "beth@the-smiths.com"},
	"jerry":  {"CiRmZDQ2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs", "jerry@the-smiths.com"},
}

// TestAuthZENInterop puts the questions of the interoperability events to a sidecar, one by
// one and boxcarred.
func TestAuthZENInterop(t *testing.T) {
	var rows []struct {
		Type     string         `yaml:"type"`
		Action   string         `yaml:"action"`
		Resource map[string]any `yaml:"resource"`
		Allowed  []string       `yaml:"allowed"`
	}
	readYAML(t, "../testdata/authzen/todo/decisions.yaml", &rows)
	w := newAuthZEN(t, "todo", "todo")
	for name, person := range people {
		own := func(question any) []byte {
			return []byte(strings.ReplaceAll(toJSON(t, question), "OWN\"", person[1]+"\""))
		}
		var together, wanted []any
		for _, row := range rows {
			question := map[string]any{
				"subject": map[string]any{"type": row.Type, "id": person[0]},
				"action":  map[string]any{"name": row.Action}, "resource": row.Resource,
			}
			answer, text := post(t, w.url+"/access/v1/evaluation", own(question), nil)
			want := slices.Contains(row.Allowed, name)
			if got := summary(t, answer, text); got != want {
				t.Errorf("%s: %s\nanswered %s, want %v", name, own(question), text, want)
			}
			together, wanted = append(together, question), append(wanted, want)
		}
		answer, text := post(t, w.url+"/access/v1/evaluations", own(map[string]any{"evaluations": together}), nil)
		if diff := cmp.Diff(any(wanted), summary(t, answer, text)); diff != "" {
			t.Errorf("%s, boxcarred: %s", name, diff)
		}
	}
}

// TestAuthZENInteropSearch searches for subjects, resources and actions as the
// interoperability events do, and finds in each direction what is in their one table.
func TestAuthZENInteropSearch(t *testing.T) {
	var may map[string]map[string][]string // record, action, users
	readYAML(t, "../testdata/authzen/search/results.yaml", &may)
	w := newAuthZEN(t, "search", "search")
	searches := func(what string, question map[string]any, all []string, allowed func(string) bool) {
		t.Helper()
		answer, text := post(t, w.url+"/access/v1/search/"+what, []byte(toJSON(t, question)), nil)
		found := summary(t, answer, text).([]any)
		slices.SortFunc(found, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
		want := []any{}
		for _, name := range all {
			if allowed(name) {
				want = append(want, name)
			}
		}
		if diff := cmp.Diff(want, found); diff != "" {
			t.Errorf("%s: %s: %s", what, toJSON(t, question), diff)
		}
	}
	records := slices.Sorted(maps.Keys(may))
	actions, users := []string{"delete", "edit", "view"}, []string{"alice", "bob", "carol", "dan", "erin", "felix"}
	is := func(user, action, record string) bool { return slices.Contains(may[record][action], user) }
	type object = map[string]any
	for _, record := range records {
		for _, action := range actions {
			searches("subject", object{"subject": object{"type": "user"}, "action": object{"name": action}, "resource": object{"type": "record", "id": record}},
				users, func(user string) bool { return is(user, action, record) })
		}
		for _, user := range users {
			searches("action", object{"subject": object{"type": "user", "id": user}, "resource": object{"type": "record", "id": record}},
				actions, func(action string) bool { return is(user, action, record) })
		}
	}
	for _, user := range users {
		for _, action := range actions {
			searches("resource", object{"subject": object{"type": "user", "id": user}, "action": object{"name": action}, "resource": object{"type": "record"}},
				records, func(record string) bool { return is(user, action, record) })
		}
	}
}

// TestAuthZENSubjectIsTheTokens holds the caller's word about the subject to the token, and
// the token to its two places.
func TestAuthZENSubjectIsTheTokens(t *testing.T) {
	worlds := newWorlds(t)
	c := loadCorpus(t)["document_of_a_person"]
	w, token := worlds.of(t, c), tokenOf(t, c, worlds.keys)
	w.now.Store(c.Now)
	ask := func(id string, context map[string]any, properties map[string]any, header ...string) (*http.Response, []byte) {
		subject := map[string]any{"type": "user", "id": id}
		if properties != nil {
			subject["properties"] = properties
		}
		question := map[string]any{"subject": subject, "action": c.Request["action"], "resource": c.Request["resource"]}
		if context != nil {
			question["context"] = context
		}
		return post(t, w.url+"/access/v1/evaluation", []byte(toJSON(t, question)), http.Header{"X-Subject-Token": header})
	}
	own, with := subjectOf(t, c), func(token any) map[string]any { return map[string]any{"token": token, "seen": true} }
	for name, row := range map[string]struct {
		id         string
		context    map[string]any
		properties map[string]any
		header     []string
		status     int
	}{
		"its own, in the context":         {own, with(token), nil, nil, 200},
		"its own, in the header":          {own, map[string]any{"seen": true}, nil, []string{token}, 200},
		"its own, in both":                {own, with(token), map[string]any{}, []string{token}, 200},
		"another subject":                 {"mallory", with(token), nil, nil, 400},
		"another subject, by the header":  {"mallory", nil, nil, []string{token}, 400},
		"the same in other letters":       {strings.ToUpper(own), with(token), nil, nil, 400},
		"two tokens that differ":          {own, with(token), nil, []string{token + "x"}, 400},
		"the header twice":                {own, nil, nil, []string{token, token}, 400},
		"an empty header":                 {own, nil, nil, []string{""}, 400},
		"an empty token":                  {own, with(""), nil, nil, 400},
		"a token that is an object":       {own, with(map[string]any{"sub": own}), nil, nil, 400},
		"a token that is null":            {own, with(nil), nil, nil, 400},
		"a token in other letters":        {own, map[string]any{"Token": token}, nil, nil, 400},
		"a token under another name":      {own, map[string]any{"access_token": token}, nil, nil, 400},
		"a token with other punctuation":  {own, map[string]any{"Access-Token": token}, nil, nil, 400},
		"evidence with other punctuation": {own, map[string]any{"token": token, "id-token": token}, nil, nil, 400},
		"an ID token alone":               {own, map[string]any{"id_token": token}, nil, nil, 400},
		"properties that nobody verified": {own, with(token), map[string]any{"role": "admin"}, nil, 400},
	} {
		t.Run(name, func(t *testing.T) {
			answer, text := ask(row.id, row.context, row.properties, row.header...)
			if strings.Contains(string(text), token) {
				t.Errorf("the answer shows the token: %s", text)
			}
			if row.status != http.StatusOK {
				checkErrorLine(t, answer, text, row.status)
				if row.id != own && string(text) != access.Because(access.SubjectMismatch).Message+"\n" {
					t.Errorf("refused for another reason: %s", text)
				}
				return
			}
			// The policy mirrors its document.
			document := readAuthZEN(t, text).Obligations[0].(map[string]any)
			if diff := cmp.Diff(map[string]any{"seen": true}, document["context"]); diff != "" {
				t.Errorf("the policy's context (-want +got):\n%s", diff)
			}
			if got := document["subject"].(map[string]any)["id"]; got != own {
				t.Errorf("the policy's subject is %v, want %v", got, own)
			}
		})
	}
	if got := w.last.Decision; got.Outcome == access.Allow {
		t.Errorf("the mirror allowed: %+v", got)
	}
}

// TestAuthZENAssertedSubject shows what a policy learns of a subject without a token, and
// what a caller cannot say of one.
func TestAuthZENAssertedSubject(t *testing.T) {
	worlds := newWorlds(t)
	c := loadCorpus(t)["document_of_nobody"]
	w := worlds.of(t, c)
	w.now.Store(c.Now)
	for name, row := range map[string]struct {
		subject string
		want    string // the policy's subject; empty: 400
	}{
		"a user":          {`{"type":"user","id":"alice","properties":{"role":"admin"}}`, `{"id":"alice","properties":{"role":"admin"},"type":"user"}`},
		"a client":        {`{"type":"client","id":"nightly"}`, `{"id":"nightly","properties":{},"type":"client"}`},
		"an identity":     {`{"type":"identity","id":"alice"}`, `{"id":"alice","properties":{},"type":"user"}`},
		"another type":    {`{"type":"robot","id":"alice"}`, ``},
		"a forged issuer": {`{"type":"user","id":"alice","properties":{"issuer":"https://fabrikam.eu.auth0.com/"}}`, ``},
	} {
		t.Run(name, func(t *testing.T) {
			body := `{"subject":` + row.subject + `,"action":{"name":"GET"},"resource":{"type":"route","id":"/x"},
				"context":{"assurance":{"levels":["mfa"]}}, "assurance":{"levels":["mfa"]}, "now": 1}`
			answer, text := post(t, w.url+"/access/v1/evaluation", []byte(body), nil)
			if row.want == "" {
				checkErrorLine(t, answer, text, http.StatusBadRequest)
				return
			}
			document := readAuthZEN(t, text).Obligations[0].(map[string]any)
			if got := toJSON(t, document["subject"]); got != row.want {
				t.Errorf("the policy's subject is %s, want %s", got, row.want)
			}
			if got, want := toJSON(t, document["assurance"]), `{"age":1795428120,"auth_time":0,"levels":[],"methods":[]}`; got != want {
				t.Errorf("the policy's assurance is %s, want %s", got, want)
			}
		})
	}
}

// TestAuthZENStepUp shows the words of a step-up that are AuthZEN's own.
func TestAuthZENStepUp(t *testing.T) {
	worlds := newWorlds(t)
	c := loadCorpus(t)["keycloak_plain_login_employees"]
	w, token := worlds.of(t, c), tokenOf(t, c, worlds.keys)
	w.now.Store(c.Now)
	question := map[string]any{
		"subject": map[string]any{"type": "user", "id": subjectOf(t, c)}, "action": c.Request["action"], "resource": c.Request["resource"],
	}
	type context struct {
		ACRValues   any   `json:"acr_values"`
		MaxAge      any   `json:"max_age"`
		Obligations []any `json:"obligations"`
	}
	stepUp := context{ACRValues: "2", MaxAge: 3600.0}
	obliged := stepUp
	obliged.Obligations = []any{map[string]any{"id": "step-up", "type": "step-up", "properties": map[string]any{"acr_value": "2"}}}
	for name, row := range map[string]struct {
		supported any
		want      context
	}{
		"as it is":                         {nil, stepUp},
		"a caller that fulfils step-up":    {[]any{"notification", "step-up"}, obliged},
		"a caller that fulfils others":     {[]any{"notification"}, stepUp},
		"a caller that tells nonsense":     {"step-up", stepUp},
		"a caller that tells only objects": {[]any{map[string]any{"type": "step-up"}}, stepUp},
	} {
		t.Run(name, func(t *testing.T) {
			question["context"] = map[string]any{"token": token, "supported_obligations": row.supported}
			_, text := post(t, w.url+"/access/v1/evaluation", []byte(toJSON(t, question)), nil)
			var got struct {
				Decision bool    `json:"decision"`
				Context  context `json:"context"`
			}
			if err := json.Unmarshal(text, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, got.Context); diff != "" || got.Decision {
				t.Errorf("answered %s (-want +got):\n%s", text, diff)
			}
		})
	}
}

// TestAuthZENBatchToken: a context of an item's own replaces the token in the default one,
// which is not taken for a question without a token.
func TestAuthZENBatchToken(t *testing.T) {
	worlds := newWorlds(t)
	c := loadCorpus(t)["page_customers_normal"]
	w, token := worlds.of(t, c), tokenOf(t, c, worlds.keys)
	w.now.Store(c.Now)
	batch := func(context map[string]any, items string, header http.Header) any {
		question := map[string]any{
			"subject": map[string]any{"type": "user", "id": subjectOf(t, c)}, "action": c.Request["action"],
			"resource": c.Request["resource"], "evaluations": json.RawMessage(items),
		}
		if context != nil {
			question["context"] = context
		}
		answer, text := post(t, w.url+"/access/v1/evaluations", []byte(toJSON(t, question)), header)
		return summary(t, answer, text)
	}
	inContext := map[string]any{"token": token}
	inHeader := http.Header{"X-Subject-Token": {token}}
	for name, row := range map[string]struct {
		got  any
		want []any
	}{
		"inherited":                {batch(inContext, `[{}]`, nil), []any{true}},
		"replaced without a token": {batch(inContext, `[{"context":{}}]`, nil), []any{400}},
		"in the header":            {batch(nil, `[{"context":{}},{}]`, inHeader), []any{true, true}},
		"another subject":          {batch(nil, `[{"subject":{"type":"user","id":"mallory"}},{}]`, inHeader), []any{400, true}},
		"another token":            {batch(inContext, `[{"context":{"token":"x"}},{}]`, nil), []any{false, true}},
		"none":                     {batch(nil, `[{}]`, nil), []any{false}},
	} {
		if diff := cmp.Diff(row.want, row.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestAuthZENMetadata tells of searches only where there is something to search.
func TestAuthZENMetadata(t *testing.T) {
	for name, row := range map[string]struct {
		world    *world
		searches []string
	}{
		"entities": {newAuthZEN(t, "certification", "records"), []string{"subject", "resource", "action"}},
		"none":     {newAuthZEN(t, "todo", "todo"), nil},
	} {
		url := row.world.url
		want := map[string]any{
			"policy_decision_point":       url,
			"access_evaluation_endpoint":  url + "/access/v1/evaluation",
			"access_evaluations_endpoint": url + "/access/v1/evaluations",
			"supported_obligations":       []any{"step-up"},
		}
		for _, kind := range row.searches {
			want["search_"+kind+"_endpoint"] = url + "/access/v1/search/" + kind
		}
		answer, text := get(t, url+"/.well-known/authzen-configuration", "")
		var got map[string]any
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%s: %d %s", name, answer.StatusCode, text)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if row.searches == nil {
			answer, text := post(t, url+"/access/v1/search/action", []byte(`{"subject":{"type":"user","id":"a"},"resource":{"type":"r","id":"i"}}`), nil)
			checkErrorLine(t, answer, text, http.StatusNotFound)
		}
	}
	answer, text := get(t, newAuthZEN(t, "todo", "todo").url+"/.well-known/authzen-configuration", `evil.example/"x`)
	if answer.StatusCode != http.StatusBadRequest {
		t.Errorf("a host that is none: %d %s", answer.StatusCode, text)
	}
}

// TestAuthZENTransport shows what is around the bodies.
func TestAuthZENTransport(t *testing.T) {
	w := newAuthZEN(t, "todo", "todo")
	answer, text := get(t, w.url+"/access/v1/evaluation", "")
	checkErrorLine(t, answer, text, http.StatusMethodNotAllowed)
	if got := answer.Header.Get("Allow"); got != "POST" {
		t.Errorf("Allow: %q", got)
	}
	answer, text = post(t, w.url+"/access/v1/evaluation", []byte(strings.Repeat(" ", 2<<20)), nil)
	checkErrorLine(t, answer, text, http.StatusRequestEntityTooLarge)
	for id, want := range map[string]string{
		"a b-c~1": "a b-c~1", strings.Repeat("x", 128): strings.Repeat("x", 128), strings.Repeat("x", 129): "", "ä": "", "a\tb": "",
	} {
		answer, _ := post(t, w.url+"/access/v1/evaluation", []byte(`{}`), http.Header{"X-Request-Id": {id}})
		if got := answer.Header.Get("X-Request-ID"); got != want {
			t.Errorf("X-Request-ID %q came back as %q, want %q", id, got, want)
		}
	}
	for _, body := range []string{`{"token":"x"}`, `{"Token":"x"}`, `{"Context":{"token":"x"}}`, `{"id_token":"x"}`, `{"dpop":{}}`, `{"request":{}}`} {
		whole := `{"subject":{"type":"user","id":"a"},"action":{"name":"x"},"resource":{"type":"r","id":"i"},` + body[1:]
		answer, text := post(t, w.url+"/access/v1/evaluation", []byte(whole), nil)
		checkErrorLine(t, answer, text, http.StatusBadRequest)
	}
}

func get(t *testing.T, url, host string) (*http.Response, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = host
	return do(t, request)
}

func readYAML(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
