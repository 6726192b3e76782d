package sidecar_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar"
	"stepup/sidecar/access"
	"stepup/sidecar/token/tokentest"
)

// orders is a policy whose way to an answer is worth telling, with a document beside it.
const orders = `package shop

default allow := false

limit := data.limits.age

allow if {
	input.resource.id == "/orders"
	fresh
}

allow if {
	trace(sprintf("%s asks", [input.subject.id]))
	"mfa" in input.assurance.levels
}

fresh if input.assurance.age <= limit

pages contains page if {
	some page in ["/orders", "/refunds"]
	fresh
}

parts := split(input.context.seen, ".") if input.resource.id == "/parts"

heavy := {x | some x in numbers.range(1, 30000)} if input.resource.id == "/heavy"

large := [x | some y in numbers.range(1, 200); x := [input.context.large, y]] if input.resource.id == "/large"
`

func shopFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"shop.rego": orders, "data.json": `{"limits":{"age":600}}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// admins runs a sidecar with a listener for administrators; more is configuration that stands
// beside policy and issuers.
func admins(t *testing.T, more string, change ...func(*sidecar.Options)) (s *running, admin string, issuer *tokentest.Issuer) {
	t.Helper()
	issuer, admin = tokentest.New(t), free(t)
	s = start(t, fmt.Sprintf("admin: {address: %q}\nhttp: {address: %q}\npolicy: {path: %q, package: shop, builtins: [trace], documents: [shop.pages, shop.never, shop.parts, shop.heavy, shop.large], deadline: 30s}\n%s\nissuers:\n",
		admin, free(t), shopFolder(t), more)+issuerEntry(issuer), change...)
	waitFor(t, "the issuer's keys", func() bool { status, _ := s.ready(); return status == http.StatusOK })
	return s, "http://" + admin, issuer
}

func inputOf(token, resource string) string {
	return fmt.Sprintf(`{"token":%q,"action":{"name":"GET"},"resource":{"type":"route","id":%q}}`, token, resource)
}

// TestExplainLikeOPA compares what an administrator is told with what a stock OPA tells, which
// runs the same policy and is given the same documents: in every mode, raw and in lines, of
// the boolean, the package and a further document.
func TestExplainLikeOPA(t *testing.T) {
	var document lastDocument
	at := time.Now().Add(time.Minute) // no token is of the future, however long the start takes
	s, admin, issuer := admins(t, "", func(o *sidecar.Options) { o.Recorder, o.Now = &document, func() time.Time { return at } })
	opa := startOPA(t, shopFolder(t))
	for _, token := range []string{login(issuer), issuer.Token(map[string]any{"amr": []any{"pwd", "otp", "mfa"}, "auth_time": at.Unix() - 7200})} {
		for _, resource := range []string{"/orders", "/refunds"} {
			for _, mode := range []string{"notes", "fails", "full", "debug"} {
				for _, lines := range []string{"", "&pretty"} {
					for _, path := range []string{"/v1/data/shop/allow", "/v1/data/shop/pages", "/v1/data/shop"} {
						target := "POST " + path + "?strict-builtin-errors&explain=" + mode + lines
						status, ours := send(t, admin, target, `{"input":`+inputOf(token, resource)+`}`)
						if path == "/v1/data/shop/pages" {
							send(t, "http://"+s.http, "POST /v1/data/shop/allow", `{"input":`+inputOf(token, resource)+`}`)
						}
						_, theirs := send(t, opa, target, `{"input":`+string(asJSONText(t, document.object))+`}`)
						if diff := cmp.Diff(explained(t, theirs), explained(t, ours)); diff != "" || status != http.StatusOK {
							t.Errorf("%s about %s: %d (-OPA +sidecar)\n%s", target, resource, status, diff)
						}
					}
				}
			}
		}
	}
}

// explained is the explanation of an answer, without what no two servers share.
func explained(t *testing.T, text string) any {
	t.Helper()
	var answer struct {
		Explanation any `json:"explanation"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	lines, ok := answer.Explanation.([]any)
	if !ok {
		t.Fatalf("no explanation: %s", text)
	}
	for i, line := range lines {
		switch line := line.(type) {
		case string: // the file's name stands in front, and may be cut short
			_, rest, _ := strings.Cut(line, " ")
			lines[i] = strings.TrimSpace(rest)
		case map[string]any: // whose locals come in any order
			locals, _ := line["locals"].([]any)
			slices.SortFunc(locals, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
	}
	return lines
}

// TestExplainIsForAdmins: nobody else is told a step, at any path of the door, whoever they
// are, also where the same answer is kept.
func TestExplainIsForAdmins(t *testing.T) {
	key := func(name string) string { return strings.Repeat(name, 8) + "0123456789abcdef" }
	callers := "callers: ["
	for name, doors := range map[string]string{"app": "[native, opadata]", "boss": "[admin]", "both": "[admin, opadata]"} {
		callers += fmt.Sprintf("{name: %s, key_hash: 'sha256:%x', doors: %s}, ", name, sha256.Sum256([]byte(key(name))), doors)
	}
	s, admin, issuer := admins(t, callers+"]")
	token := login(issuer)
	targets := []string{
		"POST /v1/data/shop/allow", "POST /v1/data/shop", "POST /v1/data/shop/pages", "POST /v1/data/shop/nothing", "POST /v1/data",
		"POST /v0/data/shop/allow", "POST /v0/data/shop", "POST /v0/data/shop/pages", "POST /", "GET /v1/data/shop/allow",
	}
	for _, row := range []struct {
		who, key, base string
		without, with  int // the statuses without and with explain
	}{
		{"a caller of the Data API", key("app"), "http://" + s.http, 200, 403},
		{"an administrator at the callers' listener", key("both"), "http://" + s.http, 200, 403},
		{"an administrator who is no caller, there", key("boss"), "http://" + s.http, 403, 403},
		{"nobody", "", "http://" + s.http, 401, 401},
		{"somebody with a wrong key", key("else"), "http://" + s.http, 401, 401},
		{"a caller at the administrators' listener", key("app"), admin, 403, 403},
		{"nobody at the administrators' listener", "", admin, 401, 401},
		{"somebody with a wrong key, there", key("else"), admin, 401, 401},
		{"an administrator", key("boss"), admin, 200, 200},
		{"an administrator who is a caller too", key("both"), admin, 200, 200},
	} {
		for _, target := range targets {
			_, path, _ := strings.Cut(target, " ")
			body := `{"input":` + inputOf(token, "/orders") + `}`
			if strings.HasPrefix(path, "/v0") || path == "/" {
				body = inputOf(token, "/orders")
			}
			header := []string{}
			if row.key != "" {
				header = []string{"Authorization", "Bearer " + row.key}
			}
			more := "?"
			if strings.HasPrefix(target, "GET") {
				more, body = "?input="+strings.NewReplacer(`"`, "%22", "{", "%7B", "}", "%7D").Replace(inputOf(token, "/orders"))+"&", ""
			}
			for query, want := range map[string]int{"explain=off": row.without, "explain=full": row.with, "pretty&explain=notes": row.with, "explain=off&explain=debug": row.with} {
				status, text := send(t, row.base, target+more+query, body, header...)
				if status != want {
					t.Errorf("%s: %s%s%s = %d %s, want %d", row.who, target, more, query, status, text, want)
				}
				// OPA has no place for it beside the bare result of v0.
				told, may := strings.Contains(text, `"explanation"`), want == 200 && query != "explain=off" && strings.HasPrefix(path, "/v1/data/shop") && path != "/v1/data/shop/nothing"
				if told != may || !may && strings.Contains(text, "query_id") {
					t.Errorf("%s: %s%s%s tells %s, want an explanation: %t", row.who, target, more, query, text, may)
				}
			}
		}
	}
	if status, text := send(t, admin, "POST /v1/data/shop/allow?explain=Full", `{"input":{}}`, "Authorization", "Bearer "+key("boss")); status != 400 || !strings.Contains(text, "notes, fails, full, debug, off") {
		t.Errorf("a mode that is none: %d %s", status, text)
	}
}

// TestExplainAnew: an answer that is kept is found out anew to be explained, by the clock and
// the token of now; it is a decision like any other, and nothing is kept of it.
func TestExplainAnew(t *testing.T) {
	kept := &keptRecords{}
	s, admin, issuer := admins(t, "", func(o *sidecar.Options) { o.Recorder = kept })
	body := `{"input":` + inputOf(issuer.Token(map[string]any{"amr": []any{"pwd"}, "auth_time": time.Now().Unix() - 60}), "/orders") + `}`
	hits := func() string {
		var lines []string
		for line := range strings.Lines(s.metrics()) {
			if strings.HasPrefix(line, "stepup_kept_total") {
				lines = append(lines, line)
			}
		}
		return strings.Join(lines, "")
	}
	for range 3 {
		send(t, "http://"+s.http, "POST /v1/data/shop/allow", body)
	}
	before := hits()
	if !strings.Contains(before, `{cache="answers",result="hit"} `) {
		t.Fatalf("nothing is kept: %s", before)
	}
	for range 2 {
		status, text := send(t, admin, "POST /v1/data/shop/allow?explain=full&provenance&metrics", body)
		var got struct {
			ID          string `json:"decision_id"`
			Result      bool
			Explanation []any
			Provenance  struct{ Bundles map[string]any }
			Metrics     map[string]any
		}
		if err := json.Unmarshal([]byte(text), &got); err != nil || status != 200 || !got.Result || len(got.Explanation) < 5 || len(got.Provenance.Bundles) != 1 || len(got.Metrics) != 2 {
			t.Fatalf("explained: %d %s", status, text)
		}
		kept.mu.Lock()
		last := kept.all[len(kept.all)-1]
		kept.mu.Unlock()
		if last.Decision.ID != got.ID || last.Decision.Outcome != access.Allow || last.Request.Door != "opadata" {
			t.Errorf("recorded %+v for the answer %s", last.Decision, got.ID)
		}
	}
	if after := hits(); after != before {
		t.Errorf("an explanation looked at what is kept:\n%s\nthen\n%s", before, after)
	}
	// Of a token that does not hold nothing is explained, and nothing told.
	for _, path := range []string{"/v1/data/shop/allow", "/v1/data/shop", "/v1/data/shop/pages"} {
		for _, token := range []string{"a.b.c", issuer.Token(map[string]any{"iat": 1, "exp": 2, "email": "eve@example.com"})} {
			status, text := send(t, admin, "POST "+path+"?explain=full", `{"input":`+inputOf(token, "/orders")+`}`)
			if strings.Contains(text, "explanation") || strings.Contains(text, "eve@") || status != 200 && status != 403 {
				t.Errorf("%s with a token that does not hold: %d %s", path, status, text)
			}
		}
	}
}

// TestExplainTellsNoCredential: whatever the caller puts where, and whatever the rules make of
// it, no step has a token or a part of one.
func TestExplainTellsNoCredential(t *testing.T) {
	_, admin, issuer := admins(t, "headers: {forward: [accept]}")
	token, other := login(issuer), issuer.Token(map[string]any{"sub": "bob"})
	body := fmt.Sprintf(`{"input":{"token":%q,"action":{"name":"GET"},"resource":{"type":"route","id":"/parts"},
		"request":{"method":"GET","path":"/parts","headers":{"accept":["x"],"cookie":["session=crumbs-of-a-session"],"dpop":["a-proof-of-a-key"]},"query":{"access_token":["opaque-in-the-query"]}},
		"context":{"seen":%q,"bob":"Bearer %s","password":"hunter-of-secrets"}}}`, token, token, other)
	for _, path := range []string{"/v1/data/shop/parts", "/v1/data/shop", "/v1/data/shop/allow"} {
		for _, query := range []string{"?explain=full", "?explain=debug", "?explain=debug&pretty", "?explain=fails"} {
			status, text := send(t, admin, "POST "+path+query, body)
			var answer struct{ Explanation json.RawMessage }
			if err := json.Unmarshal([]byte(text), &answer); err != nil || status != 200 || len(answer.Explanation) < 2 {
				t.Fatalf("%s%s: %d %s", path, query, status, text)
			}
			secrets := []string{"crumbs-of-a-session", "a-proof-of-a-key", "opaque-in-the-query", "hunter-of-secrets"}
			for _, text := range []string{token, other} {
				parts := strings.Split(text, ".")
				secrets = append(secrets, parts[1], parts[2])
			}
			for _, secret := range secrets {
				if strings.Contains(string(answer.Explanation), secret) {
					t.Errorf("%s%s tells %q: %s", path, query, secret, answer.Explanation)
				}
			}
		}
	}
}

// TestExplainHasLimits: what would be too much to tell is an error that says so, whatever a
// question makes the policy do.
func TestExplainHasLimits(t *testing.T) {
	_, admin, issuer := admins(t, "")
	token := login(issuer)
	for name, row := range map[string]struct{ path, body string }{
		"too many steps": {"/v1/data/shop/heavy", inputOf(token, "/heavy")},
		"too much told":  {"/v1/data/shop/large", strings.Replace(inputOf(token, "/large"), `{`, `{"context":{"large":"`+strings.Repeat("x", 100_000)+`"},`, 1)},
	} {
		if status, text := send(t, admin, "POST "+row.path, `{"input":`+row.body+`}`); status != 200 {
			t.Errorf("%s, without an explanation: %d %s", name, status, text)
		}
		status, text := send(t, admin, "POST "+row.path+"?explain=full", `{"input":`+row.body+`}`)
		if status != 500 || !strings.Contains(text, "The explanation is too long") || !strings.Contains(text, `"decision_id"`) || strings.Contains(text, `"explanation"`) {
			t.Errorf("%s: %d %.300s", name, status, text)
		}
	}
}

// TestAdminListener: it answers the Data API alone, by an address or as localhost, so that no
// page of another name can read it in an administrator's browser; a socket has no names.
func TestAdminListener(t *testing.T) {
	_, admin, issuer := admins(t, "")
	body := `{"input":` + inputOf(login(issuer), "/orders") + `}`
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(admin, "http://"))
	for host, want := range map[string]int{
		"127.0.0.1:" + port: 200, "localhost:" + port: 200, "LOCALHOST": 200, "[::1]:" + port: 200, "[::1]": 200,
		"evil.example": 403, "evil.example:" + port: 403, "localhost.evil.example": 403, "127.0.0.1.evil.example": 403, "evil": 403,
	} {
		if status, text := sendAs(t, http.DefaultClient, admin, host, "/v1/data/shop/allow?explain=full", body); status != want || (want == 200) != strings.Contains(text, "explanation") {
			t.Errorf("asked as %q: %d %.200s, want %d", host, status, text, want)
		}
	}
	for _, path := range []string{"/v1/decision", "/access/v1/evaluation", "/openapi.yaml", "/gw/nginx", "/v1/query", "/v1/policies", "/metrics"} {
		if status, text := send(t, admin, "POST "+path, "{}"); status != http.StatusNotFound {
			t.Errorf("%s: %d %s, want 404", path, status, text)
		}
	}
	for _, method := range []string{"PUT", "PATCH", "DELETE"} {
		if status, _ := send(t, admin, method+" /v1/data/shop/allow", "{}"); status != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d, want 405", method, status)
		}
	}
	socket := filepath.Join(t.TempDir(), "admin.sock")
	issuer = tokentest.New(t)
	s := start(t, fmt.Sprintf("admin: {address: 'unix://%s'}\nhttp: {address: %q}\npolicy: {path: %q, package: shop, builtins: [trace], deadline: 30s}\nissuers:\n", socket, free(t), shopFolder(t))+issuerEntry(issuer))
	waitFor(t, "the issuer's keys", func() bool { status, _ := s.ready(); return status == http.StatusOK })
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	defer client.CloseIdleConnections()
	if status, text := sendAs(t, client, "http://admin", "admin", "/v1/data/shop/allow?explain=full", `{"input":`+inputOf(login(issuer), "/orders")+`}`); status != 200 || !strings.Contains(text, "explanation") {
		t.Errorf("by a socket: %d %s", status, text)
	}
}

func sendAs(t *testing.T, client *http.Client, base, host, path, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Host = host
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}
