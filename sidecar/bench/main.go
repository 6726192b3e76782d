package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 4 && args[0] == "limit":
		return limit(args[1], args[2], args[3])
	case len(args) == 1 && args[0] == "load":
		return load(os.Stdin, os.Stdout)
	}
	o, err := readOptions(args)
	if err != nil {
		return err
	}
	began := time.Now()
	b, err := o.run(ctx)
	if err != nil {
		return err
	}
	text := b.report(args, time.Since(began))
	fmt.Print(text)
	if o.page == "" || len(o.only) > 0 {
		return nil
	}
	return replaceMeasured(o.page, text)
}

func readOptions(args []string) (options, error) {
	var o options
	var only string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.Float64Var(&o.seconds, "seconds", 1, "how long each is loaded in each round")
	flags.IntVar(&o.rounds, "rounds", 5, "how often they take turns in each row")
	flags.IntVar(&o.logins, "logins", 10_000, "how many people have a token; as many more tokens are new to everybody")
	flags.IntVar(&o.live, "live", 100_000, "how many live tokens the memory is measured with")
	flags.IntVar(&o.sizes, "sizes", 4, "how many sizes of each growth are measured")
	flags.DurationVar(&o.each, "each", 200*time.Millisecond, "how long each cost of each size is measured")
	flags.StringVar(&only, "rows", "", "what is measured, parted by commas: "+strings.Join(names(), ", ")+"; empty: everything")
	flags.StringVar(&o.page, "page", "", "the page that everything measured is written into; empty, or with -rows: it is only printed")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	for _, name := range strings.FieldsFunc(only, func(r rune) bool { return r == ',' || r == ' ' }) {
		if !slices.Contains(names(), name) {
			return o, fmt.Errorf("-rows: %q is none of %s", name, strings.Join(names(), ", "))
		}
		o.only = append(o.only, name)
	}
	return o, nil
}
