package assurance_test

import (
	"fmt"
	"testing"

	"stepup/policies"
	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
)

// What a vocabulary leaves to its tenants is offered, read and asked for in the tenant's
// words, and not at all where it has none.
func TestLevelsLeftToTenants(t *testing.T) {
	c := shipped(t)
	library := newLibrary(t, policies.Levels(), policies.Vocabularies())
	for _, row := range []struct {
		vocabulary string
		words      map[string]string
		want       string // level, claims and the parameters that ask for it
	}{
		{"entra", nil, "normal [map[ver:2.0] map[ver:1.0]] map[prompt:login scope:openid]\n"},
		{"entra", map[string]string{"phr": "c7"},
			"normal [map[ver:2.0] map[ver:1.0]] map[prompt:login scope:openid]\n" +
				"phr [map[acrs:[c7] ver:2.0] map[acrs:[c7] ver:1.0]] map[claims:" +
				`{"access_token":{"acrs":{"essential":true,"value":"c7"}}}` + " prompt:login scope:openid]\n"},
		{"keycloak", nil,
			"normal [map[acr:1]] map[acr_values:1 scope:openid]\n" +
				"mfa [map[acr:2]] map[acr_values:2 scope:openid]\n"},
		{"keycloak", map[string]string{"mfa": "gold", "phrh": "platinum"},
			"normal [map[acr:1]] map[acr_values:1 scope:openid]\n" +
				"mfa [map[acr:gold]] map[acr_values:gold scope:openid]\n" +
				"phrh [map[acr:platinum]] map[acr_values:platinum scope:openid]\n"},
	} {
		v, err := c.For(row.vocabulary, row.words, "")
		if err != nil {
			t.Errorf("For(%q, %v): %v", row.vocabulary, row.words, err)
			continue
		}
		got := ""
		for _, l := range v.Logins {
			got += fmt.Sprintln(l.Level, l.Claims, l.Request)
		}
		if got != row.want {
			t.Errorf("For(%q, %v).Logins: got\n%s, want\n%s", row.vocabulary, row.words, got, row.want)
		}
		if err := v.ReadBack(c.Order(), library.read); err != nil {
			t.Errorf("For(%q, %v).ReadBack: got %v, want nil", row.vocabulary, row.words, err)
		}
	}
}

// A value that only holds the place of a tenant's word means nothing itself, and neither
// does another tenant's word.
func TestPlaceholdersMeanNothing(t *testing.T) {
	c := shipped(t)
	library := newLibrary(t, policies.Levels(), policies.Vocabularies())
	for _, row := range []struct {
		vocabulary string
		words      map[string]string
		claims     access.Object
		want       string
	}{
		{"entra", nil, access.Object{"ver": "2.0", "acrs": []any{"c1"}}, "normal"},
		{"entra", nil, access.Object{"ver": "2.0", "acrs": []any{"tenant-word:mfa"}}, "normal"},
		{"entra", nil, access.Object{"acrs": []any{"tenant-word:mfa"}}, "none"},
		{"entra", map[string]string{"mfa": "c1"}, access.Object{"ver": "2.0", "acrs": []any{"c1", "c9"}}, "mfa"},
		{"entra", map[string]string{"mfa": "c1"}, access.Object{"ver": "2.0", "acrs": []any{"c11"}}, "normal"},
		{"entra", map[string]string{"mfa": "c1"}, access.Object{"ver": "2.0", "acrs": []any{"tenant-word:mfa", "tenant-word:phr"}}, "normal"},
		{"keycloak", nil, access.Object{"acr": "tenant-word:phr"}, "none"},
		{"keycloak", map[string]string{"mfa": "gold"}, access.Object{"acr": "2"}, "none"},
		{"keycloak", map[string]string{"phr": "3"}, access.Object{"acr": "3"}, "phr"},
	} {
		v, err := c.For(row.vocabulary, row.words, "")
		if err != nil {
			t.Fatalf("For(%q, %v): %v", row.vocabulary, row.words, err)
		}
		if got, err := library.ask(v, row.claims, false); err != nil || got.Level != row.want {
			t.Errorf("%s with words %v, reading %v: got %q, %v, want %q", row.vocabulary, row.words, row.claims, got.Level, err, row.want)
		}
		if _, means := v.Claims["acrs"]["tenant-word:mfa"]; means {
			t.Errorf("For(%q, %v).Claims: a placeholder means a level", row.vocabulary, row.words)
		}
	}
}

