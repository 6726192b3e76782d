package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestVariablesStandInOPAsConfiguration also says where they do not.
func TestVariablesStandInOPAsConfiguration(t *testing.T) {
	const text = `
policy:
  path: ${NAME}
  package: p
  opa:
    labels: {plain: $NAME, 'key-${NAME}': x, twice: "${NAME}/${NAME}", empty: "${EMPTY}", tricky: "${YAML}"}
    services:
      a:
        credentials:
          oauth2:
            additional_claims:
              numbers:
                - ${NUMBER}
                - "${NUMBER}"
                - !!str 5
              again: ${LOOP}
`
	c, _, err := load(text, "NAME=first", "NAME=a b", "NUMBER=10", "EMPTY=", "YAML=x\n}: [&", "LOOP=${NAME}")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"labels": map[string]any{"plain": "$NAME", "key-${NAME}": "x", "twice": "a b/a b", "empty": "", "tricky": "x\n}: [&"},
		// Without quotes a number is a number, as if it were written out.
		"services": map[string]any{"a": map[string]any{"credentials": map[string]any{"oauth2": map[string]any{
			"additional_claims": map[string]any{"numbers": []any{10, "10", "5"}, "again": "${NAME}"},
		}}}},
	}
	if diff := cmp.Diff(want, c.Policy.OPA); diff != "" {
		t.Errorf("policy.opa (-want +got):\n%s", diff)
	}
	if c.Policy.Path != "${NAME}" {
		t.Errorf("policy.path = %q; only policy.opa knows variables", c.Policy.Path)
	}
	var printed strings.Builder
	if err := c.Print(&printed); err != nil || strings.Contains(printed.String(), "a b") || strings.Contains(printed.String(), "$NAME") {
		t.Errorf("Print shows what may be secret (%v):\n%s", err, &printed)
	}
}

// FuzzExpand: whatever a variable holds, it stands in its place as text and nothing else
// of the configuration becomes different.
func FuzzExpand(f *testing.F) {
	for _, seed := range []string{"", "a", "x\n}: [&", "${NAME}", `"`, "'", "- a\n- b", "!!int 5"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		c, _, err := load("policy: {opa: {labels: {a: \"<${NAME}>\", b: c}}}", "NAME="+value)
		if err != nil {
			t.Skip() // longer than a configuration may be, or no text
		}
		want := map[string]any{"labels": map[string]any{"a": "<" + value + ">", "b": "c"}}
		if diff := cmp.Diff(want, c.Policy.OPA); diff != "" {
			t.Errorf("NAME=%q: policy.opa (-want +got):\n%s", value, diff)
		}
	})
}
