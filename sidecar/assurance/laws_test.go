package assurance_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"stepup/policies"
	"stepup/sidecar/assurance"
)

func TestLoadRefusesLevels(t *testing.T) {
	for _, test := range []struct{ name, levels, want string }{
		{"unknown implies", `{"mfa": {"implies": ["normal"]}}`,
			`data.stepup.levels.mfa.implies[0]: "normal" is no level; define it in data.stepup.levels or take it out`},
		{"implies itself", `{"mfa": {"implies": ["mfa"]}}`,
			`data.stepup.levels.mfa: the level implies itself (by way of mfa); break the circle`},
		{"circle of three", `{"a": {"implies": ["b"]}, "b": {"implies": ["c"]}, "c": {"implies": ["a"]}}`,
			`data.stepup.levels.a: the level implies itself (by way of b, c, a); break the circle`},
		{"circle beside the way", `{"a": {"implies": ["b", "c"]}, "b": {"implies": ["c"]}, "c": {"implies": ["b"]}}`,
			`data.stepup.levels.b: the level implies itself (by way of c, b); break the circle`},
		{"reserved name", `{"none": {}}`,
			`data.stepup.levels.none: "none" means no level at all; choose another name`},
		{"name with a space", `{"very high": {}}`,
			`data.stepup.levels["very high"]: the name of a level has the character ' '`},
		{"empty name", `{"": {}}`,
			`data.stepup.levels[""]: the name of a level is empty; choose another name`},
		{"unknown member", `{"mfa": {"implied": []}}`,
			`data.stepup.levels.mfa.implied: unknown member; correct its name or take it out`},
		{"member in another case", `{"mfa": {"Implies": []}}`,
			`data.stepup.levels.mfa.Implies: unknown member; correct its name or take it out`},
		{"a string for a list", `{"normal": {}, "mfa": {"implies": "normal"}}`,
			`data.stepup.levels.mfa.implies: a JSON string cannot stand here`},
		{"a level that is no object", `{"mfa": true}`,
			`data.stepup.levels.mfa: a JSON boolean cannot stand here`},
		{"null", `{"mfa": {"implies": null}}`,
			`data.stepup.levels.mfa.implies: null says nothing; leave the member out`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := assurance.Load(object(t, test.levels), nil)
			expectError(t, err, test.want)
		})
	}
}

