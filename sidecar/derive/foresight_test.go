package derive_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
	"stepup/sidecar/derive"
)

// made is an oracle made of functions.
type made struct {
	allows func(level string, age int64) (bool, error)
	points derive.Breakpoints
	err    error // of the breakpoints
}

func (m made) Allows(_ context.Context, c derive.Candidate, age int64) (bool, error) {
	return m.allows(c.Login.Level, age)
}

func (m made) Breakpoints(context.Context, derive.Candidate) (derive.Breakpoints, error) {
	return m.points, m.err
}

// TestRequirementsOfOracles tells what an oracle that fails, or knows little, costs: an
// answer that is weaker, never one that is stricter.
func TestRequirementsOfOracles(t *testing.T) {
	always := func(string, int64) (bool, error) { return true, nil }
	upTo := func(limit int64) func(string, int64) (bool, error) {
		return func(_ string, age int64) (bool, error) { return age <= limit, nil }
	}
	failing := errors.New("the oracle fails")
	many := make([]int64, derive.MaxEvaluations)
	for i := range many {
		many[i] = int64(2 * i)
	}
	for name, row := range map[string]struct {
		oracle made
		want   string
	}{
		"everything is possible":          {made{allows: always, points: derive.Breakpoints{Known: true}}, "low, high"},
		"up to a breakpoint":              {made{allows: upTo(600), points: derive.Breakpoints{Ages: []int64{600}, Known: true}}, "low 600, high 600"},
		"breakpoints are not known":       {made{allows: upTo(600)}, "low, high"},
		"some breakpoints are known":      {made{allows: upTo(600), points: derive.Breakpoints{Ages: []int64{700}}}, "low 699, high 699"},
		"not possible at the floor":       {made{allows: upTo(derive.Floor - 1)}, ""},
		"only up to the floor":            {made{allows: upTo(derive.Floor)}, "low 30, high 30"},
		"breakpoints fail":                {made{allows: upTo(600), err: failing}, "low, high"},
		"nothing can be told":             {made{allows: func(string, int64) (bool, error) { return false, failing }}, "low, high"},
		"of one login nothing can":        {made{allows: func(l string, _ int64) (bool, error) { return false, map[string]error{"low": failing}[l] }}, "low"},
		"more to ask than may be asked":   {made{allows: always, points: derive.Breakpoints{Ages: many, Known: true}}, "low, high"},
		"impossible logins are left out":  {made{allows: func(l string, _ int64) (bool, error) { return l == "high", nil }}, "high"},
		"later logins may be shorter too": {made{allows: func(l string, age int64) (bool, error) { return l == "low" || age <= 60, nil }, points: derive.Breakpoints{Ages: []int64{60}, Known: true}}, "low, high 60"},
	} {
		t.Run(name, func(t *testing.T) {
			ways, err := derive.Requirements(t.Context(), twoLogins(), row.oracle)
			if got := tellWays(ways); err != nil || got != row.want {
				t.Errorf("Requirements = %q, %v; want %q", got, err, row.want)
			}
		})
	}
}

func twoLogins() []assurance.Login {
	member := []access.Object{{}}
	return []assurance.Login{{Level: "low", Claims: member}, {Level: "high", Claims: member}}
}

func tellWays(ways []derive.Way) string {
	var all []string
	for _, w := range ways {
		text := w.Login.Level
		if w.MaxAge != nil {
			text += fmt.Sprint(" ", *w.MaxAge)
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

// All members of a login must be possible: somebody's login may show itself as any.
func TestRequirementsOfMembers(t *testing.T) {
	logins := twoLogins()
	logins[0].Claims = []access.Object{{"amr": "otp"}, {"amr": "sms"}}
	ways, err := derive.Requirements(t.Context(), logins, bySecond{})
	if got := tellWays(ways); err != nil || got != "high" {
		t.Errorf("Requirements = %q, %v; want high alone", got, err)
	}
}

// bySecond refuses the second member of a login.
type bySecond struct{}

func (bySecond) Allows(_ context.Context, c derive.Candidate, _ int64) (bool, error) {
	return c.Member == 0, nil
}

func (bySecond) Breakpoints(context.Context, derive.Candidate) (derive.Breakpoints, error) {
	return derive.Breakpoints{Known: true}, nil
}

// Without time there is no answer, for half of one would be stricter.
func TestRequirementsAtTheEndOfTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ways, err := derive.Requirements(ctx, twoLogins(), made{allows: func(string, int64) (bool, error) {
		cancel()
		return false, ctx.Err()
	}})
	if len(ways) > 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("Requirements = %q, %v; want the end of the context", tellWays(ways), err)
	}
}
