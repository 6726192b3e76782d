package native_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
	"stepup/sidecar/protocol/native"
)

func seconds(n int64) *int64 { return &n }

var signedIn = access.Assurance{Level: "normal", Levels: []string{"normal"}, Methods: []string{"pwd"}, AuthTime: 1795428000, Told: true}

// A decision is written exactly so, its members in this order.
func TestRender(t *testing.T) {
	rows := []struct {
		name string
		d    access.Decision
		want string
	}{
		{"allow", access.Decision{ID: "d-1", Outcome: access.Allow, Revision: "folder@1", Assurance: signedIn, ValidUntil: 1795428180,
			Obligations: []access.Object{{"log": json.Number("1.0"), "a": "<b>"}}, Headers: map[string]string{"x-stepup-user": "alice", "x-stepup-a": "-"}},
			`{"outcome":"allow","decision":true,"decision_id":"d-1","revision":"folder@1","reasons":[],
			"assurance":{"level":"normal","levels":["normal"],"methods":["pwd"],"auth_time":1795428000},
			"obligations":[{"a":"<b>","log":1.0}],"headers":{"x-stepup-a":"-","x-stepup-user":"alice"},
			"http":{"status":200,"www_authenticate":[]},"valid_until":1795428180}`},
		{"deny", access.Decision{ID: "d-2", Outcome: access.Deny, Revision: "folder@1", Assurance: signedIn, ValidUntil: 7,
			Reasons:     []access.Reason{access.Because(access.NotAllowed), {Code: "fabrikam/closed", Message: "Closed on Sundays."}},
			Obligations: []access.Object{{"tell": "bob"}}, Headers: map[string]string{"x-stepup-user": "alice"}},
			`{"outcome":"deny","decision":false,"decision_id":"d-2","revision":"folder@1",
			"reasons":[{"code":"not_allowed","message":"This is not allowed."},{"code":"fabrikam/closed","message":"Closed on Sundays."}],
			"assurance":{"level":"normal","levels":["normal"],"methods":["pwd"],"auth_time":1795428000},
			"obligations":[{"tell":"bob"}],"http":{"status":403,"www_authenticate":[]},"valid_until":7}`},
		{"a policy's own reason first", access.Decision{ID: "d-3", Reasons: []access.Reason{{Code: "fabrikam/closed"}}},
			`{"outcome":"deny","decision":false,"decision_id":"d-3","revision":"","reasons":[{"code":"fabrikam/closed","message":""}],
			"assurance":{"level":"none","levels":[],"methods":[],"auth_time":0},"http":{"status":403,"www_authenticate":[]}}`},
		{"no token", access.Decision{ID: "d-4", Assurance: access.NoAssurance(), Reasons: []access.Reason{access.Because(access.NoCredentials)},
			Challenges: access.RefusalChallenges(access.NoCredentials)},
			`{"outcome":"deny","decision":false,"decision_id":"d-4","revision":"",
			"reasons":[{"code":"no_credentials","message":"No credentials were presented."}],
			"assurance":{"level":"none","levels":[],"methods":[],"auth_time":0},"http":{"status":401,"www_authenticate":["Bearer"]}}`},
		{"bad token", access.Decision{ID: "d-5", Assurance: access.NoAssurance(), Reasons: []access.Reason{access.Because(access.TokenExpired)},
			Challenges: access.RefusalChallenges(access.TokenExpired)},
			`{"outcome":"deny","decision":false,"decision_id":"d-5","revision":"",
			"reasons":[{"code":"token_expired","message":"The token was not accepted."}],
			"assurance":{"level":"none","levels":[],"methods":[],"auth_time":0},
			"http":{"status":401,"www_authenticate":["Bearer error=\"invalid_token\", error_description=\"The token was not accepted.\""]}}`},
		{"a step-up's code on a deny", access.Decision{ID: "d-6", Assurance: signedIn, Reasons: []access.Reason{access.Because(access.LoginTimeUnknown)}},
			`{"outcome":"deny","decision":false,"decision_id":"d-6","revision":"",
			"reasons":[{"code":"login_time_unknown","message":"It is not known when you signed in."}],
			"assurance":{"level":"normal","levels":["normal"],"methods":["pwd"],"auth_time":1795428000},"http":{"status":403,"www_authenticate":[]}}`},
		{"the zero decision refuses", access.Decision{},
			`{"outcome":"deny","decision":false,"decision_id":"","revision":"","reasons":[],
			"assurance":{"level":"none","levels":[],"methods":[],"auth_time":0},"http":{"status":403,"www_authenticate":[]}}`},
		{"step-up", stepUp(),
			`{"outcome":"step_up","decision":false,"decision_id":"d-7","revision":"demonstration@3f2c",
			"reasons":[{"code":"level_too_low","message":"A stronger sign-in is required."}],
			"assurance":{"level":"normal","levels":["normal"],"methods":["pwd"],"auth_time":1795428000},
			"step_up":{"level":"mfa","max_age":3600,"acr_values":[],"authorization_request":{"max_age":"3600","scope":"openid step_up"},
			"alternatives":[{"level":"phr","acr_values":["phr"],"authorization_request":{"acr_values":"phr"}}]},
			"http":{"status":401,"www_authenticate":["Bearer error=\"insufficient_user_authentication\", max_age=\"3600\", scope=\"openid step_up\""]}}`},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			srv := serve(t, always(row.d))
			resp := post(t, srv.URL+"/v1/decision", body(`{A,R}`))
			got := read(t, resp)
			if want := oneLine(row.want); resp.StatusCode != 200 || got != want {
				t.Errorf("status %d\n got %s\nwant %s", resp.StatusCode, got, want)
			}
			if ct := resp.Header.Get("Content-Type"); ct != "application/json" {
				t.Errorf("Content-Type %q, want application/json", ct)
			}
			checkUncached(t, resp)
			checkSchema(t, "Decision", got)
		})
	}
}

