package derive_test

import (
	"cmp"
	"maps"
	"slices"

	"stepup/sidecar/assurance"
)

// A world is what a policy is asked in: levels, a vocabulary and the policy's own data.
type world struct {
	name       string
	levels     map[string]levelSpec
	vocabulary vocabulary
	roles      map[string][]string // data.roles: by subject
	limits     map[string]int64    // data.limits: seconds by resource

	below map[string][]string // each level with all that it implies
}

// levelSpec is the form of data.stepup.levels.<name>.
type levelSpec struct {
	Implies []string `json:"implies,omitempty"`
}

// vocabulary is the form of data.stepup.vocabularies.<name>.
type vocabulary struct {
	Claims   map[string]map[string]string `json:"claims"`
	Kinds    map[string]string            `json:"kinds,omitempty"`
	Methods  []string                     `json:"methods"`
	AuthTime []string                     `json:"auth_time"`
	Absent   string                       `json:"absent"`
	Logins   []login                      `json:"logins"`
}

// A login asks with acr_values that no other login of its world has, so that an answer
// tells which login it means.
type login struct {
	Level   string            `json:"level"`
	Claims  []claims          `json:"claims"`
	Scopes  []string          `json:"scopes,omitempty"`
	Request map[string]string `json:"request"`
}

// claims are texts, lists of texts and whole numbers (string, []string, int64).
type claims = map[string]any

// worlds: three levels in a chain and four in a diamond, each as a provider's tokens with
// and, every third, without the time of the login tell them.
func worlds() []*world {
	return []*world{chain(), diamond(), withoutTime(chain()), diamond(), chain(), withoutTime(diamond())}
}

// chain has a class of three members, a claim of time, and a login that adds a scope.
func chain() *world {
	return closed(world{
		name:   "chain",
		levels: map[string]levelSpec{"basic": {}, "strong": {[]string{"basic"}}, "hard": {[]string{"strong"}}},
		vocabulary: vocabulary{
			Claims:   map[string]map[string]string{"grade": {"1": "basic", "2": "strong", "3": "hard", "x": "none"}},
			Methods:  []string{"amr"},
			AuthTime: []string{"auth_time"},
			Absent:   "none",
			Logins: []login{
				{"basic", []claims{{"grade": "1", "amr": []string{"pwd"}}}, nil, asks("basic", "")},
				{"strong", []claims{
					{"grade": "2", "amr": []string{"pwd", "otp"}},
					{"grade": "2", "amr": []string{"pwd", "sms"}},
					{"grade": "2"},
				}, nil, asks("strong", "openid step_up")},
				{"strong", []claims{{"grade": "2", "amr": []string{"otp", "push"}}}, []string{"funds"}, asks("funds", "funds")},
				{"hard", []claims{{"grade": "3", "amr": []string{"hwk"}}}, nil, asks("hard", "openid")},
			},
		},
		roles:  map[string][]string{"alice": {"admin", "staff"}, "bob": {"staff"}},
		limits: map[string]int64{"/payroll": 300, "/employees": 3600},
	})
}

// diamond has two incomparable levels in the middle, lists, two claims of time of which the
// first is written, and absence that means a level.
func diamond() *world {
	return closed(world{
		name: "diamond",
		levels: map[string]levelSpec{
			"known": {}, "left": {[]string{"known"}}, "right": {[]string{"known"}}, "top": {[]string{"left", "right"}},
		},
		vocabulary: vocabulary{
			Claims:   map[string]map[string]string{"acrs": {"c0": "known", "c1": "left", "c2": "right", "c3": "top"}},
			Kinds:    map[string]string{"acrs": "list", "ways": "list"},
			Methods:  []string{"ways"},
			AuthTime: []string{"signed_in", "auth_time"},
			Absent:   "known",
			Logins: []login{
				{"known", []claims{{}, {"ways": []string{"pwd"}}}, nil, asks("known", "openid")},
				{"left", []claims{{"acrs": []string{"c1"}}, {"acrs": []string{"c0", "c1"}, "ways": []string{"otp"}}}, nil, asks("left", "")},
				{"right", []claims{{"acrs": []string{"c2"}, "ways": []string{"hwk"}}}, []string{"vault", "funds"}, asks("right", "openid vault")},
				{"top", []claims{{"acrs": []string{"c3"}}, {"acrs": []string{"c1", "c3"}, "ways": []string{"hwk", "otp"}}}, nil, asks("top", "")},
			},
		},
		roles:  map[string][]string{"alice": {"staff"}, "carol": {"admin"}},
		limits: map[string]int64{"/payroll": 25, "/employees": 600},
	})
}

