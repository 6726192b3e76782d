package assurance_test

import (
	"encoding/json"
	"math/big"
	"slices"
	"sort"

	"stepup/sidecar/access"
)

// A world is levels and one vocabulary as a generator made them, with the words and the
// ceiling of one issuer.
type world struct {
	implies map[string][]string // each level to those it names

	claims   map[string]map[string]string
	kinds    map[string]string
	factors  *factorSpec
	words    string
	required []string // levels that only an issuer's own word can mean
	methods  []string
	authTime []string
	absent   string
	offers   []string // the levels of the logins

	own      map[string]string
	maxLevel string
}

type factorSpec struct {
	claim   string
	classes map[string]string
	level   string
}

// reference reads a token a second time, by the rules as they are written down and level
// by level, sharing nothing with the Rego library:
//
//   - null, "" and [] count as absent;
//   - a value in whose place an issuer's own word stands, or should stand, is unknown;
//   - a value that is unknown, "0" or mapped to none gives no level;
//   - a string contradicts every level it does not grant, a list contradicts all when it
//     holds only known values and grants none;
//   - a level stands when some claim grants it and none contradicts it or what it implies;
//   - absence means its level only where no claim of levels is there;
//   - a wrong type refuses the token; machines have no level.
func (w world) reference(claims access.Object, machine bool) reading {
	r := reading{Level: access.NoLevel, Levels: []string{}, Methods: []string{}, Invalid: []string{}}
	var testimonies []testimony
	texts := map[string][]string{}
	for name := range w.textClaims() {
		value, there := claims[name]
		if !there || isEmpty(value) {
			continue
		}
		r.Told = true
		list, ok := w.text(name, value)
		if !ok {
			r.Invalid = append(r.Invalid, name)
			continue
		}
		texts[name] = list
		if _, levels := w.claims[name]; levels {
			testimonies = append(testimonies, w.testimony(name, list))
		}
	}
	times := w.times(claims, &r)
	sort.Strings(r.Invalid)
	if machine || len(r.Invalid) > 0 {
		return r
	}
	for _, name := range w.methods {
		for _, method := range texts[name] {
			if !slices.Contains(r.Methods, method) {
				r.Methods = append(r.Methods, method)
			}
		}
	}
	if len(times) > 0 {
		r.AuthTime = slices.Min(times)
	}
	for level := range w.implies {
		if w.stands(level, testimonies) && (w.maxLevel == "" || w.reaches(w.maxLevel, level)) {
			r.Levels = append(r.Levels, level)
		}
	}
	sort.Slice(r.Levels, func(i, j int) bool { return w.weaker(r.Levels[i], r.Levels[j]) })
	r.Level = w.strongest(r.Levels)
	return r
}

// A testimony is what one claim says of the login.
type testimony struct {
	grants     []string // as mapped, without what they imply
	exhaustive bool     // and no other level
}

func (w world) testimony(name string, list []string) testimony {
	var t testimony
	allKnown := true
	for _, text := range list {
		level, known := w.meaning(name, text)
		if known && level != access.NoLevel {
			t.grants = append(t.grants, level)
		}
		allKnown = allKnown && known
	}
	if f := w.factors; f != nil && f.claim == name {
		classes := map[string]bool{}
		for _, text := range list {
			if class := f.classes[text]; class != "" {
				classes[class] = true
			}
		}
		if len(classes) >= 2 {
			t.grants = append(t.grants, f.level)
		}
	}
	t.exhaustive = w.kind(name) == "string" || (allKnown && len(t.grants) == 0)
	return t
}

// meaning tells what a text means at this issuer, and whether that is known.
func (w world) meaning(name, text string) (string, bool) {
	if text == "0" {
		return access.NoLevel, true
	}
	if name == w.words {
		for level, word := range w.own {
			if word == text {
				return level, true
			}
		}
	}
	level, known := w.claims[name][text]
	_, renamed := w.own[level]
	if known && name == w.words && (renamed || slices.Contains(w.required, level)) {
		return "", false
	}
	return level, known
}

// stands follows the order downward: every level below must go uncontradicted too.
func (w world) stands(level string, testimonies []testimony) bool {
	if len(testimonies) == 0 {
		return w.absent != "" && w.absent != access.NoLevel && w.reaches(w.absent, level)
	}
	granted := false
	for _, t := range testimonies {
		grants := slices.ContainsFunc(t.grants, func(g string) bool { return w.reaches(g, level) })
		granted = granted || grants
		if t.exhaustive && !grants {
			return false
		}
	}
	for _, lower := range w.implies[level] {
		if !w.stands(lower, testimonies) {
			return false
		}
	}
	return granted
}

