package assurance_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
)

// The Rego library and the reference agree on every token under every vocabulary. A
// failure prints the seed and the smallest case that rapid can find.
func TestLibraryReadsAsTheReferenceDoes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWorld(rt)
		levels, vocabulary := w.data()
		vocabularies := access.Object{"drawn": vocabulary}
		catalog, err := assurance.Load(levels, vocabularies)
		if err != nil {
			rt.Fatalf("Load(%v, %v): got %v, want nil", levels, vocabulary, err)
		}
		v := w.drawIssuer(rt, catalog)
		library := newLibrary(t, levels, vocabularies)
		for range 40 {
			claims := w.drawClaims(rt)
			machine := rapid.IntRange(0, 9).Draw(rt, "machine") == 0
			got, err := library.ask(v, claims, machine)
			if err != nil {
				rt.Fatalf("reading %v under %v: %v", claims, vocabulary, err)
			}
			if diff := cmp.Diff(w.reference(claims, machine), got); diff != "" {
				rt.Fatalf("reading %v (machine: %v) under levels %v, vocabulary %v, words %v, max_level %q: -want +got\n%s",
					claims, machine, levels, vocabulary, w.own, w.maxLevel, diff)
			}
		}
	})
}

var (
	drawnValues  = []string{"v1", "v2", "v3", "0"}
	drawnClaims  = []string{"acr", "acrs", "amr", "mark"}
	drawnMethods = []string{"amr", "how"}
	drawnTimes   = []string{"auth_time", "mfa_time"}
)

func drawWorld(t *rapid.T) world {
	w := world{implies: drawLevels(t), claims: map[string]map[string]string{}, kinds: map[string]string{}}
	level := rapid.SampledFrom(keys(w.implies))
	levelOrNone := rapid.OneOf(level, rapid.Just(access.NoLevel))
	for _, name := range drawSome(t, drawnClaims, "claims") {
		w.claims[name] = map[string]string{}
		for _, value := range drawnValues {
			if rapid.IntRange(0, 4).Draw(t, "unmapped") == 0 {
				continue
			}
			w.claims[name][value] = levelOrNone.Draw(t, "meaning")
			if value == "0" {
				w.claims[name][value] = access.NoLevel
			}
		}
	}
	w.methods = drawSome(t, drawnMethods, "methods")
	w.authTime = drawSome(t, drawnTimes, "times")
	for _, name := range keys(w.textClaims()) {
		if k := rapid.SampledFrom([]string{"", "string", "list", "string_or_list"}).Draw(t, "kind"); k != "" {
			w.kinds[name] = k
		}
	}
	w.absent = rapid.SampledFrom([]string{"", access.NoLevel, level.Draw(t, "level")}).Draw(t, "absent")
	w.words = rapid.SampledFrom(append([]string{""}, keys(w.claims)...)).Draw(t, "words")
	w.required = w.drawRequired(t)
	w.offers = w.drawOffers(t)
	w.factors = w.drawFactors(t, level)
	return w
}

// drawLevels makes a level imply only ones drawn before it, so that there is no circle.
func drawLevels(t *rapid.T) map[string][]string {
	names := rapid.Permutation([]string{"a", "b", "c", "d", "e"}).Draw(t, "levels")
	names = names[:rapid.IntRange(1, len(names)).Draw(t, "count")]
	implies := map[string][]string{}
	for i, name := range names {
		implies[name] = []string{}
		for _, lower := range names[:i] {
			if rapid.IntRange(0, 3).Draw(t, "implies") == 0 {
				implies[name] = append(implies[name], lower)
			}
		}
	}
	return implies
}

// drawOffers lists some levels in any order that puts none before a weaker one.
func (w world) drawOffers(t *rapid.T) []string {
	var offers []string
	left := rapid.Permutation(keys(w.implies)).Draw(t, "order of logins")
	for len(left) > 0 {
		weakest := slices.IndexFunc(left, func(level string) bool {
			return !slices.ContainsFunc(left, func(other string) bool { return other != level && w.reaches(level, other) })
		})
		if rapid.IntRange(0, 3).Draw(t, "not offered") > 0 {
			offers = append(offers, left[weakest])
		}
		left = slices.Delete(left, weakest, weakest+1)
	}
	return offers
}

