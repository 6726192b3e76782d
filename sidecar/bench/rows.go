package main

import (
	"context"
	"fmt"
	"path/filepath"
)

// conns is how many connections ask at once.
const conns = 16

// A row is one workload: who is asked what, and what came of it.
type row struct {
	name, title string
	goals       []goal
	entries     []entry
	warm        float64                       // of the time that is measured, before it
	fresh       bool                          // new processes for every round
	once        bool                          // no question is asked twice of us and of OPA's server
	ended       func(p *process, answers int) // after a process of a round has ended; nil: nothing

	rates map[string][]float64 // decisions per second, by entry
}

// freshWarm is for processes that are new in every round: memory that is touched for the first time costs more
// than what is done in it, which is over when the collector has run, and which the limit has not, for it
// goes on running.
const freshWarm = 2

// A goal is what the rate of an entry has to be of another's.
type goal struct {
	of, to string
	least  float64 // 0: it is told, and nothing is asked of it
}

// An entry is one of those that take turns in a row.
type entry struct {
	name   string
	who    candidate
	script *script
	per    float64 // decisions in an answer; 0: one
}

// The goals of most rows.
func toLimit(least float64) goal { return goal{"us", "limit", least} }
func toOPA(least float64) goal   { return goal{"us", "opa", least} }

// rows are all workloads, in the order in which they are measured.
func (b *bench) rows() ([]*row, error) {
	w := b.world
	check, err := checked(b.logins[0])
	if err != nil {
		return nil, err
	}
	get := forwarded(b.logins[0])
	count := int(50_000 * b.seconds * float64(b.rounds))
	hot := func(us, opa candidate) []entry {
		return b.entries(us, opa, func(d dialect) *script { return d.hot(b.logins) })
	}
	return []*row{
		{name: "hot", title: "hot: one token, one route", goals: []goal{toLimit(.9), toOPA(8)}, entries: hot(w.us(), w.opa()), warm: .25},
		{name: "get", title: "forward-auth GET (nginx), hot", goals: []goal{toLimit(.8)}, warm: .25,
			entries: []entry{{name: "limit", who: w.limit(), script: get}, {name: "us", who: w.us(), script: get}}},
		{name: "grpc", title: "ext_authz gRPC, hot", goals: []goal{toLimit(.85)}, warm: .25,
			entries: []entry{{name: "limit", who: w.limit(), script: check}, {name: "us", who: w.us(), script: check}}},
		{name: "batch", title: fmt.Sprintf("batch of %d questions, to the same one by one", batchSize), goals: []goal{{"us", "single", 5}}, warm: .25,
			entries: []entry{{name: "single", who: w.us(), script: native.around(b.logins)}, {name: "us", who: w.us(), script: batched(b.logins), per: batchSize}}},
		{name: "mixed", title: fmt.Sprintf("mixed: %d logins, Zipf, 20 routes, 5 %% new tokens, a fifth step-up", len(b.logins)), goals: []goal{toLimit(.6), toOPA(5)}, warm: 1,
			entries: b.entries(w.us(), w.opa(), func(d dialect) *script { return d.mixed(b.logins, b.fresh, count) })},
		{name: "cold", title: "cold: every token new (RS256)", goals: []goal{toLimit(.25), toOPA(2)}, warm: freshWarm, fresh: true, once: true,
			entries: b.entries(w.us(), w.opa(), func(d dialect) *script { return d.cold(append(b.fresh[:len(b.fresh):len(b.fresh)], b.logins...)) })},
		{name: "logs", title: "hot, with decision logs to a service", goals: []goal{toLimit(.6), toOPA(5)}, warm: freshWarm, fresh: true, ended: b.service.ended,
			entries: hot(w.us("STEPUP_POLICY_OPA="+b.service.config()), w.opa("--config-file", filepath.Join(w.dir, serviceFile)))},
		{name: "console", title: "hot, with decision logs to the console", goals: []goal{toLimit(0), toOPA(0)}, warm: freshWarm, fresh: true, ended: b.console.ended,
			entries: hot(w.us("STEPUP_POLICY_OPA={decision_logs: {console: true}}"), w.opa("--set", "decision_logs.console=true"))},
		{name: "line", title: "hot, with a line of the program's log per decision", goals: []goal{toLimit(0)}, warm: freshWarm, fresh: true,
			entries: hot(w.us("STEPUP_LOG_LEVEL=info"), w.opa())[:2]},
	}, nil
}

// entries are those of a row in which all three take part.
func (b *bench) entries(us, opa candidate, of func(dialect) *script) []entry {
	var list []entry
	for _, c := range []candidate{b.world.limit(), us, opa} {
		list = append(list, entry{name: c.name, who: c, script: of(c.dialect)})
	}
	return list
}

// measure lets the entries of a row take turns.
func (b *bench) measure(ctx context.Context, r *row) error {
	r.rates = map[string][]float64{}
	next := make([]int, len(r.entries))
	for _, e := range r.entries {
		if err := e.script.write(b.file(e)); err != nil {
			return err
		}
	}
	for range b.rounds {
		for i, e := range r.entries {
			m, err := b.turn(ctx, r, e, &next[i])
			if err != nil {
				return fmt.Errorf("%s, asking %s: %w", r.name, e.name, err)
			}
			r.rates[e.name] = append(r.rates[e.name], m.rate()*max(e.per, 1))
		}
	}
	return nil
}

func (b *bench) file(e entry) string { return filepath.Join(b.world.dir, e.name+".script") }

// turn loads one entry, after it has got up to speed.
func (b *bench) turn(ctx context.Context, r *row, e entry, next *int) (measure, error) {
	p, fresh, err := b.process(ctx, r, e)
	if err != nil {
		return measure{}, err
	}
	if fresh {
		defer p.kill()
		*next = 0
	}
	l := loading{Address: p.address(e.script.Speaks), File: b.file(e), Conns: conns, From: *next, Seconds: b.seconds * r.warm}
	whole := 0
	if fresh && r.once {
		whole = len(e.script.Requests)
		l.To = whole / 2 // the other half is for what is measured
	}
	warm, err := b.generator.perform(l)
	if err != nil {
		return warm, err
	}
	l.From, l.To, l.Seconds = warm.Next, whole, b.seconds
	m, err := b.generator.perform(l)
	if *next = m.Next; err == nil && fresh && r.ended != nil {
		p.stop()
		r.ended(p, warm.Answers+m.Answers)
	}
	return m, err
}

// process is one that runs already, or of a row that wants fresh ones a new one. The limit
// remembers nothing.
func (b *bench) process(ctx context.Context, r *row, e entry) (p *process, fresh bool, err error) {
	if r.fresh && e.who.name != "limit" {
		p, err = e.who.start(ctx, b.world.dir)
		return p, true, err
	}
	return b.running[e.who.name], false, nil
}
