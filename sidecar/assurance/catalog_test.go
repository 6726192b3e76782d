package assurance_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/policies"
	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
)

func TestOrder(t *testing.T) {
	c, err := assurance.Load(object(t, `{"normal": {}, "mfa": {"implies": ["normal"]}, "kiosk": {}, "phr": {"implies": ["mfa", "kiosk"]}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	o := c.Order()
	for _, test := range []struct {
		call      string
		got, want any
	}{
		{"Levels()", o.Levels(), []string{"kiosk", "normal", "mfa", "phr"}},
		{"Implied(phr)", o.Implied("phr"), []string{"kiosk", "normal", "mfa", "phr"}},
		{"Implied(normal)", o.Implied("normal"), []string{"normal"}},
		{"Implied(none)", o.Implied("none"), []string(nil)},
		{"Satisfies(phr, normal)", o.Satisfies("phr", "normal"), true},
		{"Satisfies(mfa, mfa)", o.Satisfies("mfa", "mfa"), true},
		{"Satisfies(normal, mfa)", o.Satisfies("normal", "mfa"), false},
		{"Satisfies(mfa, kiosk)", o.Satisfies("mfa", "kiosk"), false},
		{"Satisfies(none, none)", o.Satisfies("none", "none"), false},
		{"Known(mfa)", o.Known("mfa"), true},
		{"Known(none)", o.Known("none"), false},
		{"zero value: Known(mfa)", assurance.Order{}.Known("mfa"), false},
	} {
		if diff := cmp.Diff(test.want, test.got); diff != "" {
			t.Errorf("%s: -want +got\n%s", test.call, diff)
		}
	}
}

func TestForGivesWhatIsShipped(t *testing.T) {
	v, err := shipped(t).For("auth0-rule", nil, "")
	if err != nil {
		t.Fatal(err)
	}
	want := []assurance.Login{
		{Level: "normal", Claims: []access.Object{{"authentication_level": "normal"}}, Request: map[string]string{"scope": "openid"}},
		{Level: "mfa", Claims: []access.Object{{"authentication_level": "mfa"}}, Request: map[string]string{"scope": "openid step_up"}},
	}
	if diff := cmp.Diff(want, v.Logins); diff != "" {
		t.Errorf("For(auth0-rule).Logins: -want +got\n%s", diff)
	}
	if diff := cmp.Diff([]string{"amr", "auth_time", "authentication_level"}, v.Reads()); diff != "" {
		t.Errorf("For(auth0-rule).Reads(): -want +got\n%s", diff)
	}
	if v.Absent != access.NoLevel {
		t.Errorf("For(auth0-rule).Absent: got %q, want %q", v.Absent, access.NoLevel)
	}
}

func TestForKeepsLoginsBelowTheCeiling(t *testing.T) {
	c := shipped(t)
	for _, test := range []struct{ name, ceiling, want string }{
		{"oidc", "", "[normal mfa phr phrh]"},
		{"oidc", "phrh", "[normal mfa phr phrh]"},
		{"oidc", "mfa", "[normal mfa]"},
		{"oidc", "normal", "[normal]"},
		{"auth0-rule", "phr", "[normal mfa]"},
	} {
		v, err := c.For(test.name, nil, test.ceiling)
		if err != nil {
			t.Fatalf("For(%q, nil, %q): %v", test.name, test.ceiling, err)
		}
		if got := fmt.Sprint(offered(v)); got != test.want {
			t.Errorf("For(%q, nil, %q) offers: got %s, want %s", test.name, test.ceiling, got, test.want)
		}
	}
}

func TestForPutsInTheTenantsWords(t *testing.T) {
	c := load(t, `{
		"claims": {"acrs": {"c1": "mfa", "one": "normal", "uno": "normal", "z": "none"}, "mark": {"c1": "mfa"}},
		"kinds": {"acrs": "list"}, "words": "acrs",
		"logins": [
			{"level": "normal", "claims": [{"acrs": ["one", "new"]}], "request": {"acr_values": "one uno c1 other"}},
			{"level": "mfa", "claims": [{"acrs": ["c1", "one"], "mark": "c1"}], "request": {"scope": "c1"}}]}`)
	v, err := c.For("v", map[string]string{"mfa": "c7", "normal": "n"}, "")
	if err != nil {
		t.Fatal(err)
	}
	logins := []assurance.Login{
		{Level: "normal", Claims: []access.Object{{"acrs": []any{"n", "new"}}}, Request: map[string]string{"acr_values": "n c7 other"}},
		{Level: "mfa", Claims: []access.Object{{"acrs": []any{"c7", "n"}, "mark": "c1"}}, Request: map[string]string{"scope": "c1"}},
	}
	if diff := cmp.Diff(logins, v.Logins); diff != "" {
		t.Errorf("logins with words: -want +got\n%s", diff)
	}
	claims := map[string]map[string]string{"acrs": {"c7": "mfa", "n": "normal", "z": "none"}, "mark": {"c1": "mfa"}}
	if diff := cmp.Diff(claims, v.Claims); diff != "" {
		t.Errorf("claims with words: -want +got\n%s", diff)
	}
	if diff := cmp.Diff([]string{"n", "c7", "other"}, v.Logins[0].ACRValues()); diff != "" {
		t.Errorf("ACRValues: -want +got\n%s", diff)
	}
	again, err := c.For("v", nil, "")
	if err != nil || again.Logins[1].Claims[0]["mark"] != "c1" || again.Claims["acrs"]["c1"] != "mfa" {
		t.Errorf("For without words afterwards: got %+v, %v, want the shipped values", again, err)
	}
}

func TestForRefuses(t *testing.T) {
	c := shipped(t)
	type words = map[string]string
	for _, test := range []struct {
		name, vocabulary string
		words            words
		ceiling, want    string
	}{
		{"unknown vocabulary", "okra", nil, "",
			`vocabulary: unknown vocabulary "okra"; there are auth0, auth0-rule, `},
		{"misspelt vocabulary", "keyclock", nil, "",
			`; did you mean "keycloak"?`},
		{"unknown ceiling", "oidc", nil, "high",
			`max_level: "high" is no level; the levels are normal, mfa, phr, phrh`},
		{"none as a ceiling", "oidc", nil, "none",
			`max_level: "none" is no level`},
		{"words where there are none", "auth0", words{"mfa": "c1"}, "",
			`levels: the vocabulary "auth0" lets no issuer have words of its own`},
		{"word for an unknown level", "oidc", words{"high": "c1"}, "",
			`levels.high: "high" is no level`},
		{"word for a level without a value", "oidc", words{"mfa": "c1"}, "",
			`levels.mfa: the vocabulary has no value for "mfa" that this word could stand for; take it out`},
		{"word that stands for another level", "oidc", words{"phrh": "phr"}, "",
			`levels.phrh: the word "phr" already stands for "phr"; give every level a word of its own`},
		{"one word twice", "oidc", words{"phrh": "c1", "phr": "c1"}, "",
			`levels.phrh: the word "c1" already stands for "phr"`},
		{"0 as a word", "oidc", words{"phr": "0"}, "",
			`levels.phr: "0" is a login by a long-lived cookie alone and never means a level; choose another word`},
		{"empty word", "oidc", words{"phr": ""}, "",
			`levels.phr: the word is empty`},
		{"word with a quote", "oidc", words{"phr": `a"b`}, "",
			`levels.phr: the word has the character '"'`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := c.For(test.vocabulary, test.words, test.ceiling)
			expectError(t, err, test.want)
			if _, ok := errors.AsType[*assurance.Error](err); !ok {
				t.Errorf("got %T, want an *assurance.Error", err)
			}
		})
	}
}

