package policy

import (
	"slices"
	"sort"

	"github.com/open-policy-agent/opa/v1/ast"

	"stepup/sidecar/input"
	"stepup/sidecar/keep"
)

// partsRead lists the parts of the document that any output could look at, found as widely
// as in [timeless]: two documents that agree in all of them, and in the moment, are one to
// this policy. What cannot be told exactly is told as more: a reference with a variable in
// it reads all below the place where its names end.
func partsRead(compiler *ast.Compiler, outputs []ast.Ref) []input.Part {
	var paths [][]string
	w := ruleWalk{compiler: compiler, seen: map[*ast.Rule]bool{}, input: func(ref ast.Ref) bool {
		paths = append(paths, namesOf(ref))
		return false
	}}
	for _, ref := range outputs {
		w.ref(ref)
	}
	return distinctParts(paths)
}

// namesOf is the path of a reference to the input as far as it is names: an index leads
// into lists, of which only the whole is a part.
func namesOf(ref ast.Ref) []string {
	names := []string{}
	for _, t := range ref[1:] {
		name, ok := t.Value.(ast.String)
		if !ok {
			break
		}
		names = append(names, string(name))
	}
	return names
}

// distinctParts finds the parts at some paths, without those that lie within another.
func distinctParts(paths [][]string) []input.Part {
	slices.SortFunc(paths, slices.Compare[[]string])
	var kept [][]string
	for _, path := range paths {
		if n := len(kept); n == 0 || len(path) < len(kept[n-1]) || !slices.Equal(kept[n-1], path[:len(kept[n-1])]) {
			kept = append(kept, path)
		}
	}
	var parts []input.Part
	for _, path := range kept {
		parts = append(parts, input.PartsAt(path)...)
	}
	return parts
}

// See shows all that decides of a document, so that it can be known again: what of it the
// policy can look at, and of time what the policy can tell apart. Documents that look alike
// get equal answers and equal step-ups, for the same issuer, levels and scopes: always if
// [Snapshot.AgesOnly], else at the same moment.
func (s *Snapshot) See(doc input.Document, to keep.Sight) {
	for _, p := range s.parts {
		to.Part(p.Of(doc))
	}
	to.Flag(doc.Assurance.AuthTime == 0)
	if !s.AgesOnly() {
		to.Number(doc.Assurance.AuthTime)
		return
	}
	// An imagined login whose time is never told is as old as now.
	to.Number(s.passed(doc.Age()))
	to.Number(s.passed(doc.Now))
}

// AgesOnly reports that of time the policy looks only at the age of the login, which it
// compares with numbers: between two of them nothing changes, not even what would come of
// a login made now.
func (s *Snapshot) AgesOnly() bool { return s.ages != nil }

// passed tells how many of the moments an age has passed at which an answer can change.
func (s *Snapshot) passed(age int64) int64 {
	return int64(sort.Search(len(s.turns), func(i int) bool { return s.turns[i] > age }))
}

// turnsOf lists the ages at which an answer can change: breakpoints, and the seconds after.
func turnsOf(breakpoints []int64) []int64 {
	var turns []int64
	for _, b := range breakpoints {
		turns = append(turns, b, b+1)
	}
	slices.Sort(turns)
	return slices.Compact(turns)
}
