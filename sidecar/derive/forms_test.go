package derive_test

import (
	"slices"
	"strings"
	"testing"
)

// A form is a way of writing a policy that the grammar does not have, with what it means
// and the ages at which that changes.
type form struct {
	name  string
	rego  string
	allow func(f facts) bool
	ages  []int64
	exact bool // whether the breakpoints can be found
}

// solved are forms whose breakpoints can be found: each is owed the largest max_age.
func solved() []form {
	strong := func(f facts) bool { return slices.Contains(f.login.levels, "strong") }
	return []form{
		{"cooling off", `allow if input.assurance.age >= 60`, func(f facts) bool { return f.age() >= 60 }, []int64{60}, true},
		{"not old", "allow if not old\n\nold if input.assurance.age > 300", func(f facts) bool { return f.age() <= 300 }, []int64{300}, true},
		{"all but one second", "allow if {\n\tinput.assurance.age != 100\n\tinput.assurance.age <= 3000\n}",
			func(f facts) bool { return f.age() != 100 && f.age() <= 3000 }, []int64{100, 3000}, true},
		{"weaker and younger, or stronger and older", "allow if input.assurance.age <= 60\n\nallow if {\n\t\"strong\" in input.assurance.levels\n\tinput.assurance.age <= 3600\n}",
			func(f facts) bool { return f.age() <= 60 || (strong(f) && f.age() <= 3600) }, []int64{60, 3600}, true},
		{"a fraction of a second", `allow if input.assurance.age <= 99.5`, func(f facts) bool { return f.age() <= 99 }, []int64{99}, true},
		{"twice the age", `allow if input.assurance.age * 2 <= 101`, func(f facts) bool { return f.age() <= 50 }, []int64{50}, true},
		{"age on both sides", `allow if input.assurance.age + 10 <= 100 - input.assurance.age`, func(f facts) bool { return f.age() <= 45 }, []int64{45}, true},
		{"age by both clocks", "allow if {\n\tinput.now - input.assurance.auth_time < 900\n\tinput.assurance.age > -1\n}",
			func(f facts) bool { return f.age() < 900 }, []int64{900}, true},
		{"by the built-in clock", `allow if (time.now_ns() / 1000000000) - input.token.claims.auth_time <= 600`,
			func(f facts) bool { at, there := f.claims["auth_time"].(int64); return there && f.now-at <= 600 }, []int64{600}, true},
		{"a key in a variable", "allow if {\n\tkey := \"age\"\n\tinput.assurance[key] <= 600\n}", func(f facts) bool { return f.age() <= 600 }, []int64{600}, true},
		{"a limit by level", "allow if {\n\tsome level in input.assurance.levels\n\tinput.assurance.age <= limits[level]\n}\n\nlimits := {\"strong\": 300, \"hard\": 900}",
			func(f facts) bool {
				return (strong(f) && f.age() <= 300) || (slices.Contains(f.login.levels, "hard") && f.age() <= 900)
			}, []int64{300, 900}, true},
		{"two factors by count", `allow if count(input.token.claims.amr) >= 2`, func(f facts) bool { return len(texts(f.claims["amr"])) >= 2 }, nil, true},
		{"sets of levels", `allow if count({"strong", "hard"} & {level | some level in input.assurance.levels}) > 0`, strong, nil, true},
		{"all methods but one", `allow if every method in input.assurance.methods { method != "sms" }`,
			func(f facts) bool { return !slices.Contains(f.login.methods, "sms") }, nil, true},
		{"a deny set", "allow if count(deny) == 0\n\ndeny contains \"old\" if input.assurance.age > 400\n\ndeny contains \"weak\" if not \"strong\" in input.assurance.levels",
			func(f facts) bool { return f.age() <= 400 && strong(f) }, []int64{400}, true},
	}
}

