package policy

import (
	"context"
	"slices"

	"stepup/policies"
)

// demonstration is the policy that is embedded in the program.
type demonstration struct{}

func (demonstration) kind() string                     { return KindDemonstration }
func (demonstration) watched(context.Context) []string { return nil }

func (demonstration) revision(t tree, _ string) string {
	return KindDemonstration + "@" + withLibrary(t).digest()
}

func (demonstration) read(context.Context) (tree, error) {
	t := tree{base: "policies"}
	for _, m := range policies.Demonstration() {
		t.files = append(t.files, file{m.Path, []byte(m.Source)})
	}
	t.sort()
	return t, nil
}

// withLibrary adds what else of the embedded tree decides, so that the revision of the
// demonstration tells two programs apart whose library or vocabularies differ.
func withLibrary(t tree) tree {
	all := tree{files: append([]file(nil), t.files...)}
	for _, m := range slices.Concat(policies.Library(), policies.LibraryData()) {
		all.files = append(all.files, file{m.Path, []byte(m.Source)})
	}
	all.sort()
	return all
}
