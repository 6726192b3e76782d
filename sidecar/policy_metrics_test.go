package sidecar_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stepup/sidecar"
)

// Policies that are refused are counted, at the start and later; those that load are not.
func TestRefusedPoliciesAreCounted(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "p.rego")
	save := func(text string) {
		t.Helper()
		// At once, so that nobody reads half of it.
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	const good, broken = "package p\n\nallow := true\n", "package p\n\nallow if {\n"
	save(broken)
	o := loaded(t, fmt.Sprintf("policy: {path: %s, package: p}\nhttp: {address: %s}\n", filepath.Dir(file), free(t)))
	server, err := sidecar.NewServer(t.Context(), o, true)
	if err != nil {
		t.Fatal(err)
	}
	s := run(t, server, o.Config)
	told := func(text string) func() bool {
		return func() bool { return strings.Contains(metricsOf(t, s), "\n"+text) }
	}
	waitFor(t, "the policy of the start to be counted", told("stepup_policy_load_errors_total 1\n"))
	save(good)
	waitFor(t, "the good policy to be active", told(`stepup_policy_info{kind="folder"`))
	if !told("stepup_policy_load_errors_total 1\n")() {
		t.Errorf("a policy that loads was counted:\n%s", metricsOf(t, s))
	}
	save(broken)
	waitFor(t, "the refused policy to be counted", told("stepup_policy_load_errors_total 2\n"))
}

func metricsOf(t *testing.T, s *running) string {
	t.Helper()
	resp, err := http.Get("http://" + s.health + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
