package assurance

import (
	"slices"

	"stepup/sidecar/access"
)

// Agree returns what two readings of the same login have in common: claims that contradict
// each other give only what all of them satisfy, never the sum. Of two login times the
// earlier counts, so that disagreement never makes a login younger.
func Agree(a, b Reading, order Order) Reading {
	r := Reading{
		Assurance: access.Assurance{
			Levels:   common(a.Assurance.Levels, b.Assurance.Levels),
			Methods:  common(a.Assurance.Methods, b.Assurance.Methods),
			AuthTime: min(a.Assurance.AuthTime, b.Assurance.AuthTime),
			Told:     a.Assurance.Told || b.Assurance.Told,
		},
		Invalid: append(slices.Clone(a.Invalid), b.Invalid...),
	}
	r.Assurance.Level = strongest(r.Assurance.Levels, []string{a.Assurance.Level, b.Assurance.Level}, order)
	return r
}

func common(a, b []string) []string {
	both := []string{}
	for _, one := range a {
		if slices.Contains(b, one) {
			both = append(both, one)
		}
	}
	return both
}

// strongest returns the level that satisfies all the others: one that a reading names, or
// else the last, since levels stand weakest first.
func strongest(levels, named []string, order Order) string {
	for _, level := range named {
		if slices.Contains(levels, level) && len(order.Implied(level)) == len(levels) {
			return level
		}
	}
	if len(levels) == 0 {
		return access.NoLevel
	}
	return levels[len(levels)-1]
}
