package assurance

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/agnivade/levenshtein"

	"stepup/sidecar/access"
)

// A tenant says its own words for levels in one claim of a vocabulary.
type tenant struct {
	claim    string            // the vocabulary's words claim; empty: it has none
	meanings map[string]string // that claim's shipped values
	words    map[string]string
	required []string // levels for which the shipped values only hold the place
}

func (v vocabulary) tenant(words map[string]string) tenant {
	return tenant{claim: v.Words, meanings: v.Claims[v.Words], words: words, required: v.RequiresWords}
}

// wordless reports whether a shipped value of the claim only holds the place of a word
// that this tenant has not given.
func (t tenant) wordless(shipped string) bool {
	level, means := t.meanings[shipped]
	_, own := t.words[level]
	return means && !own && slices.Contains(t.required, level)
}

// says reports whether the tenant has all words that a login needs.
func (t tenant) says(l login) bool {
	values := strings.Fields(l.Request["acr_values"])
	for _, claims := range l.Claims {
		values = append(values, textsOf(claims[t.claim])...)
	}
	return !slices.ContainsFunc(values, t.wordless)
}

// textsOf returns a string, or the strings of a list, as a list.
func textsOf(value any) []string {
	if text, one := value.(string); one {
		return []string{text}
	}
	list, _ := value.([]any)
	var texts []string
	for _, element := range list {
		if text, ok := element.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// word returns what stands for a shipped value of the claim at this tenant.
func (t tenant) word(shipped string) string {
	if level, means := t.meanings[shipped]; means {
		if word, own := t.words[level]; own {
			return word
		}
	}
	return shipped
}

func (t tenant) claims(shipped map[string]map[string]string) map[string]map[string]string {
	all := map[string]map[string]string{}
	for claim, meanings := range shipped {
		all[claim] = map[string]string{}
		for value, level := range meanings {
			if claim == t.claim && t.wordless(value) {
				continue
			}
			if claim == t.claim {
				value = t.word(value)
			}
			all[claim][value] = level
		}
	}
	return all
}

func (t tenant) login(l login) Login {
	out := Login{Level: l.Level, Scopes: slices.Clone(l.Scopes), Request: maps.Clone(l.Request)}
	for _, claims := range l.Claims {
		out.Claims = append(out.Claims, t.loginClaims(claims))
	}
	if values, asked := l.Request["acr_values"]; asked {
		out.Request["acr_values"] = t.acrValues(values)
	}
	return out
}

func (t tenant) loginClaims(shipped access.Object) access.Object {
	claims := access.Object{}
	for name, value := range shipped {
		claims[name] = value
		if name == t.claim {
			claims[name] = t.value(value)
		}
	}
	return claims
}

// value is a string or a list of strings; the laws saw to that.
func (t tenant) value(shipped any) any {
	list, several := shipped.([]any)
	if !several {
		return t.word(shipped.(string))
	}
	words := make([]any, len(list))
	for i, text := range list {
		words[i] = t.word(text.(string))
	}
	return words
}

// acrValues may come to ask for the same word twice, where a tenant has one for several.
func (t tenant) acrValues(shipped string) string {
	var words []string
	for value := range strings.SplitSeq(shipped, " ") {
		if word := t.word(value); !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

// checkWords refuses words that could not be read back: for what is no level or has no
// value in the claim, or the same as another value that keeps its meaning.
func (c *Catalog) checkWords(name string, v vocabulary, words map[string]string) error {
	if len(words) == 0 {
		return nil
	}
	if v.Words == "" {
		return &Error{Where: "levels", What: "the vocabulary " + quoted(name) + " lets no issuer have words of its own; take levels out or use another vocabulary"}
	}
	var f faults
	meanings := v.Claims[v.Words]
	taken := v.tenant(words).kept()
	for _, level := range slices.Sorted(maps.Keys(words)) {
		where, word := place("levels").member(level), words[level]
		c.checkWord(&f, where, meanings, level, word)
		if other, twice := taken[word]; twice {
			f.add(where, "the word %q already stands for %q; give every level a word of its own", word, other)
		}
		taken[word] = level
	}
	return f.err()
}

// kept returns the values that keep their meaning beside a tenant's words.
func (t tenant) kept() map[string]string {
	left := map[string]string{}
	for value, level := range t.meanings {
		if _, own := t.words[level]; !own && !t.wordless(value) {
			left[value] = level
		}
	}
	return left
}

func (c *Catalog) checkWord(f *faults, where place, meanings map[string]string, level, word string) {
	switch {
	case !c.order.Known(level):
		f.add(where, "%q is no level; the levels are %s%s", level, c.order.names(), meant(level, c.order.Levels()))
	case !slices.Contains(slices.Collect(maps.Values(meanings)), level):
		f.add(where, "the vocabulary has no value for %q that this word could stand for; take it out", level)
	}
	if word == "0" {
		f.add(where, `"0" is a login by a long-lived cookie alone and never means a level; choose another word`)
	} else if problem := badToken(word); problem != "" {
		f.add(where, "the word %s; it is sent in acr_values, so use printable ASCII", problem)
	}
}

func quoted(s string) string { return strconv.Quote(s) }

// meant is the end of a sentence about an unknown name: the known one that it is nearly, the
// first of several.
func meant(name string, names []string) string {
	best, distance := "", max(2, len(name)/3)+1
	for _, n := range names {
		if d := levenshtein.ComputeDistance(strings.ToLower(name), n); d < distance {
			best, distance = n, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + quoted(best) + "?"
}
