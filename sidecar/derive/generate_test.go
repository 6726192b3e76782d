package derive_test

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// A generator makes policies of the grammar and tokens of one world. The same seed makes
// the same.
type generator struct {
	*rand.Rand
	world *world
	now   int64
}

func newGenerator(seed, number uint64, w *world) generator {
	g := generator{Rand: rand.New(rand.NewPCG(seed, number)), world: w}
	g.now = 1795428120 + g.Int64N(1<<20)
	return g
}

func pick[T any](g generator, from ...T) T { return from[g.IntN(len(from))] }

func (g generator) chance(percent int) bool { return g.IntN(100) < percent }

// rules are one to three ways in.
func (g generator) rules() rules {
	r := make(rules, pick(g, 1, 1, 1, 2, 2, 3))
	for i := range r {
		r[i] = g.body(g.wide)
	}
	return r
}

// body is a conjunction: who, how strongly, how lately and something else, at least one of
// them. Each part comes of the grammar as wide or narrow as is asked for.
func (g generator) body(other func() condition) allOf {
	var b allOf
	for len(b) == 0 {
		b = g.maybe(b, 35, g.gate)
		b = g.maybe(b, 60, g.strength)
		b = g.maybe(b, 65, g.recency)
		b = g.maybe(b, 35, other)
	}
	return b
}

func (g generator) maybe(b allOf, percent int, make func() condition) allOf {
	if g.chance(percent) {
		return append(b, make())
	}
	return b
}

// gate is what no login changes, or only its scopes.
func (g generator) gate() condition {
	switch g.IntN(6) {
	case 0:
		return hasRole(pick(g, "admin", "staff", "nobody's"))
	case 1:
		return claimIs{"tenant", pick(g, "==", "!="), pick(g, "red", "blue")}
	case 2:
		return claimHas{"groups", pick(g, "eng", "ops")}
	case 3:
		return since{"iat", g.seconds()}
	}
	return hasScope(pick(g, "read", "write", "funds", "vault"))
}

// strength is what a login proves: its level, methods and raw claims.
func (g generator) strength() condition {
	switch g.IntN(8) {
	case 0:
		return hasMethod(pick(g, "pwd", "otp", "sms", "hwk", "push"))
	case 1:
		return g.rawClaim()
	case 2:
		return not{hasLevel(g.level())}
	}
	return hasLevel(g.level())
}

func (g generator) level() string {
	return pick(g, slices.Sorted(maps.Keys(g.world.levels))...)
}

// rawClaim reads what the vocabulary reads, past it.
func (g generator) rawClaim() condition {
	v := g.world.vocabulary
	name := pick(g, slices.Sorted(maps.Keys(v.Claims))...)
	value := pick(g, slices.Sorted(maps.Keys(v.Claims[name]))...)
	switch {
	case g.chance(40):
		return claimHas{pick(g, v.Methods...), pick(g, "pwd", "otp", "sms", "hwk")}
	case v.Kinds[name] == "list":
		return claimHas{name, value}
	}
	return claimIs{name, pick(g, "==", "==", "!="), value}
}

// recency is what depends on when the login was.
func (g generator) recency() condition {
	switch g.IntN(12) {
	case 0:
		return g.hole()
	case 1:
		return since{g.timeClaim(), g.seconds()}
	case 2:
		return loginAfter{g.moment()}
	case 3:
		return claimAfter{g.timeClaim(), g.moment()}
	case 4:
		return ageInLimits{}
	case 5:
		return not{g.age(">", ">=", "<=", "!=")}
	case 6:
		return g.limitByElse(g.simple)
	}
	return g.age("<=", "<=", "<=", "<", "<", "!=", "!=", ">=")
}

func (g generator) age(ops ...string) condition {
	a := age{pick(g, ops...), g.seconds(), spelling(g.IntN(int(spellings)))}
	if a.how == byEvery && a.op != "<=" && a.op != "<" {
		a.how = plain
	}
	return a
}

