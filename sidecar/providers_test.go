package sidecar_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"stepup/policies"
	"stepup/sidecar/assurance"
	"stepup/sidecar/config"
	"stepup/sidecar/policy"
	"stepup/sidecar/token"
	"stepup/sidecar/token/tokentest"
)

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

// TestProviderPages loads the configuration with which every page about a provider ends,
// as the program would: read, checked, its vocabulary found and its tokens accepted.
func TestProviderPages(t *testing.T) {
	pages, err := filepath.Glob("../docs/providers/*.md")
	if err != nil {
		t.Fatal(err)
	}
	pages = append(pages, "../deploy/examples/auth0-action/README.md")
	told := map[string]bool{"stepup-demo": true} // of the development issuer, which nobody configures
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		blocks := yamlBlock.FindAllStringSubmatch(string(text), -1)
		if len(blocks) == 0 {
			t.Errorf("%s has no configuration", page)
		}
		for _, block := range blocks {
			for _, issuer := range loadIssuers(t, page, block[1]) {
				tryIssuer(t, page, issuer)
				told[issuer.Vocabulary] = true
			}
		}
		if name := strings.TrimSuffix(filepath.Base(page), ".md"); policies.Vocabularies()[name] != nil {
			told[name] = true
		}
	}
	for name := range policies.Vocabularies() {
		if !told[name] {
			t.Errorf("no page tells of the vocabulary %s", name)
		}
	}
}

func loadIssuers(t *testing.T, page, text string) []config.Issuer {
	t.Helper()
	c, warnings, err := config.Load(config.Options{
		File:     "stepup.yaml",
		ReadFile: func(string) ([]byte, error) { return []byte(text), nil },
	})
	if err != nil || len(warnings) > 0 {
		t.Errorf("%s: config.Load of\n%s: %v, warnings %v", page, text, err, warnings)
		return nil
	}
	if len(c.Issuers) == 0 {
		t.Errorf("%s: no issuers in\n%s", page, text)
	}
	return c.Issuers
}

func stronger(l assurance.Login) bool { return l.Level != "normal" }

// tryIssuer opens the demonstration and a verifier for one issuer.
func tryIssuer(t *testing.T, page string, i config.Issuer) {
	t.Helper()
	use := policy.Use{Issuer: i.Issuer, Vocabulary: i.Vocabulary, Levels: i.Levels, MaxLevel: i.MaxLevel}
	opened, err := policy.Open(t.Context(), policy.Config{Issuers: []policy.Use{use}})
	if err != nil {
		t.Errorf("%s: policy.Open for %s: %v", page, i.Issuer, err)
		return
	}
	if v := opened.Current().Vocabulary(i.Issuer); v == nil || !slices.ContainsFunc(v.Logins, stronger) {
		t.Errorf("%s: %s offers no login but a normal one", page, i.Issuer)
	}
	_, err = token.NewVerifier([]token.Issuer{{
		URL: i.Issuer, Audiences: i.Audiences, Clients: i.Clients, Vocabulary: i.Vocabulary, Claims: i.Claims, Levels: i.Levels,
		MaxLevel: i.MaxLevel, Algorithms: i.Algorithms, Typ: i.Typ, Keys: tokentest.Static{},
	}}, 0, 0)
	if err != nil {
		t.Errorf("%s: token.NewVerifier for %s: %v", page, i.Issuer, err)
	}
}