func stepUp() access.Decision {
	return access.Decision{ID: "d-7", Outcome: access.StepUp, Revision: "demonstration@3f2c", Assurance: signedIn, ValidUntil: 9,
		Reasons: []access.Reason{access.Because(access.LevelTooLow)},
		StepUp: &access.StepUpAdvice{Level: "mfa", MaxAge: seconds(3600),
			AuthorizationRequest: map[string]string{"scope": "openid step_up", "max_age": "3600"},
			Alternatives:         []access.StepUpAdvice{{Level: "phr", ACRValues: []string{"phr"}, AuthorizationRequest: map[string]string{"acr_values": "phr"}}}},
		Challenges: []access.Challenge{{Scheme: "Bearer", Error: "insufficient_user_authentication", MaxAge: seconds(3600), Scope: []string{"openid", "step_up"}}}}
}

func always(d access.Decision) decide {
	return func(context.Context, access.Request) access.Decision { return d }
}

// oneLine joins lines that were broken for reading.
func oneLine(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "")
}

// A fault is told with the status of its code, never as a decision.
func TestFaults(t *testing.T) {
	because := func(code access.Code) access.Decision {
		return access.Decision{ID: "d-9", Outcome: access.Indeterminate, Reasons: []access.Reason{access.Because(code)}}
	}
	rows := []struct {
		name   string
		d      access.Decision
		status int
		code   string
		retry  string
	}{
		{"keys", because(access.KeysUnavailable), 503, "keys_unavailable", "2"},
		{"not ready", because(access.NotReady), 503, "not_ready", "2"},
		{"deadline", because(access.PolicyTimeout), 503, "policy_timeout", "2"},
		{"overload", because(access.Overloaded), 503, "overloaded", "2"},
		{"contract", because(access.PolicyContract), 500, "policy_contract", ""},
		{"evaluation", because(access.PolicyError), 500, "policy_error", ""},
		{"no reason", access.Decision{ID: "d-9", Outcome: access.Indeterminate}, 500, "", ""},
		{"a reason that is no fault", because(access.NotAllowed), 500, "", ""},
		{"an unknown outcome", access.Decision{ID: "d-9", Outcome: 9}, 500, "", ""},
		{"a step-up without a login", access.Decision{ID: "d-9", Outcome: access.StepUp}, 500, "", ""},
		{"a challenge that would end the field", access.Decision{ID: "d-9", Challenges: []access.Challenge{{Scheme: "Bearer", Error: "a\r\nSet-Cookie: b"}}}, 500, "", ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			srv := serve(t, always(row.d))
			resp := post(t, srv.URL+"/v1/decision", body(`{A,R}`))
			if got := resp.Header.Get("Retry-After"); got != row.retry {
				t.Errorf("Retry-After %q, want %q", got, row.retry)
			}
			doc := problem(t, resp, row.status)
			var code string
			if len(doc.Reasons) > 0 {
				code = doc.Reasons[0].Code
			}
			if code != row.code || (row.code != "" && doc.DecisionID != "d-9") {
				t.Errorf("got %+v, want code %q of d-9", doc, row.code)
			}

			resp = post(t, srv.URL+"/v1/decisions", `{"requests":[`+body(`{A,R}`)+`]}`)
			text := read(t, resp)
			checkSchema(t, "Decisions", text)
			if want, _ := json.Marshal(doc); resp.StatusCode != 200 || text != `{"decisions":[`+string(want)+`]}` {
				t.Errorf("as an item: status %d: %s, want the same problem %s", resp.StatusCode, text, want)
			}
		})
	}
}