// drawRequired leaves some of the levels that the words claim has to the issuers.
func (w world) drawRequired(t *rapid.T) []string {
	var levels []string
	for _, level := range w.claims[w.words] {
		if level != access.NoLevel {
			levels = append(levels, level)
		}
	}
	slices.Sort(levels)
	return drawSome(t, slices.Compact(levels), "required")
}

func (w world) drawFactors(t *rapid.T, level *rapid.Generator[string]) *factorSpec {
	var lists []string
	for _, name := range keys(w.claims) {
		if w.kind(name) != "string" {
			lists = append(lists, name)
		}
	}
	if len(lists) == 0 || rapid.Bool().Draw(t, "without factors") {
		return nil
	}
	f := &factorSpec{claim: rapid.SampledFrom(lists).Draw(t, "factors"), classes: map[string]string{}, level: level.Draw(t, "factors")}
	for _, value := range []string{"v1", "v2", "v3", "v4"} {
		if class := rapid.SampledFrom([]string{"", "knowledge", "possession"}).Draw(t, "class"); class != "" {
			f.classes[value] = class
		}
	}
	return f
}

// drawIssuer gives the world words and a ceiling; words that the catalog refuses are
// given up.
func (w *world) drawIssuer(t *rapid.T, catalog *assurance.Catalog) *assurance.Vocabulary {
	w.maxLevel = rapid.SampledFrom(append([]string{"", ""}, keys(w.implies)...)).Draw(t, "max_level")
	w.own = map[string]string{}
	for _, level := range drawSome(t, keys(w.implies), "renamed") {
		w.own[level] = rapid.SampledFrom([]string{"v1", "v2", "w1", "w2", "w3"}).Draw(t, "word")
	}
	v, err := catalog.For("drawn", w.own, w.maxLevel)
	if err != nil {
		w.own = nil
		v, err = catalog.For("drawn", nil, w.maxLevel)
	}
	if err != nil {
		t.Fatalf("For(%q, nil, %q): %v", "drawn", w.maxLevel, err)
	}
	return v
}

func (w world) drawClaims(t *rapid.T) access.Object {
	text := rapid.SampledFrom([]string{"v1", "v1", "v2", "v2", "v3", "v3", "v4", "w1", "w2", "0", ""})
	anyText := rapid.Map(text, func(s string) any { return s })
	list := rapid.Map(rapid.SliceOfN(anyText, 0, 3), func(l []any) any { return l })
	odd := rapid.SampledFrom([]any{nil, json.Number("1"), true, false, access.Object{}, []any{json.Number("1")}, []any{"v1", nil}})
	number := rapid.SampledFrom([]any{
		json.Number("1795428000"), json.Number("1795428000.75"), json.Number("1.7e9"), json.Number("0"), json.Number("0.5"),
		json.Number("-0"), json.Number("-1"), json.Number("253402300799"), json.Number("253402300799.25"), json.Number("1e300"),
	})
	wellTyped := map[string]*rapid.Generator[any]{"string": anyText, "list": list, "string_or_list": rapid.OneOf(anyText, list)}
	claims := access.Object{"sub": "alice"}
	draw := func(name string, usual *rapid.Generator[any]) {
		switch rapid.IntRange(0, 29).Draw(t, name) {
		case 0:
			claims[name] = rapid.OneOf(odd, anyText, list, number).Draw(t, name)
		case 1, 2, 3, 4, 5, 6, 7, 8: // absent
		default:
			claims[name] = usual.Draw(t, name)
		}
	}
	for _, name := range []string{"acr", "acrs", "amr", "how", "mark"} {
		draw(name, wellTyped[w.kind(name)])
	}
	times := rapid.SampledFrom([]any{json.Number("1795428000"), json.Number("1795428000.75"), json.Number("1.7e9"), json.Number("0")})
	for _, name := range drawnTimes {
		draw(name, times)
	}
	return claims
}

func drawSome(t *rapid.T, from []string, label string) []string {
	some := []string{}
	for _, s := range from {
		if rapid.Bool().Draw(t, label) {
			some = append(some, s)
		}
	}
	return some
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
