package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// conns is how many connections ask at once.
const conns = 16

// A bench is one run.
type bench struct {
	options
	world  *world
	logins []string
	fresh  []string
	size   int // of our answer

	rows      []row
	latencies []latency
	facts     []fact
}

// A row is one workload, with what each candidate did in each round.
type row struct {
	name  string
	goals string
	rates map[string][]float64 // answers per second, by candidate
	per   float64              // decisions in an answer
}

type latency struct {
	candidate string
	rate      float64
	measure
}

type fact struct{ what, value, goal string }

func (b *bench) all(ctx context.Context) (err error) {
	fmt.Fprintf(os.Stderr, "signing %d tokens\n", 2*b.options.logins)
	all, err := b.world.tokens(jose.RS256, 2*b.options.logins)
	if err != nil {
		return err
	}
	b.logins, b.fresh = all[:b.options.logins], all[b.options.logins:]
	for _, step := range []func(context.Context) error{b.answers, b.throughput, b.latency, b.memory} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// answers checks that all say the same before anything is measured, and takes the size of
// our answer for the limit.
func (b *bench) answers(ctx context.Context) error {
	for _, c := range []candidate{b.world.us("warn"), b.world.opa(false)} {
		p, err := c.start(ctx)
		if err != nil {
			return err
		}
		defer p.stop()
		for n, want := range map[int]bool{0: true, 4: false} {
			text, err := p.answer(b.logins[0], route(n))
			if err != nil {
				return err
			}
			if got := bytes.Contains(text, []byte(`"outcome":"allow"`)) || bytes.Contains(text, []byte(`"allow":true`)); got != want {
				return fmt.Errorf("%s at %s: allowed %t, want %t: %s", c.name, route(n), got, want, text)
			}
			if c.name == "us" && want {
				b.size = len(text)
			}
		}
	}
	return nil
}

// answer is the body of one answer.
func (p *process) answer(token, route string) ([]byte, error) {
	_, body, _ := bytes.Cut(p.dialect.one(token, route), []byte("\r\n\r\n"))
	resp, err := http.Post("http://"+p.address+p.dialect.path, "application/json", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

func (b *bench) throughput(ctx context.Context) error {
	w := b.world
	plain := []candidate{w.limit(b.size), w.us("warn"), w.opa(false)}
	enough := int(60_000 * b.seconds)
	for _, r := range []struct {
		name, goals string
		among       []candidate
		requests    func(dialect) [][]byte
		once        bool
		per         float64
	}{
		{"hot: one token, one route", "≥ 0.90, ≥ 8×", plain, func(d dialect) [][]byte { return d.hot(b.logins) }, false, 1},
		{fmt.Sprintf("mixed: %d logins, Zipf, 20 routes, 5 %% new tokens, a fifth step-up", len(b.logins)), "≥ 0.60, ≥ 5×", plain,
			func(d dialect) [][]byte { return d.mixed(b.logins, b.fresh, min(enough, 10*len(b.logins))) }, false, 1},
		{"cold: every token new (RS256)", "≥ 0.25, ≥ 2×", plain, func(d dialect) [][]byte { return d.cold(append(slices.Clone(b.logins), b.fresh...)) }, true, 1},
		{"batch of 50, one token, 20 routes", "≥ 5 × the decisions of single questions", []candidate{w.us("warn")},
			func(d dialect) [][]byte { return d.batched(b.logins) }, false, batchSize},
		{"hot, with a log line per decision", "", []candidate{w.limit(b.size), w.us("info"), w.opa(true)},
			func(d dialect) [][]byte { return d.hot(b.logins) }, false, 1},
	} {
		fmt.Fprintln(os.Stderr, r.name)
		done := row{name: r.name, goals: r.goals, rates: map[string][]float64{}, per: r.per}
		for _, c := range r.among {
			if err := writeRequests(b.file(c), r.requests(c.dialect)); err != nil {
				return err
			}
		}
		// In turns, each time from the start: no round is warmed by the one before.
		for range b.rounds {
			for _, c := range r.among {
				m, err := b.round(ctx, c, loading{Conns: conns, Seconds: b.seconds, Once: r.once})
				if err != nil {
					return fmt.Errorf("%s: %w", r.name, err)
				}
				done.rates[c.name] = append(done.rates[c.name], m.rate())
			}
		}
		b.rows = append(b.rows, done)
	}
	return nil
}

func (b *bench) file(c candidate) string { return filepath.Join(b.world.dir, c.name+".requests") }

// round starts a candidate, lets it get up to speed, and loads it.
func (b *bench) round(ctx context.Context, c candidate, l loading) (measure, error) {
	p, err := c.start(ctx)
	if err != nil {
		return measure{}, err
	}
	defer p.stop()
	l.File = b.file(c)
	if !l.Once {
		warm := l
		warm.Seconds, warm.Rate = l.Seconds/4, 0
		if _, err := p.under(ctx, warm); err != nil {
			return measure{}, err
		}
	}
	return p.under(ctx, l)
}

// latency loads the limit and us with half of the requests that the limit can answer.
func (b *bench) latency(ctx context.Context) error {
	half := median(b.rows[0].rates["limit"]) / 2
	fmt.Fprintln(os.Stderr, "latency")
	for range b.rounds {
		for _, c := range []candidate{b.world.limit(b.size), b.world.us("warn")} {
			if err := writeRequests(b.file(c), c.dialect.hot(b.logins)); err != nil {
				return err
			}
			m, err := b.round(ctx, c, loading{Conns: conns, Seconds: b.seconds, Rate: half})
			if err != nil {
				return err
			}
			b.latencies = append(b.latencies, latency{c.name, half, m})
		}
	}
	return nil
}

// memory measures what starting takes, in time and memory, and what live tokens take.
func (b *bench) memory(ctx context.Context) error {
	fmt.Fprintf(os.Stderr, "memory with %d live tokens\n", b.live)
	var start = map[string][]float64{}
	for range b.rounds {
		for _, c := range []candidate{b.world.us("warn"), b.world.opa(false)} {
			p, err := c.start(ctx)
			if err != nil {
				return err
			}
			start[c.name] = append(start[c.name], float64(p.started.Milliseconds()))
			p.stop()
		}
	}
	b.facts = append(b.facts, fact{"from exec to ready, us and OPA's server", fmt.Sprintf("%.0f ms, %.0f ms", median(start["us"]), median(start["opa"])), "≤ OPA's"})
	live, err := b.world.tokens(jose.ES256, b.live)
	if err != nil {
		return err
	}
	c := b.world.us("warn")
	p, err := c.start(ctx)
	if err != nil {
		return err
	}
	defer p.stop()
	idle := p.memory()
	if err := writeRequests(b.file(c), c.dialect.cold(live)); err != nil {
		return err
	}
	if _, err = p.under(ctx, loading{File: b.file(c), Conns: conns, Seconds: 120, Once: true}); err != nil {
		return err
	}
	b.facts = append(b.facts,
		fact{"memory idle, us", fmt.Sprintf("%.0f MiB", idle), "≤ 64 MiB"},
		fact{fmt.Sprintf("memory after %d live tokens, us", b.live), fmt.Sprintf("%.0f MiB", p.memory()), "≤ 256 MiB"})
	return nil
}

func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