func (g generator) hole() condition {
	until, gap, length := g.seconds(), g.seconds()+1, g.seconds()
	return hole{until, until + gap, until + gap + length}
}

func (g generator) seconds() int64 {
	return pick[int64](g, 5, 20, 28, 29, 30, 31, 32, 60, 61, 100, 300, 600, 601, 3600, 3601, 7200, 86400)
}

func (g generator) moment() int64 {
	if g.chance(10) {
		return 0 // the login time is known
	}
	return g.now - g.seconds()
}

// timeClaim is that of the vocabulary, another of its own, or one that it does not read.
func (g generator) timeClaim() string {
	return pick(g, append(slices.Clone(g.world.vocabulary.AuthTime), "auth_time", "iat")...)
}

// simple is any condition that is made of no others.
func (g generator) simple() condition {
	return pick(g, g.gate, g.strength, g.strength, g.strength)()
}

// narrow is any condition that is made of no others, time included.
func (g generator) narrow() condition {
	return pick(g, g.gate, g.strength, g.recency)()
}

// wide is what is made of others.
func (g generator) wide() condition {
	switch g.IntN(6) {
	case 0:
		return not{g.narrow()}
	case 1:
		return not{g.body(g.narrow)}
	case 2:
		return anyOf{g.body(g.narrow), g.body(g.narrow)}
	case 3:
		return g.elseChain()
	case 4:
		return g.limitByElse(g.narrow)
	}
	return g.fewProblems()
}

func (g generator) limitByElse(when func() condition) condition {
	c := limitByElse{last: pick[int64](g, -1, g.seconds(), g.seconds(), g.seconds())}
	for range pick(g, 1, 1, 2) {
		c.arms = append(c.arms, limitArm{allOf{when()}, g.seconds()})
	}
	return c
}

func (g generator) elseChain() condition {
	first := g.chance(50)
	c := elseChain{{g.body(g.narrow), first}, {allOf{g.narrow()}, !first}}
	if g.chance(50) {
		c = append(c, boolArm{allOf{g.narrow()}, g.chance(50)})
	}
	return c
}

// fewProblems lists what is wrong, mostly in the way of people who write rules so.
func (g generator) fewProblems() condition {
	c := fewProblems{atMost: pick(g, 0, 0, 0, 1)}
	for range pick(g, 1, 2, 2, 3) {
		problem := pick[condition](g,
			not{hasLevel(g.level())}, not{hasScope(pick(g, "read", "funds"))},
			g.age(">", ">="), not{g.age("<=", "<")}, g.narrow())
		c.problems = append(c.problems, allOf{problem})
	}
	return c
}

// present is a token: of one of the logins, of none, or of bits of several; of any age.
func (g generator) present() facts {
	f := facts{
		world: g.world, now: g.now, machine: g.chance(8),
		subject:  pick(g, "alice", "bob", "carol"),
		resource: pick(g, "/payroll", "/employees", "/customers"),
		scopes:   g.someOf(70, "read", "write", "openid"),
		claims:   claims{"iat": g.now - g.seconds(), "tenant": pick(g, "red", "blue"), "groups": g.someOf(50, "eng", "ops")},
	}
	f.scopes = append(f.scopes, g.someOf(15, "funds", "vault")...)
	for range pick(g, 0, 1, 1, 1, 1, 2) {
		l := pick(g, g.world.vocabulary.Logins...)
		maps.Copy(f.claims, pick(g, l.Claims...))
	}
	for _, name := range append(slices.Clone(g.world.vocabulary.AuthTime), "auth_time") {
		if g.chance(80) {
			f.claims[name] = g.now - pick(g, 0, g.seconds(), g.seconds(), g.seconds()*10)
		}
	}
	return f.read()
}

func (g generator) someOf(percent int, from ...string) []string {
	some := []string{}
	for _, one := range from {
		if g.chance(percent) {
			some = append(some, one)
		}
	}
	return some
}
