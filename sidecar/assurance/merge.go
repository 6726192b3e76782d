package assurance

import (
	"maps"
	"slices"

	"stepup/sidecar/access"
)

// Data is levels and vocabularies before they are loaded: data.stepup.levels and
// data.stepup.vocabularies, each by name.
type Data struct {
	Levels       access.Object
	Vocabularies access.Object
}

// Merge adds levels and vocabularies to the shipped ones, by name. What is shipped stays
// what it is: a name that is already there is an [Error], even if it says the same, unless
// mayRedefine lists it; then the added one replaces it as a whole. Neither argument is
// changed.
func Merge(shipped, added Data, mayRedefine []string) (Data, error) {
	var f faults
	merged := Data{
		Levels:       merge(&f, levelsPlace, shipped.Levels, added.Levels, mayRedefine),
		Vocabularies: merge(&f, vocabulariesPlace, shipped.Vocabularies, added.Vocabularies, mayRedefine),
	}
	if err := f.err(); err != nil {
		return Data{}, err
	}
	return merged, nil
}

func merge(f *faults, where place, shipped, added access.Object, mayRedefine []string) access.Object {
	all := access.Object{}
	maps.Copy(all, shipped)
	for _, name := range slices.Sorted(maps.Keys(added)) {
		if _, taken := shipped[name]; taken && !slices.Contains(mayRedefine, name) {
			f.add(where.member(name), "already shipped; choose another name, or list %q in policy.may_redefine", name)
		}
		all[name] = added[name]
	}
	return all
}