func TestPanicIsAFault(t *testing.T) {
	srv := serve(t, decide(func(context.Context, access.Request) access.Decision { panic("token " + secret) }))
	for _, path := range []string{"/v1/decision", "/v1/decisions"} {
		asked := body(`{A,R}`)
		if path == "/v1/decisions" {
			asked = `{"requests":[` + asked + `]}`
		}
		doc := problem(t, post(t, srv.URL+path, asked), http.StatusInternalServerError)
		checkTellsNoToken(t, doc)
	}
}

// named allows the action "yes" and refuses everything else, telling who asked what.
var named = decide(func(_ context.Context, r access.Request) access.Decision {
	d := access.Decision{Assurance: access.NoAssurance(), ID: strings.Join([]string{
		r.Credential.Reveal(), r.Action.Name, r.Resource.ID, describe(r.Context), path(r.HTTP)}, " ")}
	if r.Action.Name == "yes" {
		d.Outcome = access.Allow
	}
	return d
})

func describe(o access.Object) string {
	text, _ := json.Marshal(o)
	return string(text)
}

func path(r *access.HTTPRequest) string {
	if r == nil {
		return "-"
	}
	return r.Path
}

type item struct {
	Outcome    string
	Decision   bool
	DecisionID string `json:"decision_id"`
	Status     int
	Detail     string
}