func TestReadBackRefusesLoginsThatGiveAnotherLevel(t *testing.T) {
	for _, test := range []struct{ name, vocabulary, want string }{
		{"too little", `{"claims": {"acr": {"mfa": "mfa", "one": "normal"}}, "logins": [{"level": "mfa", "claims": [{"acr": "mfa"}, {"acr": "one"}]}]}`,
			`data.stepup.vocabularies.v.logins[0].claims[1]: these claims read back as the levels ["normal"] instead of ["normal" "mfa"]`},
		{"too much", `{"claims": {"acr": {"mfa": "mfa"}}, "logins": [{"level": "normal", "claims": [{"acr": "mfa"}]}]}`,
			`read back as the levels ["normal" "mfa"] instead of ["normal"]`},
		{"nothing", `{"claims": {"acr": {"mfa": "mfa"}}, "logins": [{"level": "mfa", "claims": [{"acr": "MFA"}]}]}`,
			`read back as the levels [] instead of ["normal" "mfa"]`},
		{"absence that means nothing", `{"claims": {"acr": {"mfa": "mfa"}}, "logins": [{"level": "normal", "claims": [{}]}]}`,
			`read back as the levels [] instead of ["normal"]`},
		{"claims that contradict each other", `{"claims": {"acr": {"mfa": "mfa"}, "level": {"mfa": "mfa", "low": "normal"}},
			"logins": [{"level": "mfa", "claims": [{"acr": "mfa", "level": "low"}]}]}`,
			`read back as the levels ["normal"] instead of ["normal" "mfa"]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := load(t, test.vocabulary)
			library := newLibrary(t, policies.Levels(), map[string]any{"v": object(t, test.vocabulary)})
			expectError(t, c.ReadBack(library.read, c.Names()...), test.want)
		})
	}
}

func TestReadBackTellsWhyClaimsCannotBeRead(t *testing.T) {
	fails := func(*assurance.Vocabulary, access.Object) (access.Assurance, error) {
		return access.NoAssurance(), errors.New("out of order")
	}
	c := load(t, `{"claims": {"acr": {"mfa": "mfa"}}, "logins": [{"level": "mfa", "claims": [{"acr": "mfa"}]}]}`)
	expectError(t, c.ReadBack(fails, c.Names()...), `data.stepup.vocabularies.v.logins[0].claims[0]: these claims cannot be read back: out of order`)
}

func TestMerge(t *testing.T) {
	shipped := assurance.Data{
		Levels:       object(t, `{"normal": {}, "mfa": {"implies": ["normal"]}}`),
		Vocabularies: object(t, `{"oidc": {"claims": {}}}`),
	}
	for _, test := range []struct {
		name                 string
		levels, vocabularies string
		may                  []string
		want                 assurance.Data // without Levels: an error is wanted
		fault                string
	}{
		{name: "nothing", levels: `{}`, vocabularies: `{}`, want: shipped},
		{name: "new names", levels: `{"kiosk": {}}`, vocabularies: `{"ours": {}}`, want: assurance.Data{
			Levels:       object(t, `{"normal": {}, "mfa": {"implies": ["normal"]}, "kiosk": {}}`),
			Vocabularies: object(t, `{"oidc": {"claims": {}}, "ours": {}}`),
		}},
		{name: "another meaning", levels: `{"mfa": {}}`, vocabularies: `{}`,
			fault: `data.stepup.levels.mfa: already shipped; choose another name, or list "mfa" in policy.may_redefine`},
		{name: "the same again", levels: `{}`, vocabularies: `{"oidc": {"claims": {}}}`,
			fault: `data.stepup.vocabularies.oidc: already shipped`},
		{name: "another name is listed", levels: `{}`, vocabularies: `{"oidc": {}}`, may: []string{"mfa"},
			fault: `data.stepup.vocabularies.oidc: already shipped`},
		{name: "listed, and replaced as a whole", levels: `{"mfa": {}}`, vocabularies: `{}`, may: []string{"mfa"}, want: assurance.Data{
			Levels: object(t, `{"normal": {}, "mfa": {}}`), Vocabularies: shipped.Vocabularies,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			added := assurance.Data{Levels: object(t, test.levels), Vocabularies: object(t, test.vocabularies)}
			got, err := assurance.Merge(shipped, added, test.may)
			if test.fault != "" {
				expectError(t, err, test.fault)
				return
			}
			if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
				t.Errorf("Merge: error %v, -want +got\n%s", err, diff)
			}
		})
	}
	if len(shipped.Levels) != 2 || len(shipped.Vocabularies) != 1 {
		t.Errorf("Merge changed its arguments: %v", shipped)
	}
}

func load(t *testing.T, vocabulary string) *assurance.Catalog {
	t.Helper()
	c, err := assurance.Load(policies.Levels(), map[string]any{"v": object(t, vocabulary)})
	if err != nil {
		t.Fatalf("Load(%s): %v", vocabulary, err)
	}
	return c
}

func offered(v *assurance.Vocabulary) []string {
	var levels []string
	for _, login := range v.Logins {
		levels = append(levels, login.Level)
	}
	return levels
}
