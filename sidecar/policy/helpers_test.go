package policy_test

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stepup/sidecar/access"
	"stepup/sidecar/input"
	"stepup/sidecar/policy"
	"stepup/sidecar/token"
)

// files are the contents of a folder by path.
type files map[string]string

// with adds files or replaces them.
func (f files) with(more files) files {
	all := maps.Clone(f)
	maps.Copy(all, more)
	return all
}

// folder writes files into a new folder.
func folder(t *testing.T, f files) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, f)
	return dir
}

func write(t *testing.T, dir string, f files) {
	t.Helper()
	for name, text := range f {
		full := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(full), 0o755))
		must(t, os.WriteFile(full, []byte(text), 0o644))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rego is a folder with one file of package p.
func rego(body string) files { return files{"p.rego": "package p\n\n" + body} }

// open loads a folder whose policy is package p.
func open(t *testing.T, f files) (*policy.Policies, error) {
	t.Helper()
	return policy.Open(context.Background(), policy.Config{
		Path: folder(t, f), Package: "p", Issuers: []policy.Use{{Issuer: "https://idp.example/", Vocabulary: "auth0-rule"}},
	})
}

func snapshot(t *testing.T, f files) *policy.Snapshot {
	t.Helper()
	p, err := open(t, f)
	must(t, err)
	return p.Current()
}

// now is the moment of all tests.
const now = 1795428120

// alice asks to see the employees; her login was two minutes ago.
func alice(levels ...string) input.Document {
	claims := &token.Claims{
		Issuer: "https://fabrikam.eu.auth0.com/", Subject: "auth0|alice", ClientID: "intranet",
		Audiences: []string{"https://intranet.fabrikam.example/api"},
		Scopes:    []string{"openid", "read:customers", "read:employees"},
		Kind:      token.AccessToken, Binding: token.BindingNone, ExpiresAt: now + 3600,
		Vocabulary: token.Vocabulary{Name: "auth0-rule"},
		All:        token.ClaimsOf(access.Object{"authentication_level": "mfa", "auth_time": json.Number("1795428000")}),
	}
	a := access.Assurance{Level: "mfa", Levels: levels, Methods: []string{"pwd", "otp"}, AuthTime: now - 120, Told: true}
	return input.New(access.Request{
		Action:   access.Action{Name: "GET"},
		Resource: access.Resource{Type: "route", ID: "/employees"},
	}, claims, a, now)
}

// contains reports a missing part of an error's text.
func wantText(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that says %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q, want it to say %q", err, part)
		}
	}
}
