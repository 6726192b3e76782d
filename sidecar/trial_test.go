package sidecar_test

import (
	"strings"
	"testing"

	"stepup/sidecar"
	"stepup/sidecar/cases"
	"stepup/sidecar/config"
)

func demonstrated(t *testing.T) *config.Config {
	t.Helper()
	c, _, err := config.Load(config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestTryAgreesWithTheCorpus puts the cases of the demonstration to what authors' cases are
// put to. It tells the same of them as TestCorpus, over HTTP and with other code that signs;
// and it notices when a case expects something else.
func TestTryAgreesWithTheCorpus(t *testing.T) {
	var list, spoilt []cases.Case
	for _, c := range loadCorpus(t) {
		if c.Policy.Folder != "" || c.Policy.Watch || c.Issuer["vocabulary"] != "auth0-rule" {
			continue // one provider is enough to compile for
		}
		if alg := algorithm(c); alg != "" && !strings.HasPrefix(alg, "RS") && alg != "ES256" || c.Issuer["jwks_uri"] != nil {
			continue // what signs for authors knows sound algorithms only
		}
		list = append(list, c)
		if c.Expect.Outcome == "allow" {
			c.Expect.Outcome = "deny"
		} else {
			c.Expect.Outcome, c.Expect.Reasons = "allow", []cases.Reason{}
		}
		spoilt = append(spoilt, c)
	}
	if len(list) < 40 {
		t.Fatalf("%d cases", len(list))
	}
	for _, row := range []struct {
		list   []cases.Case
		passes bool
	}{{list, true}, {spoilt, false}} {
		trials, err := sidecar.Try(t.Context(), demonstrated(t), row.list)
		if err != nil || len(trials) != len(row.list) {
			t.Fatalf("Try: %d trials of %d, %v", len(trials), len(row.list), err)
		}
		for _, one := range trials {
			if one.Passed() != row.passes {
				t.Errorf("%s passes: %t, want %t: %v %v", one.Case.Name, one.Passed(), row.passes, one.Differences, one.Err)
			}
		}
	}
}

func algorithm(c cases.Case) string {
	if c.Token == nil {
		return ""
	}
	alg, _ := c.Token.Header["alg"].(string)
	return alg
}

// What a case must not say, and what cannot be asked, fails; it is never left out.
func TestTryRefuses(t *testing.T) {
	good := loadCorpus(t)["oidc_password"]
	for _, row := range []struct {
		name   string
		change func(*cases.Case)
		want   string
	}{
		{"another policy", func(c *cases.Case) { c.Policy.Folder, c.Policy.Package = "suite", "suite" }, "for the corpus"},
		{"an issuer that is none", func(c *cases.Case) { c.Issuer = map[string]any{"issuer": "x"} }, "what the case configures"},
		{"an issuer with a misspelt key", func(c *cases.Case) { c.Issuer = map[string]any{"isuer": "https://x.example"} }, "isuer"},
		{"a deadline that is none", func(c *cases.Case) { c.Policy.Deadline = "soon" }, "deadline"},
		{"a signer that is none", func(c *cases.Case) { f := *c.Token; f.SignedBy = "me"; c.Token = &f }, "signed_by"},
	} {
		c := good
		row.change(&c)
		trials, err := sidecar.Try(t.Context(), demonstrated(t), []cases.Case{c})
		if err != nil || len(trials) != 1 || trials[0].Passed() || !strings.Contains(trials[0].Err.Error(), row.want) {
			t.Errorf("%s: Try = %+v, %v; want a failure with %q", row.name, trials, err, row.want)
		}
	}
	f := *good.Token
	f.Header = map[string]any{"alg": "none"}
	good.Token = &f
	if trials, err := sidecar.Try(t.Context(), demonstrated(t), []cases.Case{good}); err == nil {
		t.Errorf("Try with alg none = %+v", trials)
	}
}

// A case without an issuer is for those of the configuration, whatever keys they have.
func TestTryTakesTheConfiguredIssuers(t *testing.T) {
	c := loadCorpus(t)["oidc_password"]
	configured := demonstrated(t)
	configured.Issuers = []config.Issuer{{
		Issuer: c.Issuer["issuer"].(string), Audiences: []string{"https://intranet.fabrikam.example/api"}, Vocabulary: "oidc",
		JWKSURI: "https://nobody.example/keys", CAFile: "nowhere.pem",
	}}
	c.Issuer = nil
	trials, err := sidecar.Try(t.Context(), configured, []cases.Case{c})
	if err != nil || !trials[0].Passed() || trials[0].Document == nil {
		t.Errorf("Try = %+v, %v", trials, err)
	}
	if configured.Issuers[0].JWKSURI == "" {
		t.Error("Try changed the configuration that it was given")
	}
	configured.Issuers = nil
	trials, err = sidecar.Try(t.Context(), configured, []cases.Case{c})
	if err != nil || trials[0].Passed() {
		t.Errorf("Try without an issuer = %+v, %v", trials, err)
	}
}
