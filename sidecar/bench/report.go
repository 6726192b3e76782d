package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report tells what was found, as a part of a page.
func (b *bench) report(took time.Duration) string {
	var t strings.Builder
	fmt.Fprintf(&t, "Measured with `go run ./sidecar/bench -seconds %g -rounds %d` in %s, at commit %s, with %s on %s, %d processors (%s).\n\n",
		b.seconds, b.rounds, took.Round(time.Second), commit(), runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH, runtime.NumCPU(), processor())
	t.WriteString("| workload | to the limit | to OPA's server | goal | us, answers/s |\n|---|---|---|---|---|\n")
	for _, r := range b.rows {
		fmt.Fprintf(&t, "| %s | %s | %s | %s | %.0f |\n", r.name, r.ratio("limit"), r.ratio("opa"), r.goals, median(r.rates["us"]))
	}
	if one, many := b.row("hot"), b.row("batch"); one != nil && many != nil {
		fmt.Fprintf(&t, "\nA batch of %d makes %.1f times the decisions per second of single questions.\n", batchSize,
			median(many.rates["us"])*many.per/median(one.rates["us"]))
	}
	t.WriteString("\n| latency at half of the limit's rate | p50 | p99 | p99.9 |\n|---|---|---|---|\n")
	for _, name := range []string{"limit", "us"} {
		var p50, p99, p999 []float64
		for _, l := range b.latencies {
			if l.candidate == name {
				p50, p99, p999 = append(p50, l.P50), append(p99, l.P99), append(p999, l.P999)
			}
		}
		fmt.Fprintf(&t, "| %s | %.2f ms | %.2f ms | %.2f ms |\n", name, median(p50), median(p99), median(p999))
	}
	t.WriteString("\n| what | found | goal |\n|---|---|---|\n")
	for _, f := range b.facts {
		fmt.Fprintf(&t, "| %s | %s | %s |\n", f.what, f.value, f.goal)
	}
	return t.String()
}

func (b *bench) row(name string) *row {
	for i := range b.rows {
		if strings.HasPrefix(b.rows[i].name, name) {
			return &b.rows[i]
		}
	}
	return nil
}

// ratio is the median of the rounds' ratios, with the least and the greatest.
func (r row) ratio(to string) string {
	var list []float64
	for i, rate := range r.rates["us"] {
		if i < len(r.rates[to]) {
			list = append(list, rate/r.rates[to][i])
		}
	}
	if len(list) == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f (%.2f to %.2f)", median(list), slices.Min(list), slices.Max(list))
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
