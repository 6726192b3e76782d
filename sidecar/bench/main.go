package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 3 && args[0] == "limit":
		size, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		return limit(args[1], size)
	case len(args) == 1 && args[0] == "load":
		return load()
	}
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.Float64Var(&o.seconds, "seconds", 2, "how long each candidate is loaded in each round")
	flags.IntVar(&o.rounds, "rounds", 3, "how often they take turns in each row")
	flags.IntVar(&o.logins, "logins", 10_000, "how many people have a token; as many more tokens are for the cold row")
	flags.IntVar(&o.live, "live", 100_000, "how many live tokens the memory is measured with")
	flags.StringVar(&o.page, "page", "", "the page that is kept; empty: it is only printed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	return o.measure(ctx)
}

// options say how much is measured.
type options struct {
	seconds float64
	rounds  int
	logins  int
	live    int
	page    string
}

func (o options) measure(ctx context.Context) error {
	text, err := o.run(ctx)
	if err != nil {
		return err
	}
	fmt.Print(text)
	if o.page == "" {
		return nil
	}
	return replaceMeasured(o.page, text)
}

// run measures everything and returns the report.
func (o options) run(ctx context.Context) (string, error) {
	dir, err := os.MkdirTemp("", "stepup-bench")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	began := time.Now()
	if err := build(ctx, dir); err != nil {
		return "", err
	}
	w, err := newWorld(dir)
	if err != nil {
		return "", err
	}
	defer w.keys.Close()
	b := &bench{options: o, world: w}
	if err := b.all(ctx); err != nil {
		return "", err
	}
	return b.report(time.Since(began)), nil
}
