package input_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
	"stepup/sidecar/input"
	"stepup/sidecar/token"
)

// TestPartsAreTheDocument holds the parts to the document that policies see: at every path
// that there is, and at others, a part says what is there. A member that is added to one
// and not to the other is found here: what no part tells would be missing in the key of
// kept answers.
func TestPartsAreTheDocument(t *testing.T) {
	full := input.Document{
		Subject:  access.Subject{Type: "user", ID: "alice", Properties: access.Object{"issuer": "i"}},
		Action:   access.Action{Name: "GET", Properties: access.Object{"a": "b"}},
		Resource: access.Resource{Type: "route", ID: "/a", Properties: access.Object{"owner": access.Object{"id": "x"}}},
		Context:  access.Object{"amount": json.Number("5"), "list": []any{"a"}, "null": nil},
		Request: &access.HTTPRequest{Method: "GET", Scheme: "https", Host: "h", Path: "/a", Segments: []string{"a"},
			Query: map[string][]string{"q": {"1"}}, Headers: map[string][]string{"x": {"1", "2"}}, ClientIP: "127.0.0.1"},
		Token: &token.Claims{Issuer: "i", Subject: "alice", ClientID: "c", Audiences: []string{"a"}, Scopes: []string{"read"}, Kind: token.AccessToken,
			Binding: token.BindingNone, ExpiresAt: 5, Vocabulary: token.Vocabulary{Name: "oidc", Levels: map[string]string{"mfa": "m"}, MaxLevel: "phr"},
			All: token.ClaimsOf(access.Object{"tenant": access.Object{"id": "t"}, "acr": nil})},
		Assurance: access.Assurance{Levels: []string{"normal"}, Methods: []string{"pwd"}, AuthTime: 3},
		Now:       7,
	}
	bare := input.Document{Assurance: access.NoAssurance()}
	paths := pathsOf(full.Object(), nil)
	for _, path := range slices.Clone(paths) {
		paths = append(paths, append(slices.Clone(path), "nothing"), append(slices.Clone(path), "0"))
	}
	for _, doc := range []input.Document{full, bare} {
		for _, path := range paths {
			compareAt(t, doc, path)
		}
	}
}

// compareAt compares what stands at a path with what its parts tell, but for what moves
// with the clock.
func compareAt(t *testing.T, doc input.Document, path []string) {
	t.Helper()
	told := map[string]any{}
	for _, p := range input.PartsAt(path) {
		if v, there := p.Of(doc); there {
			told[strings.Join(p.Path(), ".")] = v
		}
	}
	want := map[string]any{}
	if at, there := standing(doc.Object(), path); there {
		flatten(want, at, path)
	}
	got := map[string]any{}
	for name, v := range told {
		flatten(got, v, strings.Split(name, "."))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("at %q of the document, and what its parts tell (-document +parts):\n%s", path, diff)
	}
}

// standing walks into JSON, in which a name leads into objects only.
func standing(v any, path []string) (any, bool) {
	for _, name := range path {
		o, isObject := v.(access.Object)
		member, there := o[name]
		if !isObject || !there {
			return nil, false
		}
		v = member
	}
	return v, true
}

// flatten notes every value by its path, with empty objects and lists; now and the age are
// left out.
func flatten(into map[string]any, v any, path []string) {
	name := strings.Join(path, ".")
	if name == "now" || name == "assurance.age" {
		return
	}
	text, _ := json.Marshal(v)
	var plain any
	_ = json.Unmarshal(text, &plain)
	if o, isObject := plain.(map[string]any); isObject && len(o) > 0 {
		for member, value := range o {
			flatten(into, value, append(slices.Clone(path), member))
		}
		return
	}
	if list, isList := plain.([]any); plain == nil && v != nil || isList && len(list) == 0 {
		plain = "empty"
	}
	into[name] = fmt.Sprint(plain)
}

func pathsOf(v any, path []string) [][]string {
	paths := [][]string{path}
	if o, isObject := v.(access.Object); isObject {
		for name, member := range o {
			paths = append(paths, pathsOf(member, append(slices.Clone(path), name))...)
		}
	}
	return paths
}