// unsolved are forms whose breakpoints need not be found: what is answered must be
// sufficient, and may be less than the largest.
func unsolved() []form {
	return []form{
		{"even ages", `allow if input.assurance.age % 2 == 0`, func(f facts) bool { return f.age()%2 == 0 }, []int64{1}, false},
		{"the first half of each minute and a half", `allow if input.assurance.age % 90 < 45`, func(f facts) bool { return f.age()%90 < 45 }, []int64{45}, false},
		{"with", "allow if young with input.assurance.age as 3\n\nyoung if input.assurance.age < 5", func(facts) bool { return true }, nil, false},
		{"object.get", `allow if object.get(input, ["assurance", "age"], 0) < 100`, func(f facts) bool { return f.age() < 100 }, []int64{100}, false},
		{"object.get of a claim beside an age", "allow if {\n\tobject.get(input.token.claims, \"tenant\", \"\") == \"red\"\n\tinput.assurance.age <= 200\n}",
			func(f facts) bool { return f.claims["tenant"] == "red" && f.age() <= 200 }, []int64{200}, false},
		{"whole minutes", `allow if floor(input.assurance.age / 60) <= 5`, func(f facts) bool { return f.age() < 360 }, []int64{360}, false},
		{"divided", `allow if input.assurance.age / 60 <= 5`, func(f facts) bool { return f.age() <= 300 }, []int64{300}, false},
		{"one of many ages", `allow if input.assurance.age in numbers.range(0, 50)`, func(f facts) bool { return f.age() <= 50 }, []int64{50}, false},
		{"the smaller of two", `allow if min([input.assurance.age, 100]) < 100`, func(f facts) bool { return f.age() < 100 }, []int64{100}, false},
		{"as text", `allow if sprintf("%d", [input.assurance.age]) != "75"`, func(f facts) bool { return f.age() != 75 }, []int64{75}, false},
		{"walk", "allow if {\n\twalk(input, [[\"assurance\", \"age\"], age])\n\tage <= 80\n}", func(f facts) bool { return f.age() <= 80 }, []int64{80}, false},
		{"a comparison as a value", "allow if {\n\tyoung := input.assurance.age < 90\n\tyoung\n}", func(f facts) bool { return f.age() < 90 }, []int64{90}, false},
		{"a distance", `allow if abs(input.assurance.age - 50) <= 50`, func(f facts) bool { return f.age() <= 100 }, []int64{100}, false},
		{"a hole inside an else chain that reads the clock", "allow if chain\n\nchain := false if input.assurance.age == 70\n\nelse if input.now - input.token.claims.auth_time <= 700",
			func(f facts) bool {
				at, there := f.claims["auth_time"].(int64)
				return f.age() != 70 && there && f.now-at <= 700
			}, []int64{70, 700}, false},
		{"members of an object", "allow if {\n\tsome key, value in input.assurance\n\tkey == \"age\"\n\tvalue <= 600\n}", func(f facts) bool { return f.age() <= 600 }, []int64{600}, false},
	}
}

func (m form) policy() policy {
	text := "package p\n\ndefault allow := false\n\n" + m.rego + "\n"
	return policy{text, m.allow, func(facts) []int64 { return m.ages }, m.exact}
}

// TestForms holds every engine to the properties under policies as people write them, and
// the meanings given here to OPA.
func TestForms(t *testing.T) {
	t.Parallel()
	w := chain()
	for _, m := range slices.Concat(solved(), unsolved()) {
		t.Run(strings.ReplaceAll(m.name, " ", "_"), func(t *testing.T) {
			c := generatedCase{world: w, policy: m.policy(), present: formTokens(w)}
			ask := opaAllow(t, c.text, w)
			for _, f := range append(c.present, c.imagined()...) {
				if got := ask(f); got != m.allow(f) {
					t.Errorf("OPA says %t, the form %t\n%s", got, !got, claim{policy: c.policy, facts: f})
				}
			}
			for name, open := range engines() {
				t.Run(name, func(t *testing.T) { c.prove(t, open) })
			}
		})
	}
}

// formTokens are logins of each kind: too weak, too old, of unknown time, a machine's.
func formTokens(w *world) []facts {
	const now = 1795428120
	base := facts{world: w, now: now, subject: "alice", resource: "/payroll", scopes: []string{"openid", "read"}}
	with := func(c claims, machine bool) facts {
		f := base
		c["iat"], c["tenant"] = int64(now-10), "red"
		f.claims, f.machine = c, machine
		return f.read()
	}
	return []facts{
		with(claims{"grade": "1", "amr": []string{"pwd"}, "auth_time": int64(now - 15)}, false),
		with(claims{"grade": "1", "amr": []string{"pwd"}, "auth_time": int64(now - 5001)}, false),
		with(claims{"grade": "2", "amr": []string{"pwd", "otp"}, "auth_time": int64(now - 5001)}, false),
		with(claims{"grade": "3", "amr": []string{"hwk"}}, false),
		with(claims{"auth_time": int64(now - 75)}, false),
		with(claims{}, true),
	}
}
