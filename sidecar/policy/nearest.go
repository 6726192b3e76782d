package policy

import (
	"fmt"
	"slices"

	"github.com/agnivade/levenshtein"
)

// nearest returns the name that a misspelt one most likely meant, or "".
func nearest(name string, names []string) string {
	best, distance := "", max(2, len(name)/3)+1
	for _, n := range slices.Sorted(slices.Values(names)) {
		if d := levenshtein.ComputeDistance(name, n); d < distance {
			best, distance = n, d
		}
	}
	return best
}

// meant is the end of a sentence about an unknown name.
func meant(name string, names []string) string {
	if n := nearest(name, names); n != "" {
		return fmt.Sprintf("; did you mean %q?", n)
	}
	return ""
}