// Each row changes one thing about a vocabulary that loads.
func TestLoadRefusesVocabularies(t *testing.T) {
	for _, test := range []struct{ name, member, value, want string }{
		{"claim of an unknown level", "claims", `{"acr": {"gold": "golden"}}`,
			`.claims.acr.gold: "golden" is no level; the levels are normal, mfa, phr, phrh`},
		{"0 that means a level", "claims", `{"acr": {"0": "normal"}}`,
			`.claims.acr["0"]: "0" is a login by a long-lived cookie alone and never means a level; map it to "none" or take it out`},
		{"empty value", "claims", `{"acr": {"": "normal"}}`,
			`.claims.acr[""]: an empty value counts as absent and means nothing; take it out and use absent`},
		{"empty name of a claim", "claims", `{"": {}}`,
			`.claims[""]: a claim needs a name`},
		{"number for a level", "claims", `{"acr": {"1": 1}}`,
			`.claims.acr["1"]: a JSON number cannot stand here`},
		{"list for the values", "claims", `{"acr": ["mfa"]}`,
			`.claims.acr: a JSON array cannot stand here`},
		{"unknown kind", "kinds", `{"acr": "text"}`,
			`.kinds.acr: "text" is no kind; write string, list or string_or_list`},
		{"kind of a claim that is not read", "kinds", `{"acrs": "list"}`,
			`.kinds.acrs: "acrs" is neither one of claims nor of methods`},
		{"factors in a claim that is not read", "factors", `{"claim": "methods", "classes": {}, "level": "mfa"}`,
			`.factors.claim: "methods" is not one of claims; name it there, if only as {}`},
		{"factors in a string", "factors", `{"claim": "acr", "classes": {}, "level": "mfa"}`,
			`.factors.claim: "acr" is one string and cannot tell two factors; set its kind to "list"`},
		{"factors of an unknown level", "factors", `{"claim": "amr", "classes": {"pwd": "knowledge"}, "level": "none"}`,
			`.factors.level: "none" is no level`},
		{"factor without a class", "factors", `{"claim": "amr", "classes": {"pwd": ""}, "level": "mfa"}`,
			`.factors.classes.pwd: a method other than "0" and its class are needed; take it out`},
		{"factors with an unknown member", "factors", `{"claim": "amr", "class": {}}`,
			`.factors.class: unknown member`},
		{"words in a claim that is not read", "words", `"level"`,
			`.words: "level" is not one of claims; name the claim whose values a tenant may rename`},
		{"methods without a name", "methods", `["amr", ""]`,
			`.methods[1]: a claim needs a name`},
		{"methods as a string", "methods", `"amr"`,
			`.methods: a JSON string cannot stand here`},
		{"login time in a claim of levels", "auth_time", `["acr"]`,
			`.auth_time[0]: "acr" tells a level or methods and cannot be a time too; name another claim`},
		{"absence of an unknown level", "absent", `"basic"`,
			`.absent: "basic" is no level`},
		{"unknown member", "claim", `{}`,
			`.claim: unknown member; correct its name or take it out`},
		{"login of an unknown level", "logins", `[{"level": "golden", "claims": [{"acr": "mfa"}]}]`,
			`.logins[0].level: "golden" is no level`},
		{"login without a level", "logins", `[{"claims": [{"acr": "mfa"}]}]`,
			`.logins[0].level: "" is no level`},
		{"login without claims", "logins", `[{"level": "mfa"}]`,
			`.logins[0].claims: no claims; give at least one set, [{}] for a login of which no claim tells`},
		{"login with an unknown member", "logins", `[{"level": "mfa", "claims": [{}], "acr_values": "mfa"}]`,
			`.logins[0].acr_values: unknown member`},
		{"login with a claim that is not read", "logins", `[{"level": "mfa", "claims": [{"acr": "mfa", "loa": "2"}]}]`,
			`.logins[0].claims[0].loa: the vocabulary does not read this claim`},
		{"login with its time", "logins", `[{"level": "mfa", "claims": [{"auth_time": 1}]}]`,
			`.logins[0].claims[0].auth_time: the time of a login is put in when it is tried; take it out`},
		{"login with a list in a string", "logins", `[{"level": "mfa", "claims": [{"acr": ["mfa"]}]}]`,
			`.logins[0].claims[0].acr: not of the kind that the vocabulary reads here, which is "string"`},
		{"login with a string in a list", "logins", `[{"level": "mfa", "claims": [{"amr": "mfa"}]}]`,
			`.logins[0].claims[0].amr: not of the kind that the vocabulary reads here, which is "list"`},
		{"login with a number in a list", "logins", `[{"level": "mfa", "claims": [{}, {"amr": ["mfa", 1]}]}]`,
			`.logins[0].claims[1].amr: not of the kind`},
		{"login with an empty claim", "logins", `[{"level": "mfa", "claims": [{"amr": []}]}]`,
			`.logins[0].claims[0].amr: not of the kind`},
		{"stronger before weaker", "logins", `[{"level": "mfa", "claims": [{}]}, {"level": "normal", "claims": [{}]}]`,
			`.logins[1]: "normal" is weaker than "mfa", which stands before it at 0; list the weakest first`},
		{"much stronger before weaker", "logins",
			`[{"level": "normal", "claims": [{}]}, {"level": "phrh", "claims": [{}]}, {"level": "mfa", "claims": [{}]}]`,
			`.logins[2]: "mfa" is weaker than "phrh", which stands before it at 1; list the weakest first`},
		{"scope with a space", "logins", `[{"level": "mfa", "claims": [{}], "scopes": ["transfer funds"]}]`,
			`.logins[0].scopes[0]: a value of scope has the character ' '`},
		{"acr value with a quote", "logins", `[{"level": "mfa", "claims": [{}], "request": {"acr_values": "m\"fa"}}]`,
			`.logins[0].request.acr_values: a value of acr_values has the character '"'`},
		{"acr value with a backslash", "logins", `[{"level": "mfa", "claims": [{}], "request": {"acr_values": "m\\fa"}}]`,
			`.logins[0].request.acr_values: a value of acr_values has the character '\\'`},
		{"acr value with a control character", "logins", `[{"level": "mfa", "claims": [{}], "request": {"acr_values": "mfa\r\n"}}]`,
			`.logins[0].request.acr_values: a value of acr_values has the character '\r'`},
		{"acr value beyond ASCII", "logins", `[{"level": "mfa", "claims": [{}], "request": {"acr_values": "größer"}}]`,
			`.logins[0].request.acr_values: a value of acr_values has the character 'ö'`},
		{"acr values with two spaces", "logins", `[{"level": "mfa", "claims": [{}], "request": {"acr_values": "mfa  phr"}}]`,
			`.logins[0].request.acr_values: a value of acr_values is empty; separate values by single spaces`},
		{"max_age that is no number", "logins", `[{"level": "mfa", "claims": [{}], "request": {"max_age": "1h"}}]`,
			`.logins[0].request.max_age: "1h" is no number of seconds; write digits, as text`},
		{"max_age as a number", "logins", `[{"level": "mfa", "claims": [{}], "request": {"max_age": 60}}]`,
			`.logins[0].request.max_age: a JSON number cannot stand here`},
		{"prompt that asks for nothing", "logins", `[{"level": "mfa", "claims": [{}], "request": {"prompt": "none"}}]`,
			`.logins[0].request.prompt: "none" lets nobody sign in; write login, consent or select_account`},
		{"unknown parameter", "logins", `[{"level": "mfa", "claims": [{}], "request": {"acr": "mfa"}}]`,
			`.logins[0].request.acr: unknown parameter; scope, acr_values, max_age and prompt are known`},
		{"null deep inside", "logins", `[{"level": "mfa", "claims": [{"acr": null}]}]`,
			`.logins[0].claims[0].acr: null says nothing; leave the member out`},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := object(t, soundVocabulary)
			v[test.member] = value(t, test.value)
			_, err := assurance.Load(policies.Levels(), map[string]any{"my-own": v})
			expectError(t, err, `data.stepup.vocabularies["my-own"]`+test.want)
		})
	}
}

