package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// libraryPackage is the name below which everything is the library's.
const libraryPackage = "stepup"

// parsePackage reads the name of a policy's package, as it stands after the word
// package, into its place below data.
func parsePackage(name string) (ast.Ref, error) {
	if name == "" {
		return nil, errors.New("policy.package is not set: give the package whose rule allow decides")
	}
	ref, err := ast.ParseRef("data." + name)
	if err != nil || !ref.IsGround() || !allText(ref[1:]) {
		return nil, fmt.Errorf("policy.package: %q is not the name of a package, as in \"fabrikam\" or \"acme.intranet\"", name)
	}
	switch first := string(ref[1].Value.(ast.String)); first {
	case libraryPackage:
		return nil, fmt.Errorf("policy.package: %q belongs to the library; give your policy another name", name)
	case "data":
		return nil, fmt.Errorf("policy.package: %q: leave out \"data.\"", name)
	}
	return ref, nil
}

func allText(ref ast.Ref) bool {
	for _, t := range ref {
		if _, ok := t.Value.(ast.String); !ok {
			return false
		}
	}
	return len(ref) > 0
}

// packageName is the name of a package as its author writes it.
func packageName(ref ast.Ref) string { return strings.TrimPrefix(ref.String(), "data.") }

func packagesOf(modules map[string]*ast.Module) []string {
	names := map[string]bool{}
	for _, m := range modules {
		names[packageName(m.Package.Path)] = true
	}
	return keys(names)
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
