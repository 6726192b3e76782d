package assurance

import (
	"slices"

	"stepup/sidecar/access"
)

// Agree returns what a reading proves that another does not contradict: never more than the
// one alone, and of that only what claims of the other leave standing. The first is the one
// that proves, unless it gives no level and the other does.
//
// A reading that tells of no level, or of no time, contradicts none. Of two login times the
// earlier counts, so that disagreement never makes a login younger.
func Agree(proof, other Reading, order Order) Reading {
	if len(proof.Assurance.Levels) == 0 && !proof.Graded {
		proof, other = other, proof
	}
	r := Reading{Assurance: proof.Assurance, Invalid: append(slices.Clone(proof.Invalid), other.Invalid...)}
	r.Assurance.Told = proof.Assurance.Told || other.Assurance.Told
	if other.Graded {
		r.Assurance.Levels = common(proof.Assurance.Levels, other.Assurance.Levels)
		r.Assurance.Level = strongest(r.Assurance.Levels, []string{proof.Assurance.Level, other.Assurance.Level}, order)
	}
	if len(other.Assurance.Methods) > 0 {
		r.Assurance.Methods = common(proof.Assurance.Methods, other.Assurance.Methods)
	}
	if proof.Assurance.AuthTime > 0 && other.Assurance.AuthTime > 0 {
		r.Assurance.AuthTime = min(proof.Assurance.AuthTime, other.Assurance.AuthTime)
	}
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