func TestBatch(t *testing.T) {
	deny := func(id string) item { return item{Outcome: "deny", DecisionID: id} }
	allow := func(id string) item { return item{Outcome: "allow", Decision: true, DecisionID: id} }
	wrong := func(detail string) item { return item{Outcome: "deny", Status: 400, Detail: detail} }
	rows := []struct {
		name, body string
		want       []item
	}{
		{"each on its own, in order",
			`{"requests":[{"token":"t","action":{"name":"yes"},"resource":{"type":"r","id":"1"}},{"action":{"name":"no"},"resource":{"type":"r","id":"2"}},{"action":{"name":"yes"},"resource":{"type":"r","id":"3"}}]}`,
			[]item{allow("t yes 1 null -"), deny(" no 2 null -"), allow(" yes 3 null -")}},
		{"defaults, before and after",
			`{"token":"t","action":{"name":"yes"},"requests":[{"resource":{"type":"r","id":"1"}},{"action":{"name":"no"},"resource":{"type":"r","id":"2"}}],"context":{"a":1},"request":{"path":"/p"}}`,
			[]item{allow(`t yes 1 {"a":1} /p`), deny(`t no 2 {"a":1} /p`)}},
		{"everything by default", `{"action":{"name":"yes"},"resource":{"type":"r","id":"1"},"requests":[{},{}]}`,
			[]item{allow(" yes 1 null -"), allow(" yes 1 null -")}},
		{"a default is a whole member", `{"action":{"name":"yes"},"resource":{"type":"r","id":"1"},"context":{"a":1,"b":2},"requests":[{"context":{"b":3}},{"resource":{"type":"r"}},{"context":{}},{"request":{}}]}`,
			[]item{allow(` yes 1 {"b":3} -`), wrong("/requests/1/resource/id is required"), allow(" yes 1 {} -"), allow(` yes 1 {"a":1,"b":2} -`)}},
		{"a faulty item is an item",
			`{"action":{"name":"yes"},"resource":{"type":"r","id":"1"},"requests":[null,1,[],{"token":null},{"tokn":"x"},{"subject":{}},{"id_token":"x"},{"requests":[]},{"context":{"a":1e999}},{}]}`,
			[]item{wrong("/requests/0 must be an object, not null"), wrong("/requests/1 must be an object, not a number"), wrong("/requests/2 must be an object, not an array"),
				wrong("/requests/3/token must be a string, not null"), wrong(`/requests/4/tokn is not a known member: did you mean "token"?`),
				wrong("/requests/5/subject is not taken from the request: the subject comes from the token, leave it out"),
				wrong("/requests/6/token is required"),
				wrong("/requests/7/requests belongs at the top of a body for /v1/decisions, which answers several questions at once"),
				wrong("/requests/8/context/a must be a number within the range of a double"), allow(" yes 1 null -")}},
		{"nothing required anywhere", `{"requests":[{}]}`, []item{wrong("/requests/0/action is required")}},
		{"an item that is nested too deeply", `{"action":{"name":"yes"},"resource":{"type":"r","id":"1"},"requests":[{"context":{"a":` + strings.Repeat("[", 29) + strings.Repeat("]", 29) + `}},{}]}`,
			[]item{wrong("the body is nested too deeply: at most 32 objects and arrays within one another"), allow(" yes 1 null -")}},
		{"an item that is nested as deeply as allowed", `{"action":{"name":"no"},"resource":{"type":"r","id":"1"},"requests":[{"context":{},"request":{"query":{}}},{"context":` + strings.Repeat(`{"a":`, 28) + `{}` + strings.Repeat("}", 28) + `}]}`,
			[]item{deny(" no 1 {} "), deny(" no 1 " + strings.Repeat(`{"a":`, 28) + `{}` + strings.Repeat("}", 28) + " -")}},
	}
	srv := serve(t, named)
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			resp := post(t, srv.URL+"/v1/decisions", row.body)
			text := read(t, resp)
			if resp.StatusCode != 200 {
				t.Fatalf("status %d: %s", resp.StatusCode, text)
			}
			checkUncached(t, resp)
			checkSchema(t, "Decisions", text)
			var got struct{ Decisions []item }
			if err := json.Unmarshal([]byte(text), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, got.Decisions); diff != "" {
				t.Errorf("items differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBatchRefused(t *testing.T) {
	items := func(n int) string {
		return `{"action":{"name":"yes"},"resource":{"type":"r","id":"1"},"requests":[` + strings.TrimSuffix(strings.Repeat("{},", n), ",") + `]}`
	}
	rows := []struct{ name, body, detail string }{
		{"nothing", ``, "the body is empty"},
		{"an array", `[{}]`, "the body must be an object, not an array"},
		{"no requests", `{}`, "/requests is required"},
		{"one question alone", body(`{A,R}`), "/requests is required"},
		{"empty requests", items(0), "/requests must have at least one item"},
		{"null requests", `{"requests":null}`, "/requests must be an array, not null"},
		{"requests object", `{"requests":{}}`, "/requests must be an array, not an object"},
		{"one too many", items(101), "/requests must have at most 100 items"},
		{"requests twice", `{"requests":[{}],"requests":[{}]}`, "/requests is given twice"},
		{"a faulty default", `{"token":null,"requests":[{}]}`, "/token must be a string, not null"},
		{"an empty default", `{"token":"","requests":[{}]}`, "/token must not be empty"},
		{"an unknown default", `{"tokn":"x","requests":[{}]}`, `/tokn is not a known member: did you mean "token"?`},
		{"requests misspelt", `{"request s":[{}]}`, `did you mean "requests"?`},
		{"requests in another case", `{"Requests":[{}]}`, `did you mean "requests"?`},
		{"AuthZEN's word", `{"evaluations":[{}]}`, "/evaluations is not a known member"},
		{"subject by default", `{"subject":{},"requests":[{}]}`, "the subject comes from the token"},
		{"a duplicate name inside an item", `{"requests":[{},{"context":{"a":1,"a":2}}]}`, "/requests/1/context/a is given twice"},
		{"an item that is not JSON", `{"requests":[{},{"a":tru}]}`, "not valid JSON at byte"},
		{"cut off", `{"requests":[{}`, "ends too early"},
		{"something after", `{"requests":[{}]}{}`, "must end after its first JSON value"},
		{"no comma between items", `{"requests":[{}{}]}`, "not valid JSON"},
	}
	srv, requests := asked(t)
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			doc := problem(t, post(t, srv.URL+"/v1/decisions", row.body), http.StatusBadRequest)
			if !strings.Contains(doc.Detail, row.detail) {
				t.Errorf("detail %q, want %q in it", doc.Detail, row.detail)
			}
		})
	}
	if len(*requests) != 0 {
		t.Errorf("%d questions of malformed batches were asked", len(*requests))
	}
	if resp := post(t, srv.URL+"/v1/decisions", items(100)); resp.StatusCode != 200 || len(*requests) != 100 {
		t.Errorf("100 items: status %d, asked %d", resp.StatusCode, len(*requests))
	}
}

// Without HTTP the answer has the status and the body that it has with it.
func TestAsk(t *testing.T) {
	rows := []struct {
		name, body string
		d          access.Decision
	}{
		{"a decision", body(`{A,R}`), stepUp()},
		{"a fault", body(`{A,R}`), access.Decision{ID: "d-9", Outcome: access.Indeterminate, Reasons: []access.Reason{access.Because(access.KeysUnavailable)}}},
		{"a fault of ours", body(`{A,R}`), access.Decision{Outcome: 9}},
		{"a malformed request", `{"tokn":1}`, access.Decision{Outcome: access.Allow}},
	}
	for _, row := range rows {
		resp := post(t, serve(t, always(row.d)).URL+"/v1/decision", row.body)
		want := read(t, resp)
		status, got, err := native.New(native.Config{Decider: always(row.d)}).Ask(t.Context(), []byte(row.body))
		if err != nil || status != resp.StatusCode || string(got) != want {
			t.Errorf("%s: Ask = %d %s, %v, want %d %s", row.name, status, got, err, resp.StatusCode, want)
		}
	}
}
