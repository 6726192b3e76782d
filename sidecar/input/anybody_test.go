package input_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
	"stepup/sidecar/input"
)

// What is known of anybody's document, when nothing is told but action and resource. All
// else that the schema has is untold: a member that is added to it is missed here until
// somebody thought about it.
var knownOfAnybody = []string{
	"action/name", "resource/id", "resource/type",
	"subject/type", "subject/properties", "token/issuer", "token/vocabulary",
	"assurance", "now",
}

func TestUntoldIsAllElse(t *testing.T) {
	var unknown []string
	for _, path := range input.Untold(access.RequirementQuestion{}).Members {
		unknown = append(unknown, strings.Join(path, "/"))
	}
	var missed []string
	for member := range schemaMembers(t) {
		member = strings.ReplaceAll(strings.TrimPrefix(member, "input."), ".", "/")
		if partly(unknown, member) || partly(knownOfAnybody, member) {
			continue // its members are told apart
		}
		if covered(unknown, member) == covered(knownOfAnybody, member) {
			missed = append(missed, member)
		}
	}
	if len(missed) > 0 {
		t.Errorf("neither known nor untold, or both: %q", missed)
	}
}

// covered reports whether a member is one of the list or below one.
func covered(list []string, member string) bool {
	return slices.ContainsFunc(list, func(one string) bool {
		return member == one || strings.HasPrefix(member, one+"/")
	})
}

// partly reports whether the list names something below a member.
func partly(list []string, member string) bool {
	return slices.ContainsFunc(list, func(one string) bool { return strings.HasPrefix(one, member+"/") })
}

// What is told is known.
func TestUntoldLeavesOutWhatIsTold(t *testing.T) {
	q := access.RequirementQuestion{
		Action:   access.Action{Properties: access.Object{}},
		Resource: access.Resource{Properties: access.Object{}},
		Context:  access.Object{},
		HTTP: &access.HTTPRequest{
			Method: "GET", Scheme: "https", Host: "a", Path: "/", Query: map[string][]string{}, ClientIP: "192.0.2.1", Arrived: []string{"accept"},
		},
	}
	for _, path := range input.Untold(q).Members {
		if path[0] != "token" && path[0] != "subject" {
			t.Errorf("%q is untold", path)
		}
	}
	q.HTTP = &access.HTTPRequest{Method: "GET"}
	got := input.Untold(q).Members
	want := [][]string{
		{"request", "scheme"}, {"request", "host"}, {"request", "path"}, {"request", "segments"},
		{"request", "query"}, {"request", "headers"}, {"request", "client_ip"},
	}
	if diff := cmp.Diff(want, got[len(got)-len(want):]); diff != "" {
		t.Errorf("Untold of a request with a method only (-want +got):\n%s", diff)
	}
}

// The document of anybody has the issuer that every token will have, and can be imagined.
func TestAnybody(t *testing.T) {
	v := &assurance.Vocabulary{
		Name: "corp", Words: map[string]string{"mfa": "c1"}, MaxLevel: "mfa", AuthTime: []string{"auth_time"},
		Logins: []assurance.Login{{Level: "mfa", Claims: []access.Object{{"acr": "c1"}}}},
	}
	doc := input.Anybody(access.RequirementQuestion{}, "https://idp.example/", v, 1000).Imagine(v, v.Logins[0], 0).Object()
	token := doc["token"].(access.Object)
	for name, want := range map[string]any{
		"issuer":     "https://idp.example/",
		"vocabulary": access.Object{"name": "corp", "levels": access.Object{"mfa": "c1"}, "max_level": "mfa"},
		"claims":     access.Object{"acr": "c1", "auth_time": json.Number("1000")},
	} {
		if diff := cmp.Diff(want, token[name]); diff != "" {
			t.Errorf("token.%s (-want +got):\n%s", name, diff)
		}
	}
	want := access.Object{"type": "user", "id": "", "properties": access.Object{"issuer": "https://idp.example/"}}
	if diff := cmp.Diff(want, doc["subject"]); diff != "" {
		t.Errorf("subject (-want +got):\n%s", diff)
	}
}
