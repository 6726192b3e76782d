package config

import (
	"strings"

	"github.com/agnivade/levenshtein"
)

// nearest returns the candidate that takes the fewest edits to reach from name; of
// several the first in alphabetical order, so that an error reads the same every time.
func nearest(name string, candidates []string) string {
	best, least := "", -1
	for _, candidate := range candidates {
		d := distance(name, candidate)
		if least < 0 || d < least || d == least && candidate < best {
			best, least = candidate, d
		}
	}
	return best
}

// distance counts the edits between two names, letter case aside.
func distance(a, b string) int {
	return levenshtein.ComputeDistance(strings.ToLower(a), strings.ToLower(b))
}

// nearestKey returns the path of the key that was probably meant by an unknown name
// among siblings: one that is spelt nearly so, else one of that very name elsewhere,
// else whatever sibling is least far.
func nearestKey(siblings []*Key, name, prefix string) string {
	names := make([]string, 0, len(siblings))
	for _, k := range siblings {
		names = append(names, k.Name)
	}
	best := nearest(name, names)
	if distance(name, best) > max(2, len(name)/3) {
		if path := elsewhere(name); path != "" {
			return path
		}
	}
	return prefix + best
}

// elsewhere returns the path of the first key of that name in the whole table.
func elsewhere(name string) (path string) {
	walk(Keys(), func(k *Key) {
		if path == "" && k.Name == name {
			path = k.Path
		}
	})
	return path
}
