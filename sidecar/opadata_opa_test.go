package sidecar_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar"
	"stepup/sidecar/access"
	"stepup/sidecar/pdp"
	"stepup/sidecar/token/tokentest"
)

// A lastDocument keeps what the policy was asked with.
type lastDocument struct{ object access.Object }

func (l *lastDocument) Record(_ context.Context, r pdp.Record) {
	if r.Document != nil {
		l.object = r.Document.Object()
	}
}

// TestLikeOPA asks a stock OPA server, which runs the same policy, beside the sidecar. OPA
// is given the documents that the sidecar made, and what is no question is sent to both as
// it stands. Statuses and shapes have to be the same, and so has every boolean.
func TestLikeOPA(t *testing.T) {
	folder := folderWith(t, "../policies/fabrikam/fabrikam.rego", map[string]string{"menu.rego": menuPolicy, "health.rego": healthPolicy})
	opa := startOPA(t, folder)
	issuer := tokentest.New(t)
	var document lastDocument
	s := start(t, fmt.Sprintf("policy: {path: '%s', package: fabrikam, deadline: 30s, documents: [fabrikam.menu, fabrikam.menu.pages, fabrikam.menu.strong, fabrikam.menu.level, fabrikam.menu.never, fabrikam.nowhere]}\nissuers:\n%s",
		folder, issuerEntry(issuer)), func(o *sidecar.Options) { o.Recorder = &document })
	ours := "http://" + s.http
	for _, asked := range likeOPAQuestions(issuer) {
		body := fmt.Sprintf(`{"token":%q,"action":{"name":%q},"resource":{"type":"route","id":%q}}`, asked.token, asked.action, asked.page)
		for _, target := range []string{
			"POST /v1/data/fabrikam/allow", "POST /v1/data/fabrikam/allow?pretty=true", "POST /v1/data/fabrikam/allow?provenance", "POST /v1/data/fabrikam/%61llow",
			"POST /v0/data/fabrikam/allow", "GET /v1/data/fabrikam/allow",
		} {
			got := call(t, ours, target, body)
			want := call(t, opa, target, string(asJSONText(t, document.object)))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s as %s: %s (-OPA +sidecar):\n%s", asked.page, asked.name, target, diff)
			}
			if !strings.HasSuffix(got.Body, fmt.Sprint(asked.want)) && !strings.Contains(got.Body, fmt.Sprintf(`"result":%t`, asked.want)) {
				t.Errorf("%s as %s: %s = %s, want %t", asked.page, asked.name, target, got.Body, asked.want)
			}
		}
	}
	// Further documents are asked about with what was verified, and told as OPA tells them.
	for _, asked := range likeOPAQuestions(issuer) {
		body := fmt.Sprintf(`{"token":%q,"action":{"name":%q},"resource":{"type":"route","id":%q}}`, asked.token, asked.action, asked.page)
		call(t, ours, "POST /v1/data/fabrikam/allow", body)
		for _, name := range []string{"menu", "menu/pages", "menu/strong", "menu/level", "menu/never", "nowhere"} {
			for _, target := range []string{"POST /v1/data/fabrikam/", "GET /v1/data/fabrikam/", "POST /v0/data/fabrikam/"} {
				if diff := cmp.Diff(call(t, opa, target+name, string(asJSONText(t, document.object))), call(t, ours, target+name, body)); diff != "" {
					t.Errorf("%s as %s: %s%s (-OPA +sidecar):\n%s", asked.page, asked.name, target, name, diff)
				}
			}
		}
	}
	// Whose token is refused is told nothing, not even that there is nothing.
	for _, token := range []string{``, `"token":"a.b.c",`} {
		for _, target := range []string{"POST /v1/data/fabrikam/menu/never", "GET /v1/data/fabrikam/menu/strong", "POST /v0/data/fabrikam/nowhere"} {
			if got := call(t, ours, target, `{`+token+`"action":{"name":"GET"},"resource":{"type":"route","id":"/customers"}}`); got.Status != http.StatusForbidden || strings.Contains(got.Body, "result") {
				t.Errorf("%s with %s = %+v, want 403 and no result", target, token, got)
			}
		}
	}
	for _, row := range []struct{ target, body string }{
		{"GET /health/live", ""}, {"GET /health/ready", ""}, {"GET /health/never", ""}, {"GET /health/odd", ""}, {"GET /health/nothing", ""}, {"GET /health//live", ""},
		{"POST /v1/data/fabrikam/nothing", `{}`},
		{"POST /v1/data/fabrikam%2Fallow", `{}`},
		{"POST /v1/data/Fabrikam/allow", `{}`},
		{"POST /v1/data/nobody/allow", `{}`},
		{"POST /v0/data/nobody/allow", `{}`},
		{"POST /v0/data/fabrikam/nothing", `{}`},
		{"POST /v1/data/fabrikam/allow", `{"action":`},
		{"POST /v0/data/fabrikam/allow", `{"action":`},
		{"GET /health", ""}, {"GET /health?bundles", ""}, {"GET /health?bundles=true&plugins&exclude-plugin=status", ""},
		{"PUT /v0/data/fabrikam", "1"}, {"DELETE /v0/data/fabrikam", ""},
	} {
		if diff := cmp.Diff(call(t, opa, row.target, row.body), call(t, ours, row.target, row.body)); diff != "" {
			t.Errorf("%s with %s (-OPA +sidecar):\n%s", row.target, row.body, diff)
		}
	}
}

