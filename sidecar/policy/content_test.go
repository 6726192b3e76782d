package policy_test

import (
	"strings"
	"testing"

	"stepup/sidecar/access"
	"stepup/sidecar/policy"
)

// received is a content of one bundle: rules of package p and data below p.
func received(revision, rules string, data access.Object) policy.Content {
	return policy.Content{
		Revisions: map[string]string{"b": revision},
		Modules:   []policy.Module{{Path: "b/p.rego", Text: "package p\n\n" + rules}},
		Data:      access.Object{"p": data},
	}
}

// TestRulesAreCompiledOnce: data changes more often than rules. What shares rules shares
// no data, and new data is still held against the rules.
func TestRulesAreCompiledOnce(t *testing.T) {
	p, err := policy.Receive(policy.Config{Package: "p"})
	must(t, err)
	const rules = "default allow := false\n\nallow if data.p.open\n"
	prepare := func(c policy.Content) *policy.Snapshot {
		t.Helper()
		s, err := p.Prepare(t.Context(), c)
		must(t, err)
		return s
	}
	closed := prepare(received("r1", rules, access.Object{"open": false}))
	open := prepare(received("r2", rules, access.Object{"open": true}))
	if !policy.SharesRules(closed, open) {
		t.Error("the same rules were compiled twice")
	}
	for s, want := range map[*policy.Snapshot]bool{closed: false, open: true} {
		if r, err := s.Evaluate(t.Context(), alice("normal")); err != nil || r.Allow != want {
			t.Errorf("%s: allow %v, %v; want %v", s.Revision(), r.Allow, err, want)
		}
	}
	_, err = p.Prepare(t.Context(), received("r3", rules, access.Object{"allow": true}))
	wantText(t, err, "conflict")
	if other := prepare(received("r4", rules+"\nallow if input.now > 1\n", access.Object{})); policy.SharesRules(open, other) {
		t.Error("other rules were not compiled")
	}
	if p.Current() != nil {
		t.Error("preparing made something active")
	}
}

// TestRevisionsOfContents tells what answers name.
func TestRevisionsOfContents(t *testing.T) {
	p, err := policy.Receive(policy.Config{Package: "p"})
	must(t, err)
	of := func(revisions map[string]string, data access.Object) string {
		t.Helper()
		c := received("", "allow := true\n", data)
		c.Revisions = revisions
		s, err := p.Prepare(t.Context(), c)
		must(t, err)
		return s.Revision()
	}
	if got := of(map[string]string{"b": "r2", "a": "r1"}, access.Object{}); got != "a@r1,b@r2" {
		t.Errorf("revision %q, want a@r1,b@r2", got)
	}
	one, two := of(map[string]string{"b": ""}, access.Object{"x": 1}), of(map[string]string{"b": ""}, access.Object{"x": 2})
	if one == two || !strings.HasPrefix(one, "b@") || len(one) != len("b@")+12 {
		t.Errorf("without a revision %q and %q, want two digests", one, two)
	}
}
