package sidecar_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar"
	"stepup/sidecar/policy/fleet/fleettest"
	"stepup/sidecar/token/tokentest"
)

// boards is a policy with further documents, defined and not, of which one has labels and one
// is masked.
const boards = `package boards

default allow := false

allow if input.resource.id == "/board"

# METADATA
# labels: {owner: crm}
names contains input.subject.id

nothing := null if input.resource.id == "/board"

never if input.resource.id == 7

broken := units.parse(input.resource.id)
`

const boardMasks = `package system.log

mask contains {"op": "upsert", "path": "/result/0", "value": "**"} if input.path == "boards/names"

mask contains "/input/token/claims/email"
`

const boardDocuments = "[boards.names, boards.nothing, boards.never, boards.broken]"

// TestDocumentsAreLogged asks for further documents, and a stock OPA, which runs the same
// policy, about the same inputs: each event is the one that OPA logs, but for what two servers
// cannot share. What OPA cannot refuse, a question without a token that holds, is an error.
func TestDocumentsAreLogged(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"boards.rego": boards, "masks.rego": boardMasks} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	service, issuer, at := fleettest.NewLogs(t), tokentest.New(t), time.Now().Add(time.Minute)
	opa := fmt.Sprintf("{services: {sink: {url: %q}}, decision_logs: {service: sink, reporting: {min_delay_seconds: 3600, max_delay_seconds: 3600}}}", service.URL)
	s := start(t, fmt.Sprintf("policy: {path: %q, package: boards, deadline: 30s, documents: %s, opa: %s}\nissuers:\n", dir, boardDocuments, opa)+issuerEntry(issuer),
		func(o *sidecar.Options) { o.RunOPA, o.Now = true, func() time.Time { return at } })
	waitFor(t, "the issuer's keys", func() bool { status, _ := s.ready(); return status == http.StatusOK })
	token := issuer.Token(map[string]any{"amr": []any{"pwd"}, "email": "alice@example.com"})
	expired := issuer.Token(map[string]any{"iat": at.Unix() - 7200, "auth_time": at.Unix() - 7200, "exp": at.Unix() - 3600})
	question := func(token string) string {
		return fmt.Sprintf(`{%s"action":{"name":"GET"},"resource":{"type":"route","id":"/board"},"context":{"seen":%q}}`, token, token)
	}
	type told struct {
		target string
		status int
		id     string
	}
	var asked []told
	ask := func(target, body string) {
		t.Helper()
		status, text := send(t, "http://"+s.http, target, body)
		var got struct {
			ID string `json:"decision_id"`
		}
		_ = json.Unmarshal([]byte(text), &got) // of v0 it may be a list
		asked = append(asked, told{target, status, got.ID})
	}
	for _, name := range []string{"names", "nothing", "never", "broken"} {
		ask("POST /v1/data/boards/"+name, `{"input":`+question(`"token":"`+token+`",`)+`}`)
	}
	ask("POST /v0/data/boards/names", question(`"token":"`+token+`",`))
	ask("POST /v1/data/boards/names", `{"input":`+question("")+`}`)
	ask("POST /v1/data/boards/names", `{"input":`+question(`"token":"`+expired+`",`)+`}`)
	ask("POST /v1/data/boards/elsewhere", `{"input":`+question("")+`}`)
	ask("POST /v1/data/boards/names", `{"input":{"token":7}}`)
	metrics := s.metrics()
	s.stop()
	if err := <-s.stopped; err != nil {
		t.Errorf("Run: %v", err)
	}
	var got []int
	for _, a := range asked {
		got = append(got, a.status)
	}
	if diff := cmp.Diff([]int{200, 200, 200, 500, 200, 403, 403, 200, 400}, got); diff != "" {
		t.Errorf("the statuses (-want +got)\n%s", diff)
	}
	events := eventsOf(t, service)
	if len(events) != 7 {
		t.Fatalf("%d events, want one for each of seven documents: %v", len(events), events)
	}
	for i, e := range events {
		if asked[i].id != e["decision_id"] && !strings.Contains(asked[i].target, "/v0/") {
			t.Errorf("%s was told the id %q, and logged as %v", asked[i].target, asked[i].id, e["decision_id"])
		}
		text := string(asJSONText(t, e))
		if strings.Contains(text, token) || strings.Contains(text, token[strings.LastIndex(token, ".")+1:]) {
			t.Errorf("an event with the token: %s", text)
		}
		if !strings.HasPrefix(fmt.Sprint(e["revision"]), "folder@") {
			t.Errorf("an event without the revision: %s", text)
		}
	}
	checkLikeOPA(t, dir, events[:5])
	for i, code := range []string{"no_credentials", "token_expired"} {
		e := events[5+i]
		custom, _ := e["custom"].(map[string]any)
		told, _ := custom["error"].(map[string]any)
		in, _ := e["input"].(map[string]any)
		if told["code"] != code || e["result"] != nil || e["path"] != "boards/names" || in["token"] != nil || in["subject"] != nil {
			t.Errorf("the event of a refusal: %v, want the code %s and no token", e, code)
		}
	}
	for _, want := range []string{
		`stepup_documents_total{document="boards.names",door="opadata",result="defined"} 2`,
		`stepup_documents_total{document="boards.nothing",door="opadata",result="defined"} 1`,
		`stepup_documents_total{document="boards.never",door="opadata",result="undefined"} 1`,
		`stepup_documents_total{document="boards.broken",door="opadata",result="policy_error"} 1`,
		`stepup_documents_total{document="boards.names",door="opadata",result="no_credentials"} 1`,
		`stepup_documents_total{document="boards.names",door="opadata",result="token_expired"} 1`,
		`stepup_token_verifications_total{issuer="other",result="token_expired"} 1`,
	} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("the metrics have no %s", want)
		}
	}
}