type likeOPAQuestion struct {
	name, token, action, page string
	want                      bool
}

func likeOPAQuestions(issuer *tokentest.Issuer) []likeOPAQuestion {
	scopes := "openid read:customers read:employees"
	normal := issuer.Token(map[string]any{"amr": []any{"pwd"}, "scope": scopes})
	strong := issuer.Token(map[string]any{"amr": []any{"pwd", "otp", "mfa"}, "auth_time": time.Now().Unix() - 60, "scope": scopes})
	old := issuer.Token(map[string]any{"amr": []any{"pwd", "otp", "mfa"}, "auth_time": time.Now().Unix() - 7200, "scope": scopes})
	return []likeOPAQuestion{
		{"somebody", normal, "GET", "/customers", true},
		{"somebody", normal, "GET", "/employees", false},
		{"somebody with a second factor", strong, "GET", "/employees", true},
		{"somebody whose second factor is old", old, "GET", "/employees", false},
		{"somebody with a second factor", strong, "GET", "/nowhere", false},
	}
}

// menuPolicy are further documents, defined and not.
const menuPolicy = `package fabrikam.menu

pages contains page if {
	some page, scope in {"/customers": "read:customers", "/employees": "read:employees", "/payroll": "write:payroll"}
	scope in input.token.scopes
}

strong if "mfa" in input.assurance.levels

level := null

never if input.resource.id == 7
`

// healthPolicy answers OPA's /health/…
const healthPolicy = `package system.health

live if true

ready if input.plugins_ready

never if false

odd := 7
`

// folderWith returns a folder with a copy of a file, and with others.
func folderWith(t *testing.T, file string, others map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	others[filepath.Base(file)] = string(text)
	for name, text := range others {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// startOPA runs the OPA of go.mod as a server with a policy, and returns its URL.
func startOPA(t *testing.T, folder string) string {
	t.Helper()
	return startOPAWith(t, folder)
}

// startOPAWith is as startOPA, with other arguments.
func startOPAWith(t *testing.T, args ...string) string {
	t.Helper()
	path, err := exec.Command("go", "tool", "-n", "opa").Output()
	if err != nil {
		t.Fatalf("go tool -n opa: %v", err)
	}
	address := free(t)
	var log bytes.Buffer
	common := []string{"run", "--server", "--addr", address, "--skip-version-check", "--log-level", "error"}
	cmd := exec.Command(strings.TrimSpace(string(path)), append(common, args...)...)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("OPA said:\n%s", log.String())
		}
	})
	waitFor(t, "OPA to listen", func() bool {
		resp, err := http.Get("http://" + address + "/health")
		if err == nil {
			_ = resp.Body.Close()
		}
		return err == nil && resp.StatusCode == http.StatusOK
	})
	return "http://" + address
}

// An opaAnswer is what has to be the same: all but identifiers, versions and wording.
type opaAnswer struct {
	Status int
	Media  string
	Lines  bool // more than one
	Body   string
}

// call sends an input in the way that the target wants it.
func call(t *testing.T, base, target, input string) opaAnswer {
	t.Helper()
	method, path, _ := strings.Cut(target, " ")
	body := input
	switch {
	case method == http.MethodGet && strings.HasPrefix(path, "/v1/"):
		path, body = path+"?input="+url.QueryEscape(input), ""
	case strings.HasPrefix(path, "/v1/") && json.Valid([]byte(input)):
		body = `{"input":` + input + `}`
	}
	request, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode == http.StatusMethodNotAllowed {
		return opaAnswer{Status: resp.StatusCode} // OPA says no more
	}
	return opaAnswer{
		Status: resp.StatusCode, Media: resp.Header.Get("Content-Type"),
		Lines: resp.StatusCode == http.StatusOK && bytes.Count(bytes.TrimSpace(text), []byte("\n")) > 0, Body: shapeOf(t, text),
	}
}

// shapeOf tells an answer without what differs between any two servers.
func shapeOf(t *testing.T, text []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if object, ok := v.(map[string]any); ok {
		delete(object, "decision_id")
		delete(object, "errors")
		if _, told := object["message"]; told {
			object["message"] = "…"
		}
		if p, told := object["provenance"].(map[string]any); told {
			delete(p, "bundles") // OPA has none here
			object["provenance"] = slices.Sorted(maps.Keys(p))
		}
	}
	return string(asJSONText(t, v))
}

func asJSONText(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