func asks(acr, scope string) map[string]string {
	request := map[string]string{"acr_values": "urn:" + acr}
	if scope != "" {
		request["scope"] = scope
	}
	return request
}

// withoutTime is the same world at a provider whose tokens do not tell when somebody
// signed in. A claim auth_time in one is then a claim like any other.
func withoutTime(w *world) *world {
	w.name += " without time"
	w.vocabulary.AuthTime = []string{}
	return w
}

// data is what the world adds below data: the policy's own, and what the library reads.
func (w *world) data() map[string]any {
	return map[string]any{
		"roles": w.roles, "limits": w.limits,
		"stepup": map[string]any{
			"levels":       w.levels,
			"vocabularies": map[string]any{w.vocabularyName(): w.vocabulary},
		},
	}
}

func (w *world) vocabularyName() string { return "proof" }

// timed reports whether logins in this world carry a time.
func (w *world) timed() bool { return len(w.vocabulary.AuthTime) > 0 }

// loginOf returns the place in the list of the login that an acr value asks for; -1: none.
func (w *world) loginOf(acr string) int {
	return slices.IndexFunc(w.vocabulary.Logins, func(l login) bool { return l.Request["acr_values"] == acr })
}

// implied returns a level and all below it.
func (w *world) implied(level string) []string { return w.below[level] }

func closed(w world) *world {
	w.below = map[string][]string{}
	for level := range w.levels {
		w.below[level] = w.closure(level)
	}
	return &w
}

func (w *world) closure(level string) []string {
	all := []string{level}
	for _, lower := range w.levels[level].Implies {
		all = append(all, w.closure(lower)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// reads names the claims that the vocabulary reads.
func (v vocabulary) reads() []string {
	return slices.Concat(slices.Collect(maps.Keys(v.Claims)), v.Methods, v.AuthTime)
}

// facts are one question about one verified token at one moment.
type facts struct {
	world    *world
	subject  string
	resource string
	machine  bool
	scopes   []string
	claims   claims
	now      int64
	login    reading
}

// A reading is what the vocabulary makes of the claims.
type reading struct {
	levels, methods []string
	authTime        int64 // 0: unknown
}

func (f facts) age() int64 { return max(0, f.now-f.login.authTime) }

// read returns the facts with the login that their claims tell.
func (f facts) read() facts {
	f.login = reading{}
	if f.machine {
		return f
	}
	v := f.world.vocabulary
	f.login.levels = f.world.levelsIn(f.claims)
	for _, name := range v.Methods {
		f.login.methods = append(f.login.methods, texts(f.claims[name])...)
	}
	f.login.methods = assurance.UniteScopes(f.login.methods)
	var times []int64
	for _, name := range v.AuthTime {
		if at, there := f.claims[name].(int64); there {
			times = append(times, at)
		}
	}
	if len(times) > 0 {
		f.login.authTime = slices.Min(times)
	}
	return f
}

// levelsIn returns the levels that the claims grant and that none of them contradicts,
// weakest first. These worlds have one claim of levels each, so that what it does not
// grant is not granted.
func (w *world) levelsIn(c claims) []string {
	granted, told := []string{}, false
	for name, meaning := range w.vocabulary.Claims {
		for _, text := range texts(c[name]) {
			told = true
			granted = append(granted, w.implied(meaning[text])...)
		}
	}
	if !told {
		granted = slices.Clone(w.implied(w.vocabulary.Absent))
	}
	slices.SortFunc(granted, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(w.implied(a)), len(w.implied(b))), cmp.Compare(a, b))
	})
	return slices.Compact(granted)
}

func texts(claim any) []string {
	switch claim := claim.(type) {
	case string:
		return []string{claim}
	case []string:
		return claim
	}
	return nil
}

// imagine is the rule of the imagined login: the facts as they would be, had this person
// signed in so by this login, age seconds ago. Every claim that the vocabulary reads is
// gone and the login's own are there; the first claim of time tells the login, where there
// is one; scopes are the present ones and the login's. Everything else stays.
func (f facts) imagine(l login, member int, age int64) facts {
	f.machine = false
	f.claims = maps.Clone(f.claims)
	for _, name := range f.world.vocabulary.reads() {
		delete(f.claims, name)
	}
	maps.Copy(f.claims, l.Claims[member])
	if f.world.timed() {
		f.claims[f.world.vocabulary.AuthTime[0]] = f.now - age
	}
	f.scopes = assurance.UniteScopes(f.scopes, l.Scopes)
	return f.read()
}
