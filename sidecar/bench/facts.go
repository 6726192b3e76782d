package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// A fact is something that is no rate.
type fact struct {
	what, found, goal string
	met               bool
}

// A latency is what one round at half of the limit's rate came to.
type latency struct {
	candidate string
	rate      float64
	measure
}

// moreForLatency is how many rounds there are for each one of a row: whether a collector runs in one is
// chance, and the slowest hundredth is what depends on it.
const moreForLatency = 3

// latency loads the limit and us with half of the requests that the limit can answer. A
// question is late from when it was due: one that waits for others pays for it (no
// coordinated omission).
func (b *bench) latency(context.Context) error {
	if !b.wants("latency") {
		return nil
	}
	tell("latency at half of the limit's rate")
	var entries []entry
	for _, c := range []candidate{b.world.limit(), b.world.us()} {
		e := entry{name: c.name, who: c, script: c.dialect.hot(b.logins)}
		if err := e.script.write(b.file(e)); err != nil {
			return err
		}
		entries = append(entries, e)
	}
	most, err := b.generator.perform(b.loading(entries[0], b.seconds))
	if err != nil {
		return err
	}
	for range moreForLatency * b.rounds {
		for _, e := range entries {
			l := b.loading(e, b.seconds/4)
			if _, err := b.generator.perform(l); err != nil {
				return err
			}
			// More connections than are needed, so that a question seldom waits for one.
			l.Seconds, l.Rate, l.Conns = b.seconds, most.rate()/2, 2*conns
			m, err := b.generator.perform(l)
			if err != nil {
				return err
			}
			b.latencies = append(b.latencies, latency{e.name, l.Rate, m})
		}
	}
	return nil
}

// loading is that of an entry whose process is running.
func (b *bench) loading(e entry, seconds float64) loading {
	return loading{Address: b.running[e.who.name].address(e.script.Speaks), File: b.file(e), Conns: conns, Seconds: seconds}
}

// allocations counts what the processes allocate for an answer that is kept, with all that
// net/http does.
func (b *bench) allocations(context.Context) error {
	if !b.wants("allocations") {
		return nil
	}
	tell("allocations per answer")
	found := map[string]float64{}
	for _, c := range []candidate{b.world.limit(), b.world.us(), b.world.opa()} {
		e, p := entry{name: c.name, who: c, script: c.dialect.hot(b.logins)}, b.running[c.name]
		if err := e.script.write(b.file(e)); err != nil {
			return err
		}
		before, err := p.metric(mallocs)
		if err != nil {
			return err
		}
		m, err := b.generator.perform(b.loading(e, b.seconds))
		if err != nil {
			return err
		}
		after, err := p.metric(mallocs)
		if err != nil {
			return err
		}
		found[c.name] = (after - before) / float64(m.Answers)
	}
	b.facts = append(b.facts, fact{what: "allocations per answer over HTTP, hot: the limit, us, OPA's server",
		found: fmt.Sprintf("%.0f, %.0f, %.0f", found["limit"], found["us"], found["opa"])})
	return nil
}

// start measures from exec until questions can be answered, with the embedded policies.
func (b *bench) start(ctx context.Context) error {
	if !b.wants("start") {
		return nil
	}
	tell("from exec to ready")
	took := map[string][]float64{}
	var idle []float64
	for range b.rounds {
		for _, c := range []candidate{b.world.embedded(), b.world.opa()} {
			p, err := c.start(ctx, b.world.dir)
			if err != nil {
				return err
			}
			took[c.name] = append(took[c.name], float64(p.started.Microseconds())/1000)
			if c.name == "us" {
				idle = append(idle, p.memory())
			}
			p.kill()
		}
	}
	us, opa := median(took["us"]), median(took["opa"])
	b.facts = append(b.facts,
		fact{"from exec to ready: us with the embedded policies, OPA's server", fmt.Sprintf("%.0f ms, %.0f ms", us, opa), "≤ OPA's", us <= opa},
		fact{"memory idle, us", fmt.Sprintf("%.0f MiB", median(idle)), "≤ 64 MiB", median(idle) <= 64})
	return nil
}

// memory measures what live tokens take, each asked about once, and how many of them are
// kept then: answers.memory may have room for fewer.
func (b *bench) memory(ctx context.Context) error {
	if !b.wants("memory") {
		return nil
	}
	tell("memory with %d live tokens", b.live)
	live, err := b.world.tokens(jose.ES256, b.live)
	if err != nil {
		return err
	}
	p, err := b.world.us().start(ctx, b.world.dir)
	if err != nil {
		return err
	}
	defer p.kill()
	e := entry{name: "live", script: native.cold(live)}
	if err := e.script.write(b.file(e)); err != nil {
		return err
	}
	m, err := b.generator.perform(loading{Address: p.http, File: b.file(e), Conns: conns, Seconds: 300, To: len(e.script.Requests)})
	if err != nil {
		return err
	}
	holds := p.memory()
	kept, err := b.kept(p, live)
	if err != nil {
		return err
	}
	b.facts = append(b.facts, fact{fmt.Sprintf("memory after %d live tokens, us (%.0f %% of them still kept within answers.memory, 64 MiB)", m.Answers, kept*100),
		fmt.Sprintf("%.0f MiB", holds), "≤ 256 MiB", holds <= 256 && m.Answers == b.live})
	return nil
}

// kept is the share of tokens that are still kept, found by asking once more about some,
// evenly from the first to the last.
func (b *bench) kept(p *process, live []string) (float64, error) {
	const hits = `stepup_kept_total{cache="tokens",result="hit"}`
	var some []string
	for n := 0; n < len(live); n += max(len(live)/1000, 1) {
		some = append(some, live[n])
	}
	e := entry{name: "some", script: native.cold(some)}
	if err := e.script.write(b.file(e)); err != nil {
		return 0, err
	}
	before, _ := p.metric(hits) // it is not there before the first
	m, err := b.generator.perform(loading{Address: p.http, File: b.file(e), Conns: 1, Seconds: 60, To: len(e.script.Requests)})
	if err != nil {
		return 0, err
	}
	after, _ := p.metric(hits)
	return (after - before) / float64(m.Answers), nil
}

func (b *bench) grow(ctx context.Context) (err error) {
	if !b.wants("growth") {
		return nil
	}
	tell("growth")
	b.costs, err = grow(ctx, b.world, b.sizes, b.each)
	return err
}

// quartile is the value below which a quarter, two or three of a list lie.
func quartile(list []float64, number int) float64 {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	at := float64(len(sorted)-1) * float64(number) / 4
	below := int(at)
	above := min(below+1, len(sorted)-1)
	return sorted[below] + (at-float64(below))*(sorted[above]-sorted[below])
}

func median(list []float64) float64 { return quartile(list, 2) }
