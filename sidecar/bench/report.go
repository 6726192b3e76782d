package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// report tells what was found, as a part of a page.
func (b *bench) report(args []string, took time.Duration) string {
	var t strings.Builder
	fmt.Fprintf(&t, "Measured by `go run ./sidecar/bench %s` in %s on %s, at commit %s, with %s on %s, %d processors (%s), whose load average was %s before. "+
		"%d rounds of %g s each.\n",
		strings.Join(told(args), " "), took.Round(time.Second), time.Now().UTC().Format(time.DateOnly), commit(), runtime.Version(),
		runtime.GOOS+"/"+runtime.GOARCH, runtime.NumCPU(), processor(), b.before, b.rounds, b.seconds)
	b.tellRows(&t)
	b.tellLatencies(&t)
	b.tellFacts(&t)
	b.tellGrowth(&t)
	return t.String()
}

// told leaves out arguments that say nothing.
func told(args []string) (said []string) {
	for i := 0; i < len(args); i++ {
		if i+1 < len(args) && args[i+1] == "" {
			i++
			continue
		}
		said = append(said, args[i])
	}
	return said
}

func (b *bench) tellRows(t *strings.Builder) {
	if len(b.measured) == 0 {
		return
	}
	t.WriteString("\n| workload | to the limit | goal | | to OPA's server | goal | | us, decisions/s | limit |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range b.measured {
		limit := ""
		if rates := r.rates["limit"]; len(rates) > 0 {
			limit = fmt.Sprintf("%.0f", median(rates))
		}
		fmt.Fprintf(t, "| %s | %s | %s | %.0f | %s |\n", r.title, r.ratio(r.first("limit", "single")), r.ratio(r.first("opa")), median(r.rates["us"]), limit)
	}
	b.tellLimit(t)
	for _, of := range []struct {
		row string
		*counted
	}{{"to the service", &b.service.counted}, {"to the console", b.console}} {
		if len(of.made) > 0 {
			fmt.Fprintf(t, "\nOf the decisions logged %s, %s of ours and %s of OPA's server arrived.\n", of.row, of.share("us"), of.share("opa"))
		}
	}
}

// tellLimit tells how far above OPA's server the limit itself is: nothing that reads every question anew over the
// same HTTP is further.
func (b *bench) tellLimit(t *strings.Builder) {
	var told []string
	for _, r := range b.measured {
		if list := r.ratios(goal{of: "limit", to: "opa"}); len(list) > 0 {
			told = append(told, fmt.Sprintf("%.1f (%s)", median(list), r.name))
		}
	}
	if len(told) > 0 {
		fmt.Fprintf(t, "\nThe limit itself, to OPA's server: %s.\n", strings.Join(told, ", "))
	}
}

// first is the goal that is about one of these.
func (r *row) first(to ...string) goal {
	for _, g := range r.goals {
		for _, name := range to {
			if g.to == name {
				return g
			}
		}
	}
	return goal{}
}

// ratio is the median of the rounds' ratios with their quartiles, the goal, and whether it
// is met.
func (r *row) ratio(g goal) string {
	list := r.ratios(g)
	if len(list) == 0 {
		return " | | "
	}
	told := fmt.Sprintf("%.2f (%.2f to %.2f)", median(list), quartile(list, 1), quartile(list, 3))
	if g.least == 0 {
		return told + " | | "
	}
	return fmt.Sprintf("%s | ≥ %g | %s", told, g.least, met(median(list) >= g.least))
}

func (r *row) ratios(g goal) (list []float64) {
	for i, rate := range r.rates[g.of] {
		if i < len(r.rates[g.to]) {
			list = append(list, rate/r.rates[g.to][i])
		}
	}
	return list
}

func met(yes bool) string {
	if yes {
		return "met"
	}
	return "**not met**"
}

func (b *bench) tellLatencies(t *strings.Builder) {
	if len(b.latencies) == 0 {
		return
	}
	fmt.Fprintf(t, "\n| latency at half of the limit's rate, %.0f answers/s | p50 | p99 | p99.9 |\n|---|---|---|---|\n", b.latencies[0].rate)
	p99 := map[string]float64{}
	for _, name := range []string{"limit", "us"} {
		var lists [3][]float64
		for _, l := range b.latencies {
			if l.candidate == name {
				lists[0], lists[1], lists[2] = append(lists[0], l.P50), append(lists[1], l.P99), append(lists[2], l.P999)
			}
		}
		p99[name] = median(lists[1])
		fmt.Fprintf(t, "| %s | %.2f ms | %.2f ms | %.2f ms |\n", name, median(lists[0]), p99[name], median(lists[2]))
	}
	fmt.Fprintf(t, "\nOur p99 is %.2f times the limit's (goal: ≤ 1.5): %s.\n", p99["us"]/p99["limit"], met(p99["us"] <= 1.5*p99["limit"]))
}

func (b *bench) tellFacts(t *strings.Builder) {
	if len(b.facts) == 0 {
		return
	}
	t.WriteString("\n| what | found | goal | |\n|---|---|---|---|\n")
	for _, f := range b.facts {
		said := ""
		if f.goal != "" {
			said = met(f.met)
		}
		fmt.Fprintf(t, "| %s | %s | %s | %s |\n", f.what, f.found, f.goal, said)
	}
}

func (b *bench) tellGrowth(t *strings.Builder) {
	if len(b.costs) == 0 {
		return
	}
	t.WriteString("\nA time, and how many allocations:\n\n| how many | kept answer | through nginx's door | new answer | new step-up | start |\n|---|---|---|---|---|---|\n")
	for _, c := range b.costs {
		fmt.Fprintf(t, "| %d %s | %s | %s | %s | %s | %.0f ms |\n", c.Size, c.What, c.Kept, c.Gateway, c.New, c.Asked, float64(c.Start.Microseconds())/1000)
	}
}

// String tells an operation in microseconds, with what it allocates.
func (o op) String() string { return fmt.Sprintf("%.1f µs, %.0f", o.Nanoseconds/1000, o.Allocations) }

// load1 is the load average of the last minute.
func load1() string {
	text, _ := os.ReadFile("/proc/loadavg")
	load, _, _ := strings.Cut(string(text), " ")
	return load
}

func commit() string {
	out, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// The part of a page that is written by a run stands between these.
const (
	measuredBegins = "<!-- measured: make bench writes what follows -->\n"
	measuredEnds   = "<!-- end of measured -->\n"
)

// replaceMeasured puts what was found into its page.
func replaceMeasured(page, text string) error {
	old, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(old), measuredBegins)
	_, after, ends := strings.Cut(rest, measuredEnds)
	if !begins || !ends {
		return fmt.Errorf("%s has no part between %q and %q", page, strings.TrimSpace(measuredBegins), strings.TrimSpace(measuredEnds))
	}
	return os.WriteFile(page, []byte(before+measuredBegins+"\n"+text+"\n"+measuredEnds+after), 0o644)
}
