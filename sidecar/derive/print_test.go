package derive_test

import (
	"fmt"
	"strings"
)

// rego prints the rules as a policy of package p.
func (r rules) rego() string {
	var p printer
	for _, way := range r {
		p.rule("allow if %s", p.body(way))
	}
	return "package p\n\ndefault allow := false\n\n" + strings.Join(p.written, "\n\n") + "\n"
}

// A printer writes rules. What does not fit into one expression becomes a rule of its own.
type printer struct {
	written []string
	names   int
}

func (p *printer) rule(format string, args ...any) {
	p.written = append(p.written, fmt.Sprintf(format, args...))
}

func (p *printer) name(stem string) string {
	p.names++
	return fmt.Sprintf("%s_%d", stem, p.names)
}

func (p *printer) body(conditions allOf) string {
	var lines []string
	for _, c := range conditions {
		lines = append(lines, p.lines(c)...)
	}
	return "{\n\t" + strings.Join(lines, "\n\t") + "\n}"
}

// one prints a condition as one expression.
func (p *printer) one(c condition) string {
	lines := p.lines(c)
	if len(lines) == 1 && !strings.HasPrefix(lines[0], "not ") && !strings.HasPrefix(lines[0], "every ") {
		return lines[0]
	}
	name := p.name("holds")
	p.rule("%s if {\n\t%s\n}", name, strings.Join(lines, "\n\t"))
	return name
}

// lines prints a condition as expressions of one body.
func (p *printer) lines(c condition) []string {
	switch c := c.(type) {
	case hasScope:
		return line("%q in input.token.scopes", c)
	case hasLevel:
		return line("%q in input.assurance.levels", c)
	case hasMethod:
		return line("%q in input.assurance.methods", c)
	case hasRole:
		return line("%q in data.roles[input.token.subject]", c)
	case claimIs:
		return line("input.token.claims.%s %s %q", c.claim, c.op, c.value)
	case claimHas:
		return line("%q in input.token.claims.%s", c.value, c.claim)
	case age:
		return p.age(c)
	case ageInLimits:
		return line("input.assurance.age <= data.limits[input.resource.id]")
	case hole:
		return p.hole(c)
	case since:
		return line("input.now - input.token.claims.%s <= %d", c.claim, c.k)
	case loginAfter:
		return line("input.assurance.auth_time > %d", c.k)
	case claimAfter:
		return line("input.token.claims.%s > %d", c.claim, c.k)
	case not:
		return line("not %s", p.one(c.of))
	case allOf:
		name := p.name("all")
		p.rule("%s if %s", name, p.body(c))
		return []string{name}
	case anyOf:
		return p.anyOf(c)
	case limitByElse:
		return p.limitByElse(c)
	case elseChain:
		return p.elseChain(c)
	case fewProblems:
		return p.fewProblems(c)
	}
	panic(fmt.Sprintf("no print of %T", c))
}

func line(format string, args ...any) []string { return []string{fmt.Sprintf(format, args...)} }

func (p *printer) age(c age) []string {
	switch c.how {
	case flipped:
		return line("%d %s input.assurance.age", c.k, mirrored(c.op))
	case byLocal:
		a := p.name("a")
		return append(line("%s := input.assurance.age", a), line("%s %s %d", a, c.op, c.k)...)
	case inComprehension:
		return line("count([1 | input.assurance.age %s %d]) == 1", c.op, c.k)
	case byObject:
		s := p.name("s")
		return append(line("%s := input.assurance", s), line("%s.age %s %d", s, c.op, c.k)...)
	case byRule:
		limit := p.name("limit")
		p.rule("%s := %d", limit, c.k)
		return line("input.assurance.age %s %s", c.op, limit)
	case byFunction:
		within := p.name("within")
		p.rule("%s(seconds) if input.assurance.age %s seconds", within, c.op)
		return line("%s(%d)", within, c.k)
	case byEvery:
		k := p.name("k")
		return line("every %s in [%d, %d] { input.assurance.age %s %s }", k, c.k, c.k+1, c.op, k)
	}
	return line("input.assurance.age %s %d", c.op, c.k)
}

func mirrored(op string) string {
	switch op {
	case "<=":
		return ">="
	case "<":
		return ">"
	case ">=":
		return "<="
	case ">":
		return "<"
	}
	return op
}

func (p *printer) hole(c hole) []string {
	name := p.name("window")
	p.rule("%s if input.assurance.age <= %d", name, c.until)
	p.rule("%s if {\n\t%d <= input.assurance.age\n\tinput.assurance.age <= %d\n}", name, c.from, c.to)
	return []string{name}
}

func (p *printer) anyOf(c anyOf) []string {
	name := p.name("any")
	for _, body := range c {
		p.rule("%s if %s", name, p.body(body))
	}
	return []string{name}
}

func (p *printer) limitByElse(c limitByElse) []string {
	var arms []string
	for _, arm := range c.arms {
		arms = append(arms, fmt.Sprintf(":= %d if %s", arm.limit, p.body(arm.when)))
	}
	if c.last >= 0 {
		arms = append(arms, fmt.Sprintf(":= %d", c.last))
	}
	name := p.name("limit")
	p.rule("%s %s", name, strings.Join(arms, "\n\nelse "))
	return line("input.assurance.age <= %s", name)
}

func (p *printer) elseChain(c elseChain) []string {
	var arms []string
	for _, arm := range c {
		arms = append(arms, fmt.Sprintf(":= %t if %s", arm.value, p.body(arm.when)))
	}
	name := p.name("chain")
	p.rule("%s %s", name, strings.Join(arms, "\n\nelse "))
	return []string{name}
}

func (p *printer) fewProblems(c fewProblems) []string {
	name := p.name("problems")
	for i, problem := range c.problems {
		p.rule("%s contains \"problem %d\" if %s", name, i, p.body(problem))
	}
	if c.atMost == 0 {
		return line("count(%s) == 0", name)
	}
	return line("count(%s) <= %d", name, c.atMost)
}
