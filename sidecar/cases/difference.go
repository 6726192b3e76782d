package cases

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Difference is one member of an answer that is not as a case expects it.
type Difference struct {
	Member    string // as in expect: "outcome", "step_up.max_age"
	Got, Want string // as JSON; "absent" if it is not there
}

// Differences holds an answer against what the case states; none: it is as expected.
func (c Case) Differences(got Answer) ([]Difference, error) {
	want, err := c.Expect.Want(got)
	if err != nil {
		return nil, fmt.Errorf("%s: reading expect: %w", c.File, err)
	}
	have, need := members(got), members(want)
	names := slices.Collect(maps.Keys(have))
	for name := range need {
		if _, twice := have[name]; !twice {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, byRank)
	var all []Difference
	for _, name := range names {
		if have[name] != need[name] {
			all = append(all, Difference{name, orAbsent(have[name]), orAbsent(need[name])})
		}
	}
	return all, nil
}

// rank is the order in which a reader wants to know.
var rank = []string{"status", "outcome", "reasons", "subject", "assurance", "step_up", "http"}

func byRank(a, b string) int {
	place := func(name string) int {
		first, _, _ := strings.Cut(name, ".")
		if i := slices.Index(rank, first); i >= 0 {
			return i
		}
		return len(rank)
	}
	if by := place(a) - place(b); by != 0 {
		return by
	}
	return strings.Compare(a, b)
}

func orAbsent(text string) string {
	if text == "" {
		return "absent"
	}
	return text
}

// members are the members of an answer as texts; what is not there, or empty, is left out.
func members(a Answer) map[string]string {
	all := map[string]string{}
	put := func(name string, value any) {
		text, err := json.Marshal(value)
		if err != nil {
			text = []byte(fmt.Sprint(value))
		}
		if s := string(text); s != "null" && s != "[]" && s != "{}" && s != `""` {
			all[name] = s
		}
	}
	put("status", a.Status)
	put("outcome", a.Outcome)
	put("subject", a.Subject)
	put("valid_until", a.ValidUntil)
	put("obligations", a.Obligations)
	reasons := make([]string, len(a.Reasons))
	for i, r := range a.Reasons {
		reasons[i] = r.Code + ": " + r.Message
	}
	put("reasons", reasons)
	if a.Assurance != nil {
		put("assurance.level", a.Assurance.Level)
		put("assurance.levels", a.Assurance.Levels)
		put("assurance.methods", a.Assurance.Methods)
		put("assurance.auth_time", a.Assurance.AuthTime)
	}
	if a.HTTP != nil {
		put("http.status", a.HTTP.Status)
		put("http.www_authenticate", a.HTTP.WWWAuthenticate)
	}
	for name, value := range a.Headers {
		put("headers."+name, value)
	}
	for name, value := range a.StepUp {
		put("step_up."+name, value)
	}
	return all
}
