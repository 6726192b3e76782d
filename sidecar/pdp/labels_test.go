package pdp_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
	"stepup/sidecar/pdp"
	"stepup/sidecar/policy"
)

// open loads a policy of one file.
func (b *bench) open(text string) *policy.Policies {
	b.Helper()
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "shop.rego"), []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	policies, err := policy.Open(b.Context(), policy.Config{
		Path: dir, Package: "shop", Issuers: []policy.Use{{Issuer: b.issuer.URL, Vocabulary: "stepup-demo"}},
	})
	if err != nil {
		b.Fatal(err)
	}
	return policies
}

// rarelyOpen allows everybody at /a, and on the way there looks at a rule that holds for ten
// seconds only: what it is allowed by changes, and that it is allowed does not.
const rarelyOpen = `package shop

default allow := false

allow if {
	early
	input.resource.id != "/a"
}

# METADATA
# labels: {way: always}
allow if input.resource.id != "/b"

# METADATA
# labels: {way: early}
early if input.now < %d
`

// TestLabelsOfAKeptAnswer are those of a fresh one at every moment, also where a ruling
// lasts longer than the labels of the rules that lead to it.
func TestLabelsOfAKeptAnswer(t *testing.T) {
	b := newBench(t, "stepup-demo")
	policies := b.open(fmt.Sprintf(rarelyOpen, now.Unix()+10))
	clock := now
	b.config.Policy, b.config.Now = func() pdp.Policy { return policies.Current() }, func() time.Time { return clock }
	text := b.issuer.Token(access.Object{"acr": "mfa"})
	ask := func(labels bool, memory *pdp.Memory) pdp.Record {
		b.config.Labels, b.config.Memory = labels, memory
		if d := b.ask(text, "/a"); d.Outcome != access.Allow {
			t.Fatalf("%v %q", d.Outcome, d.Reasons)
		}
		return b.records.last()
	}
	early, always := access.Object{"way": "early"}, access.Object{"way": "always"}
	memory := pdp.NewMemory(pdp.MemoryConfig{Bytes: 1 << 20})
	for after, want := range []struct {
		seconds int
		labels  []access.Object
	}{{0, []access.Object{early, always}}, {0, []access.Object{early, always}}, {5, []access.Object{early, always}}, {12, []access.Object{always}}} {
		clock = now.Add(time.Duration(want.seconds) * time.Second)
		for which, m := range map[string]*pdp.Memory{"kept": memory, "fresh": nil} {
			if diff := cmp.Diff(want.labels, ask(true, m).Labels); diff != "" {
				t.Errorf("question %d, %d seconds later, %s (-want +got)\n%s", after, want.seconds, which, diff)
			}
		}
	}
	if got := ask(false, nil).Labels; got != nil {
		t.Errorf("labels that nobody asked for: %v", got)
	}
}
