package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar"
	"stepup/sidecar/config"
	"stepup/sidecar/porttest"
	"stepup/sidecar/token/tokentest"
)

const opaSDKFolder = "../../deploy/examples/opa-sdk"

// TestOPASDK asks a sidecar with OPA's own SDK for JavaScript, of the version in the
// example's lock file: what it makes of our answers is what counts. No refusal, undefined
// path or fault comes out as something that is true.
func TestOPASDK(t *testing.T) {
	folder := installNode(t, opaSDKFolder, "package.json", "package-lock.json", "ask.js", "../../../cmd/stepup/testdata/opasdk.mjs")
	issuer := tokentest.New(t)
	scopes := "openid read:customers read:employees"
	env := []string{
		"STEPUP=" + startSidecar(t, issuer),
		"NORMAL=" + issuer.Token(map[string]any{"amr": []any{"pwd"}, "scope": scopes}),
		"MFA=" + issuer.Token(map[string]any{"amr": []any{"pwd", "otp", "mfa"}, "auth_time": time.Now().Unix() - 60, "scope": scopes}),
	}
	got := saidBySDK(t, folder, env)
	want := map[string]string{
		"allow":                    `true`,
		"step up":                  `false`,
		"mfa":                      `true`,
		"nobody":                   `false`,
		"a token that was changed": `false`,
		"the level to go to":       `[false,"step_up","mfa",401]`,
		"undefined":                `null`,
		"another package":          `null`,
		"no input":                 `thrown "invalid_parameter"`,
		"facts of one's own":       `thrown "invalid_parameter"`,
		"default":                  `true`,
		"default, refused":         `thrown "no result in API response"`,
		"batch":                    `{"a":true,"b":false}`,
		"batch, not one by one":    `thrown 404`,
		"filters":                  `thrown 404`,
		"the token in a header":    `true`,
		"two tokens":               `thrown "invalid_parameter"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the SDK makes of the answers (-want +got):\n%s", diff)
	}
	for _, row := range []struct {
		token, page, want string
		well              bool
	}{
		{"MFA", "/employees", "allowed", true},
		{"NORMAL", "/employees", "sign in again, as mfa", false},
		{"NORMAL", "/nowhere", "refused: This is not allowed.", false},
	} {
		token := valueOf(env, row.token)
		if out, well := askExample(t, folder, env, token, row.page); well != row.well || !strings.HasPrefix(out, row.want) {
			t.Errorf("ask.js %s with %s ended well: %t, and said %s; want %t and %q", row.page, row.token, well, out, row.well, row.want)
		}
	}
	env[0] = "STEPUP=http://" + nobodyThere(t)
	for name, value := range saidBySDK(t, folder, env) {
		if !strings.HasPrefix(value, "thrown ") {
			t.Errorf("%s, where nobody answers: %s, want an error", name, value)
		}
	}
	if out, well := askExample(t, folder, env, "x", "/customers"); well || strings.Contains(out, "allowed") {
		t.Errorf("ask.js where nobody answers ended well: %t, and said %s", well, out)
	}
}

// valueOf returns a variable of an environment.
func valueOf(env []string, name string) string {
	for _, one := range env {
		if value, found := strings.CutPrefix(one, name+"="); found {
			return value
		}
	}
	return ""
}

// saidBySDK runs the calls and gives by name the value of each, or what was thrown.
func saidBySDK(t *testing.T, folder string, env []string) map[string]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), nodeTool(t, "node"), "opasdk.mjs")
	cmd.Dir, cmd.Env = folder, append(os.Environ(), env...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node opasdk.mjs: %v\n%s", err, errs.String())
	}
	lines := map[string]string{}
	for text := range strings.Lines(string(out)) {
		var line struct {
			Name          string
			Value, Thrown json.RawMessage
		}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		lines[line.Name] = string(line.Value)
		if line.Thrown != nil {
			lines[line.Name] = "thrown " + string(line.Thrown)
		}
	}
	return lines
}

// askExample runs the example itself, with a token for a page.
func askExample(t *testing.T, folder string, env []string, token, page string) (out string, well bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), nodeTool(t, "node"), "ask.js", page)
	cmd.Dir, cmd.Env = folder, append(append(os.Environ(), env...), "TOKEN="+token)
	text, err := cmd.CombinedOutput()
	return string(text), err == nil
}

// startSidecar runs a sidecar with the demonstration policy and returns its URL.
func startSidecar(t *testing.T, issuer *tokentest.Issuer) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "stepup.yaml")
	text := fmt.Sprintf("http: {address: '127.0.0.1:0'}\nhealth: {address: ''}\npolicy: {deadline: 30s}\nissuers:\n  - {issuer: %q, audiences: [%q], vocabulary: oidc}\n",
		issuer.URL, issuer.Configuration(nil).Audiences[0])
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, _, err := config.Load(config.Options{File: file})
	if err != nil {
		t.Fatal(err)
	}
	server, err := sidecar.NewServer(t.Context(), sidecar.Options{Config: cfg, Logger: slog.New(slog.DiscardHandler)}, false)
	if err != nil {
		t.Fatal(err)
	}
	open, done := make(chan net.Addr, 1), make(chan error, 1)
	server.Listening = func(a net.Addr) { open <- a }
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(func() { stop(); <-done })
	go func() { done <- server.Run(ctx) }()
	select {
	case a := <-open:
		return "http://" + a.String()
	case err := <-done:
		t.Fatalf("Run: %v", err)
		return ""
	}
}

// nobodyThere is an address at which nobody answers.
func nobodyThere(t *testing.T) string {
	t.Helper()
	l, err := porttest.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