// A word may be what only held the place of another: the shipped value means nothing.
func TestWordsMayBePlaceholders(t *testing.T) {
	c := shipped(t)
	if _, err := c.For("entra", map[string]string{"mfa": "tenant-word:phr"}, ""); err != nil {
		t.Errorf("For with a placeholder as a word: got %v, want nil", err)
	}
}

// A login is also left out where only asking for it takes a word that the tenant lacks.
func TestLoginsThatCannotBeAskedFor(t *testing.T) {
	c, err := assurance.Load(policies.Levels(), access.Object{"v": access.Object{
		"claims": access.Object{"acr": access.Object{"place": "mfa"}, "mark": access.Object{"strong": "mfa"}},
		"words":  "acr", "requires_words": []any{"mfa"},
		"logins": []any{access.Object{
			"level": "mfa", "claims": []any{access.Object{"mark": "strong"}},
			"request": access.Object{"scope": "openid", "acr_values": "place"},
		}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for words, want := range map[string]int{"": 0, "gold": 1} {
		own := map[string]string{"mfa": words}
		if words == "" {
			own = nil
		}
		v, err := c.For("v", own, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := len(v.Logins); got != want {
			t.Errorf("For(%q, %v).Logins: got %d, want %d", "v", own, got, want)
		}
	}
}

func TestLawsOfTenantsAndChallenges(t *testing.T) {
	vocabulary := func(changes access.Object) access.Object {
		v := access.Object{"claims": access.Object{"acr": access.Object{"1": "normal"}}, "words": "acr", "logins": []any{}}
		for name, value := range changes {
			v[name] = value
		}
		return v
	}
	for _, row := range []struct {
		name    string
		changes access.Object
		want    string // empty: it loads
	}{
		{"a level left to tenants", access.Object{"requires_words": []any{"normal"}}, ""},
		{"no level", access.Object{"requires_words": []any{"gold"}}, `data.stepup.vocabularies.v.requires_words[0]: "gold" is no level; the levels are normal, mfa, phr, phrh`},
		{"a level without a value", access.Object{"requires_words": []any{"mfa"}},
			`data.stepup.vocabularies.v.requires_words[0]: no value of the words claim means "mfa"; map one to it, in whose place a tenant's word will stand`},
		{"no words claim", access.Object{"requires_words": []any{"normal"}, "words": ""},
			`data.stepup.vocabularies.v.requires_words[0]: no value of the words claim means "normal"; map one to it, in whose place a tenant's word will stand`},
		{"Entra's challenge", access.Object{"challenge": "insufficient_claims"}, ""},
		{"another challenge", access.Object{"challenge": "RFC 9470"},
			`data.stepup.vocabularies.v.challenge: "RFC 9470" is no form of challenge; write insufficient_claims or leave it out`},
		{"a challenge of no claim", access.Object{"challenge": "insufficient_claims", "words": ""},
			"data.stepup.vocabularies.v.challenge: asks for values of the words claim, and there is none; name it in words"},
	} {
		_, err := assurance.Load(policies.Levels(), access.Object{"v": vocabulary(row.changes)})
		got := ""
		for _, line := range lines(err) {
			if got == "" || line == row.want {
				got = line
			}
		}
		if got != row.want {
			t.Errorf("%s: Load: got %q, want %q", row.name, got, row.want)
		}
	}
}

func lines(err error) []string {
	several, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	var all []string
	for _, e := range several.Unwrap() {
		all = append(all, e.Error())
	}
	return all
}