// send sends a body as JSON to a target, such as "POST /x", with further header fields.
func send(t *testing.T, base, target, body string, header ...string) (int, string) {
	t.Helper()
	method, path, _ := strings.Cut(target, " ")
	request, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	answer, text := do(t, request)
	return answer.StatusCode, string(text)
}

func eventsOf(t *testing.T, service *fleettest.Logs) []map[string]any {
	t.Helper()
	var all []map[string]any
	for _, text := range service.Events() {
		var e map[string]any
		if err := json.Unmarshal(text, &e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// checkLikeOPA asks a stock OPA what the events tell was asked, masked as they are, and
// compares its events with them.
func checkLikeOPA(t *testing.T, dir string, events []map[string]any) {
	t.Helper()
	service := fleettest.NewLogs(t)
	config := filepath.Join(t.TempDir(), "opa.json")
	if err := os.WriteFile(config, asJSONText(t, service.Config(map[string]any{"min_delay_seconds": 1, "max_delay_seconds": 1})), 0o600); err != nil {
		t.Fatal(err)
	}
	opa := startOPAWith(t, "--config-file", config, dir)
	for _, e := range events {
		in := asJSONText(t, withEmail(e["input"]))
		call(t, opa, "POST /v1/data/"+fmt.Sprint(e["path"])+"?strict-builtin-errors", string(in))
	}
	waitFor(t, "OPA's events", func() bool { return len(service.Events()) >= len(events) })
	for i, theirs := range eventsOf(t, service) {
		if diff := cmp.Diff(shared(theirs), shared(events[i])); diff != "" {
			t.Errorf("the event of %v (-OPA +sidecar)\n%s", events[i]["path"], diff)
		}
	}
}

// withEmail is the input as it was before it was masked.
func withEmail(in any) any {
	var whole map[string]any
	text, _ := json.Marshal(in)
	_ = json.Unmarshal(text, &whole)
	whole["token"].(map[string]any)["claims"].(map[string]any)["email"] = "alice@example.com"
	return whole
}

// shared is what two servers have in common of an event. Of an error it is that there is one:
// ours has a code in place of what the policy's author alone should read, and stands where OPA can read it again.
func shared(e map[string]any) map[string]any {
	custom, _ := e["custom"].(map[string]any)
	common := map[string]any{"error": e["error"] != nil || custom["error"] != nil}
	for _, name := range []string{"path", "input", "result", "rule_labels", "erased", "masked"} {
		if value, there := e[name]; there {
			common[name] = value
		}
	}
	return common
}
