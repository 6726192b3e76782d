package derive_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stepup/sidecar/derive"
	policies "stepup/sidecar/policy"
)

// checkedPolicies is how many generated policies are checked.
const checkedPolicies = 60

// TestChecks checks policies as an author would: none is at fault, and of those whose ages
// can be found none is said not to be understood.
func TestChecks(t *testing.T) {
	t.Parallel()
	for _, c := range generated(seedOf(t), checkedPolicies) {
		if checked(t, c.text, c.world) && c.exact {
			t.Errorf("policy %d: Check warns of ages that are not understood, but they can be found\n%s", c.number, c.text)
		}
	}
}

// TestChecksForms holds the warning to policies as people write them: it is given where
// the breakpoints are not found. Of one a check cannot know: a look over all members of an
// object is only lost when some of them are known.
func TestChecksForms(t *testing.T) {
	t.Parallel()
	for _, m := range slices.Concat(solved(), unsolved()) {
		t.Run(strings.ReplaceAll(m.name, " ", "_"), func(t *testing.T) {
			if got, want := checked(t, m.policy().text, chain()), !m.exact && m.name != "members of an object"; got != want {
				t.Errorf("Check warns of ages that are not understood: %t, want %t\n%s", got, want, m.policy().text)
			}
		})
	}
}

// TestChecksFloor holds the floor that a check warns of to the one that the search keeps.
func TestChecksFloor(t *testing.T) {
	t.Parallel()
	for age, want := range map[int]bool{derive.Floor - 1: true, derive.Floor: false} {
		text := fmt.Sprintf("package p\n\nallow if input.assurance.age <= %d\n", age)
		if got := warned(t, text, chain(), "nobody is stepped up for it"); got != want {
			t.Errorf("Check warns of an age of %d: %t, want %t", age, got, want)
		}
	}
}

// checked reports whether a check warns of ages that are not understood.
func checked(t *testing.T, text string, w *world) bool {
	t.Helper()
	return warned(t, text, w, "not understood")
}

// warned reports whether a check says something of a policy. Anything that is wrong with
// the policy fails the test.
func warned(t *testing.T, text string, w *world, of string) bool {
	t.Helper()
	dir := t.TempDir()
	data, err := json.Marshal(w.data())
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"p.rego": []byte(text), "data.json": data} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found, err := policies.Check(t.Context(), dir, policies.Config{
		Package: "p", MayRedefine: names(w.levels),
		Issuers: []policies.Use{{Issuer: "https://idp.example/", Vocabulary: w.vocabularyName()}},
	})
	if err != nil {
		t.Fatalf("checking: %v\n%s", err, text)
	}
	for _, f := range found {
		if f.Severity == policies.SeverityError {
			t.Errorf("Check: %s\n%s", f, text)
		}
	}
	return slices.ContainsFunc(found, func(f policies.Finding) bool { return strings.Contains(f.Message, of) })
}
