package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestMain lets the processes of a run be the test's own program.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "limit" || os.Args[1] == "load") {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestSmoke measures everything for a moment: that all of it runs and says the same, not how
// fast it is.
func TestSmoke(t *testing.T) {
	b, err := options{seconds: 0.02, rounds: 1, logins: 60, live: 50, sizes: 1, each: 1}.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text := b.report(nil, 0)
	t.Log(text)
	rows, err := b.rows()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if !strings.Contains(text, "| "+r.title+" | ") {
			t.Errorf("the report lacks the row %q", r.title)
		}
	}
	for _, want := range []string{"latency at half", "| us | ", "allocations per answer", "from exec to ready", "memory idle, us", "memory after 50 live tokens", "| 10 routes | ", "| 3 levels | "} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	if n := len(regexp.MustCompile(`\d+\.\d\d \(\d+\.\d\d to \d+\.\d\d\)`).FindAllString(text, -1)); n != 14 {
		t.Errorf("%d ratios, want two of each of five rows and one of each of four", n)
	}
	if !regexp.MustCompile(`The limit itself, to OPA's server: \d+\.\d \(hot\), \d+\.\d \(mixed\), \d+\.\d \(cold\), \d+\.\d \(logs\), \d+\.\d \(console\)\.`).MatchString(text) {
		t.Error("the report does not tell how far the limit is from OPA's server")
	}
	for name, logs := range map[string]*counted{"service": &b.service.counted, "console": b.console} {
		for _, candidate := range []string{"us", "opa"} {
			if logs.told[candidate] == 0 || logs.told[candidate] > logs.made[candidate] {
				t.Errorf("the %s was told of %d decisions of %s, of which there were %d", name, logs.told[candidate], candidate, logs.made[candidate])
			}
		}
	}
}

func TestReplaceMeasured(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	write := func(text string) {
		if err := os.WriteFile(page, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a\n" + measuredBegins + "old\n" + measuredEnds + "b\n")
	if err := replaceMeasured(page, "new\n"); err != nil {
		t.Fatal(err)
	}
	got, _ := os.ReadFile(page)
	if want := "a\n" + measuredBegins + "\nnew\n\n" + measuredEnds + "b\n"; string(got) != want {
		t.Errorf("the page is %q, want %q", got, want)
	}
	write("a page of another kind\n")
	if replaceMeasured(page, "new\n") == nil {
		t.Error("a page without the part for it is written to")
	}
}
