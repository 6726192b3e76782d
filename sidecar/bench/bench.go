package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// options say how much is measured.
type options struct {
	seconds float64
	rounds  int
	logins  int
	live    int
	sizes   int
	each    time.Duration
	only    []string // rows; empty: all
	page    string
}

// A bench is one run.
type bench struct {
	options
	world     *world
	generator *generator
	running   map[string]*process // those that rows share, by the name of their candidate
	service   *sink
	console   *counted
	logins    []string
	fresh     []string
	before    string // what the machine did before

	measured  []*row
	latencies []latency
	facts     []fact
	costs     []cost
}

// run measures what is wanted.
func (o options) run(ctx context.Context) (*bench, error) {
	dir, err := os.MkdirTemp("", "stepup-bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	b := &bench{options: o, before: load1(), running: map[string]*process{}, console: &counted{what: "lines"}}
	if b.world, err = newWorld(dir); err != nil {
		return nil, err
	}
	defer b.world.keys.Close()
	defer b.stop()
	for _, step := range []func(context.Context) error{b.prepare, b.throughput, b.latency, b.allocations, b.start, b.memory, b.grow} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *bench) stop() {
	for _, p := range b.running {
		p.kill()
	}
	if b.generator != nil {
		b.generator.stop()
	}
	if b.service != nil {
		b.service.Close()
	}
}

// wants says whether a row or one of the other measurements is wanted.
func (b *bench) wants(name string) bool { return len(b.only) == 0 || slices.Contains(b.only, name) }

func tell(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format(time.TimeOnly)+" "+format+"\n", args...)
}

// prepare builds and starts what all rows share. The limit's answers are copies of ours,
// which are taken when those of all are held against what is right.
func (b *bench) prepare(ctx context.Context) (err error) {
	logins := b.options.logins
	if !b.wants("mixed") && !b.wants("cold") {
		logins = min(logins, 1) // the other rows have one person
	}
	tell("building, and signing %d tokens", 2*logins)
	built := make(chan error, 1)
	go func() { built <- build(ctx, b.world.dir) }()
	all, err := b.world.tokens(jose.RS256, 2*logins)
	if err = errors.Join(err, <-built); err != nil {
		return err
	}
	b.logins, b.fresh = all[:logins], all[logins:]
	if b.generator, err = startGenerator(); err != nil {
		return err
	}
	if b.service, err = newSink(b.world.dir); err != nil {
		return err
	}
	for _, c := range []candidate{b.world.us(), b.world.opa(), b.world.limit()} {
		if c.name == "limit" {
			err = b.copyAnswers()
		}
		if err == nil {
			b.running[c.name], err = c.start(ctx, b.world.dir)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// copyAnswers asks us once over each protocol and keeps what is answered.
func (b *bench) copyAnswers() error {
	check, err := checked(b.logins[0])
	if err != nil {
		return err
	}
	for file, s := range map[string]*script{answerFile: native.hot(b.logins), checkFile: check} {
		to, err := dial(s.Speaks, b.running["us"].address(s.Speaks))
		if err != nil {
			return err
		}
		defer to.Close()
		status, answer, err := to.ask(s.request(0, nil))
		if err != nil {
			return err
		}
		if !s.Wants[0].met(status, answer) {
			return fmt.Errorf("answered with %d %q to %q", status, answer, s.request(0, nil))
		}
		if err := os.WriteFile(filepath.Join(b.world.dir, file), answer, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) throughput(ctx context.Context) error {
	all, err := b.rows()
	if err != nil {
		return err
	}
	for _, r := range all {
		if !b.wants(r.name) {
			continue
		}
		tell("%s", r.title)
		if err := b.measure(ctx, r); err != nil {
			return err
		}
		b.measured = append(b.measured, r)
	}
	return nil
}

// names are those of everything that can be measured.
func names() []string {
	return strings.Fields("hot get grpc batch mixed cold logs console line latency allocations start memory growth")
}