const soundVocabulary = `{
	"claims": {"acr": {"normal": "normal", "mfa": "mfa", "0": "none"}, "amr": {}},
	"kinds": {"amr": "list"}, "methods": ["amr"], "auth_time": ["auth_time"]
}`

func TestLoadAcceptsWhatTheRowsAboveChange(t *testing.T) {
	for name, v := range map[string]string{
		"sound":   soundVocabulary,
		"minimal": `{}`,
		"incomparable levels in any order": `{"claims": {"acr": {"x": "kiosk", "y": "phrh"}}, "logins": [
			{"level": "phrh", "claims": [{"acr": "y"}]}, {"level": "kiosk", "claims": [{"acr": "x"}]}]}`,
		"several logins of one level": `{"claims": {"acr": {"mfa": "mfa"}}, "logins": [
			{"level": "mfa", "claims": [{"acr": "mfa"}]},
			{"level": "mfa", "claims": [{"acr": "mfa"}], "scopes": ["transfer:funds"],
			 "request": {"scope": "openid transfer:funds", "acr_values": "mfa phr", "max_age": "0", "prompt": "login consent"}}]}`,
	} {
		levels := policies.Levels()
		levels["kiosk"] = map[string]any{}
		if _, err := assurance.Load(levels, map[string]any{"v": object(t, v)}); err != nil {
			t.Errorf("Load of the %s vocabulary: got %v, want nil", name, err)
		}
	}
}

func TestLoadTellsEveryFault(t *testing.T) {
	_, err := assurance.Load(policies.Levels(), object(t, `{
		"b": {"absent": "x", "logins": [{"level": "y", "claims": []}]}, "a": {"absnt": "none"}}`))
	expectError(t, err, strings.Join([]string{
		`data.stepup.vocabularies.a.absnt: unknown member; correct its name or take it out`,
		`data.stepup.vocabularies.b.absent: "x" is no level; the levels are normal, mfa, phr, phrh`,
		`data.stepup.vocabularies.b.logins[0].level: "y" is no level; the levels are normal, mfa, phr, phrh`,
		`data.stepup.vocabularies.b.logins[0].claims: no claims; give at least one set, [{}] for a login of which no claim tells`,
	}, "\n"))
	first, ok := errors.AsType[*assurance.Error](err)
	if !ok || first.Where != "data.stepup.vocabularies.a.absnt" {
		t.Errorf("errors.AsType[*Error]: got %+v, want the fault at data.stepup.vocabularies.a.absnt", first)
	}
}

// A graph in which the ways down double with every level is walked once per level.
func TestLoadOfManyWaysDown(t *testing.T) {
	levels := map[string]any{"l0": map[string]any{}, "r0": map[string]any{}}
	lower := []any{"l0", "r0"}
	for i := range 40 {
		l, r := fmt.Sprintf("l%d", i+1), fmt.Sprintf("r%d", i+1)
		levels[l], levels[r] = map[string]any{"implies": lower}, map[string]any{"implies": lower}
		lower = []any{l, r}
	}
	c, err := assurance.Load(levels, nil)
	if err != nil {
		t.Fatalf("Load: got %v, want nil", err)
	}
	if got := len(c.Order().Implied("l40")); got != 81 {
		t.Errorf("Implied(l40): got %d levels, want 81", got)
	}
}

func expectError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want %s", want)
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func object(t *testing.T, text string) map[string]any {
	t.Helper()
	return value(t, text).(map[string]any)
}

func value(t *testing.T, text string) any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		t.Fatalf("test data %s: %v", text, err)
	}
	return v
}
