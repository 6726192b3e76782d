package client

import (
	"go/build"
	"strings"
	"testing"
)

// Whoever copies this folder into a program needs nothing else.
func TestImportsOnlyTheStandardLibrary(t *testing.T) {
	pkg, err := build.ImportDir(".", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range pkg.Imports {
		if first, _, _ := strings.Cut(name, "/"); strings.Contains(first, ".") || first == "stepup" {
			t.Errorf("imports %s, which is not of the standard library", name)
		}
	}
}
