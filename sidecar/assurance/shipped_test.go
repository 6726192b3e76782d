package assurance_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"stepup/policies"
	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
)

func TestShippedDataHoldsToItsLaws(t *testing.T) {
	c := shipped(t)
	if got, want := fmt.Sprint(c.Order().Levels()), "[normal mfa phr phrh]"; got != want {
		t.Errorf("shipped levels: got %s, want %s", got, want)
	}
	library := newLibrary(t, policies.Levels(), policies.Vocabularies())
	if err := c.ReadBack(library.read, c.Names()...); err != nil {
		t.Errorf("ReadBack: got %v, want nil", err)
	}
}

// At every ceiling, what is still offered reads back to its level.
func TestShippedVocabulariesReadBackBelowEveryCeiling(t *testing.T) {
	c := shipped(t)
	library := newLibrary(t, policies.Levels(), policies.Vocabularies())
	for _, name := range c.Names() {
		for _, ceiling := range c.Order().Levels() {
			v, err := c.For(name, nil, ceiling)
			if err != nil {
				t.Fatalf("For(%q, nil, %q): %v", name, ceiling, err)
			}
			if err := v.ReadBack(c.Order(), library.read); err != nil {
				t.Errorf("For(%q, nil, %q).ReadBack: got %v, want nil", name, ceiling, err)
			}
		}
	}
}

func TestTenantWordsReadBack(t *testing.T) {
	c := shipped(t)
	library := newLibrary(t, policies.Levels(), policies.Vocabularies())
	for name, words := range map[string]map[string]string{
		"auth0-rule": {"normal": "low", "mfa": "high"},
		"oidc":       {"phr": "phrh", "phrh": "phr"}, // exchanged
	} {
		v, err := c.For(name, words, "")
		if err != nil {
			t.Fatalf("For(%q, %v): %v", name, words, err)
		}
		if err := v.ReadBack(c.Order(), library.read); err != nil {
			t.Errorf("For(%q, %v).ReadBack: got %v, want nil", name, words, err)
		}
	}
}

func shipped(t *testing.T) *assurance.Catalog {
	t.Helper()
	c, err := assurance.Load(policies.Levels(), policies.Vocabularies())
	if err != nil {
		t.Fatalf("Load of what is shipped: %v", err)
	}
	return c
}

// A library is stepup.assurance, compiled over some levels and vocabularies.
type library struct{ query rego.PreparedEvalQuery }

func newLibrary(t testing.TB, levels, vocabularies access.Object) library {
	t.Helper()
	data := map[string]any{"stepup": map[string]any{"levels": levels, "vocabularies": vocabularies}}
	options := []func(*rego.Rego){
		rego.Query("data.stepup.assurance.reading"),
		rego.Store(inmem.NewFromObject(data)),
		rego.StrictBuiltinErrors(true),
	}
	for _, m := range policies.Library() {
		options = append(options, rego.Module(m.Path, m.Source))
	}
	query, err := rego.New(options...).PrepareForEval(context.Background())
	if err != nil {
		t.Fatalf("compiling the library: %v", err)
	}
	return library{query}
}

// A reading is the whole answer of the library.
type reading struct {
	Level    string   `json:"level"`
	Levels   []string `json:"levels"`
	Methods  []string `json:"methods"`
	AuthTime int64    `json:"auth_time"`
	Told     bool     `json:"told"`
	Invalid  []string `json:"invalid"`
}

// ask returns what the library reads in the claims of one token.
func (l library) ask(v *assurance.Vocabulary, claims access.Object, machine bool) (reading, error) {
	words := access.Object{}
	for level, word := range v.Words {
		words[level] = word
	}
	input := access.Object{"machine": machine, "token": access.Object{
		"claims":     claims,
		"vocabulary": access.Object{"name": v.Name, "levels": words, "max_level": v.MaxLevel},
	}}
	results, err := l.query.Eval(context.Background(), rego.EvalInput(input))
	if err != nil {
		return reading{}, err
	}
	if len(results) != 1 {
		return reading{}, fmt.Errorf("the reading is undefined for %v", input)
	}
	var r reading
	text, err := json.Marshal(results[0].Expressions[0].Value)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	return r, err
}

// read is the library as [assurance.Read].
func (l library) read(v *assurance.Vocabulary, claims access.Object) (access.Assurance, error) {
	r, err := l.ask(v, claims, false)
	if err == nil && len(r.Invalid) > 0 {
		err = fmt.Errorf("claims of the wrong type: %q", r.Invalid)
	}
	return access.Assurance{Level: r.Level, Levels: r.Levels, Methods: r.Methods, AuthTime: r.AuthTime, Told: r.Told}, err
}
