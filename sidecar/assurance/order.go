package assurance

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"stepup/sidecar/access"
)

// An Order is the partial order of levels. The zero value knows no level. An Order is
// never changed and may be used by many goroutines.
type Order struct {
	implied map[string][]string // each level to itself and all below, weakest first
}

// level is the form of data.stepup.levels.<name>.
type level struct {
	Implies []string `json:"implies"`
}

// newOrder checks that every level implies only levels, and none itself.
func newOrder(levels map[string]level) (Order, error) {
	var f faults
	for _, name := range slices.Sorted(maps.Keys(levels)) {
		checkLevelName(&f, levelsPlace.member(name), name)
		for i, lower := range levels[name].Implies {
			if _, known := levels[lower]; !known {
				f.add(levelsPlace.member(name).member("implies").index(i),
					"%q is no level; define it in %s or take it out", lower, levelsPlace)
			}
		}
		if circle := pathTo(levels, name, name, map[string]bool{}); circle != nil {
			f.add(levelsPlace.member(name), "the level implies itself (by way of %s); break the circle",
				strings.Join(circle, ", "))
		}
	}
	if len(f) > 0 {
		return Order{}, f.err()
	}
	return closed(levels), nil
}

func checkLevelName(f *faults, where place, name string) {
	if name == access.NoLevel {
		f.add(where, "%q means no level at all; choose another name", name)
		return
	}
	if problem := badToken(name); problem != "" {
		f.add(where, "the name of a level %s; choose another name", problem)
	}
}

// pathTo returns the names on a way down from one level to another, that one included;
// nil if there is none. Levels seen before lead nowhere.
func pathTo(levels map[string]level, from, to string, seen map[string]bool) []string {
	for _, lower := range levels[from].Implies {
		if lower == to {
			return []string{to}
		}
		if seen[lower] {
			continue
		}
		seen[lower] = true
		if path := pathTo(levels, lower, to, seen); path != nil {
			return append([]string{lower}, path...)
		}
	}
	return nil
}

func closed(levels map[string]level) Order {
	o := Order{implied: map[string][]string{}}
	for name := range levels {
		reached := []string{name}
		for i := 0; i < len(reached); i++ {
			for _, lower := range levels[reached[i]].Implies {
				if !slices.Contains(reached, lower) {
					reached = append(reached, lower)
				}
			}
		}
		o.implied[name] = reached
	}
	for _, reached := range o.implied {
		o.Sort(reached)
	}
	return o
}

// Known reports whether there is a level of that name. "none" is none.
func (o Order) Known(level string) bool { return o.implied[level] != nil }

// Levels returns all levels, weakest first.
func (o Order) Levels() []string {
	all := slices.Collect(maps.Keys(o.implied))
	o.Sort(all)
	return all
}

// Implied returns a level and all that it implies, weakest first; nothing for a name
// that is no level. The caller owns the result.
func (o Order) Implied(level string) []string { return slices.Clone(o.implied[level]) }

// Satisfies reports whether a login of level have is one of level want. A name that is
// no level satisfies nothing and is satisfied by nothing.
func (o Order) Satisfies(have, want string) bool { return slices.Contains(o.implied[have], want) }

// Sort orders levels weakest first: by how many they imply, then by name. It extends
// the partial order, so no level comes before one that it implies.
func (o Order) Sort(levels []string) {
	slices.SortFunc(levels, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(o.implied[a]), len(o.implied[b])), cmp.Compare(a, b))
	})
}

// names lists the levels for an error message.
func (o Order) names() string { return strings.Join(o.Levels(), ", ") }