func (w world) reaches(from, to string) bool {
	return from == to || slices.ContainsFunc(w.implies[from], func(lower string) bool { return w.reaches(lower, to) })
}

func (w world) below(level string) int {
	n := 0
	for other := range w.implies {
		if w.reaches(level, other) {
			n++
		}
	}
	return n
}

func (w world) weaker(a, b string) bool {
	if x, y := w.below(a), w.below(b); x != y {
		return x < y
	}
	return a < b
}

// strongest takes levels weakest first.
func (w world) strongest(levels []string) string {
	best := access.NoLevel
	place := -2
	for _, level := range levels {
		above := func(other string) bool { return other != level && w.reaches(other, level) }
		if slices.ContainsFunc(levels, above) {
			continue
		}
		if p := w.lastOffer(level); p >= place {
			best, place = level, p
		}
	}
	return best
}

func (w world) lastOffer(level string) int {
	last := -1
	for i, offered := range w.offers {
		if offered == level {
			last = i
		}
	}
	return last
}

func (w world) textClaims() map[string]bool {
	names := map[string]bool{}
	for name := range w.claims {
		names[name] = true
	}
	for _, name := range w.methods {
		names[name] = true
	}
	return names
}

func (w world) kind(name string) string {
	if k := w.kinds[name]; k != "" {
		return k
	}
	if slices.Contains(w.methods, name) {
		return "list"
	}
	return "string"
}

func isEmpty(value any) bool {
	if list, ok := value.([]any); ok {
		return len(list) == 0
	}
	return value == nil || value == ""
}

func (w world) text(name string, value any) ([]string, bool) {
	kind := w.kind(name)
	switch value := value.(type) {
	case string:
		return []string{value}, kind != "list"
	case []any:
		var list []string
		for _, element := range value {
			text, ok := element.(string)
			if !ok {
				return nil, false
			}
			list = append(list, text)
		}
		return list, kind != "string"
	}
	return nil, false
}

func (w world) times(claims access.Object, r *reading) []int64 {
	var times []int64
	for _, name := range w.authTime {
		value, there := claims[name]
		if !there || isEmpty(value) {
			continue
		}
		r.Told = true
		number, ok := value.(json.Number)
		seconds, fits := floor(number)
		if !ok || !fits {
			r.Invalid = append(r.Invalid, name)
			continue
		}
		times = append(times, seconds)
	}
	return times
}

func floor(n json.Number) (int64, bool) {
	exact, ok := new(big.Rat).SetString(string(n))
	if !ok || exact.Sign() < 0 || exact.Cmp(big.NewRat(253402300799, 1)) > 0 {
		return 0, false
	}
	return new(big.Int).Quo(exact.Num(), exact.Denom()).Int64(), true
}

// data returns the vocabulary and levels as data.stepup holds them.
func (w world) data() (levels, vocabulary access.Object) {
	levels = access.Object{}
	for level, lower := range w.implies {
		levels[level] = access.Object{"implies": anys(lower)}
	}
	claims := access.Object{}
	for name, values := range w.claims {
		claims[name] = texts(values)
	}
	logins := []any{}
	for _, level := range w.offers {
		logins = append(logins, access.Object{"level": level, "claims": []any{access.Object{}}})
	}
	vocabulary = access.Object{
		"claims": claims, "kinds": texts(w.kinds), "methods": anys(w.methods),
		"auth_time": anys(w.authTime), "logins": logins,
	}
	if w.absent != "" {
		vocabulary["absent"] = w.absent
	}
	if w.words != "" {
		vocabulary["words"] = w.words
		vocabulary["requires_words"] = anys(w.required)
	}
	if f := w.factors; f != nil {
		vocabulary["factors"] = access.Object{"claim": f.claim, "classes": texts(f.classes), "level": f.level}
	}
	return levels, vocabulary
}

func anys(list []string) []any {
	out := []any{}
	for _, s := range list {
		out = append(out, s)
	}
	return out
}

func texts(m map[string]string) access.Object {
	out := access.Object{}
	for k, v := range m {
		out[k] = v
	}
	return out
}
