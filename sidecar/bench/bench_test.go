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
	text, err := options{seconds: 0.1, rounds: 1, logins: 40, live: 50}.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Log(text)
	for _, want := range []string{"hot: one token", "mixed:", "cold:", "batch of 50", "log line", "memory idle, us", "from exec to ready", "| us | "} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	if n := len(regexp.MustCompile(`\d+\.\d\d \(\d+\.\d\d to \d+\.\d\d\)`).FindAllString(text, -1)); n != 8 {
		t.Errorf("%d ratios, want two of each of four rows", n)
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
