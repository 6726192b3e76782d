package sidecar_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stepup/sidecar"
	"stepup/sidecar/config"
)

const corpVocabulary = `{"claims": {"lvl": {"1": "normal", "2": "badge"}}, "methods": [], "auth_time": ["auth_time"], "absent": "none",
 "logins": [{"level": "badge", "claims": [{"lvl": "2"}], "request": {"acr_values": "2"}}]}`

// What issuers ask in vain of vocabularies is told with file and line at every load, not only at the start.
func TestMisusedIsPlacedAtEveryLoad(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const vocabularies = "policy/stepup/vocabularies/data.json"
	write("policy/shop.rego", "package shop\n\nallow if \"badge\" in input.assurance.levels\n")
	write("policy/stepup/levels/data.yaml", "badge: {implies: [normal]}\n")
	write(vocabularies, `{"corp": `+corpVocabulary+`}`)
	file := filepath.Join(dir, "stepup.yaml")
	write("stepup.yaml", fmt.Sprintf(`policy: {path: %q, package: shop}
issuers:
  - issuer: https://login.example
    audiences: [https://api.example]
    jwks_file: %q
    vocabulary: corp
    max_level: badge
`, filepath.Join(dir, "policy"), filepath.Join(dir, "none.json")))
	c, _, err := config.Load(config.Options{File: file})
	if err != nil {
		t.Fatal(err)
	}
	options := sidecar.Options{Config: c, Logger: slog.New(slog.DiscardHandler)}
	core, err := sidecar.NewCore(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}

	for _, row := range []struct{ name, data, begin, end string }{
		{"another name", `{"corps": ` + corpVocabulary + `}`, `:6: issuers[0].vocabulary: unknown vocabulary "corp"; there are auth0, `, `; did you mean "corps"?`},
		{"the name again", `{"corp": ` + corpVocabulary + `}`, "", ""},
		{"none", `{}`, `:6: issuers[0].vocabulary: unknown vocabulary "corp"; there are auth0, `, `stepup-demo`},
	} {
		write(vocabularies, row.data)
		got := core.Policies.Reload(t.Context())
		_, atStart := sidecar.NewCore(t.Context(), options)
		switch {
		case row.begin == "" && (got != nil || atStart != nil):
			t.Errorf("%s: a reload gives %v, a start %v; want neither", row.name, got, atStart)
		case row.begin == "":
		case got == nil || atStart == nil || got.Error() != atStart.Error():
			t.Errorf("%s: a reload gives\n%v\nand a start\n%v", row.name, got, atStart)
		case !strings.HasPrefix(got.Error(), file+row.begin) || !strings.HasSuffix(got.Error(), row.end):
			t.Errorf("%s: a reload gives\n%v\nwant\n%s%s … %s", row.name, got, file, row.begin, row.end)
		}
	}
}

// A sidecar that follows its policy waits for what its issuers are configured for, and says that
// the policy can bring it, and that a change of the configuration takes a restart.
func TestMisusedIsAwaitedFromThePolicy(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "shop.rego"), []byte("package shop\n\nallow if \"normal\" in input.assurance.levels\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, err := config.Load(config.Options{Environ: []string{
		"STEPUP_POLICY_PATH=" + dir, "STEPUP_POLICY_PACKAGE=shop",
		"STEPUP_ISSUERS=[{issuer: 'https://login.example', audiences: [a], jwks_file: none.json, vocabulary: corp}]",
	}})
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	core, err := sidecar.NewCore(t.Context(), sidecar.Options{Config: c, AwaitPolicy: true, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"issuers are configured for what the policy does not have", `issuers[0].vocabulary: unknown vocabulary`,
		"define it in the data of the policy, which is followed; or change the configuration, which is not, and restart",
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, log.String())
		}
	}
	if core.Policies.Current() != nil {
		t.Error("a policy is active whose vocabularies an issuer asks in vain; want none")
	}

	for name, text := range map[string]string{
		"stepup/levels/data.yaml": "badge: {implies: [normal]}\n", "stepup/vocabularies/data.json": `{"corp": ` + corpVocabulary + `}`,
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := core.Policies.Reload(t.Context()); err != nil || core.Policies.Current() == nil {
		t.Errorf("Reload once the policy defines the vocabulary = %v, active %v; want a policy", err, core.Policies.Current() != nil)
	}
}
