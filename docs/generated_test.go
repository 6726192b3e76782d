package docs_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
	"stepup/sidecar/telemetry"
)

var update = flag.Bool("update", false, "write what is made from the code's tables anew")

// TestReasons holds docs/reasons.md to the one table of codes.
func TestReasons(t *testing.T) {
	hold(t, "reasons", "docs/reasons.md", reasons())
}

// TestMetrics holds the table of metrics to the one table of instruments.
func TestMetrics(t *testing.T) {
	hold(t, "metrics", "docs/getting-decisions.md", metrics())
}

// hold compares what stands between a page's two marks with what should; with -update it
// is written.
func hold(t *testing.T, name, page, want string) {
	t.Helper()
	begin, end := "<!-- "+name+": made by `make docs`, do not edit -->\n\n", "\n<!-- end of "+name+" -->\n"
	text := readPage(t, page)
	before, rest, found := strings.Cut(text, begin)
	got, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no marks %q and %q", page, begin, end)
	}
	if *update {
		if err := os.WriteFile(filepath.Join(root, page), []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s is not up to date; `make docs` writes it anew (-code +page):\n%s", page, diff)
	}
}

func reasons() string {
	var b strings.Builder
	b.WriteString("| Code | It means | Callers are told | `http.status` | Bearer error |\n|---|---|---|---|---|\n")
	for _, row := range access.Codes() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", row.Code, row.Meaning, row.Message, status(row), bearer(row))
	}
	return b.String()
}

// status is what the table of codes gives, told as it comes out: the same code may stand
// on a step-up and on a refusal.
func status(row access.Row) string {
	stepUp := access.Decision{Outcome: access.StepUp, Reasons: []access.Reason{access.Because(row.Code)}}
	deny := access.Decision{Outcome: access.Deny, Reasons: stepUp.Reasons}
	switch {
	case row.Fault:
		return fmt.Sprintf("%d, as a problem document", row.Status)
	case row.Status != deny.Status():
		return fmt.Sprintf("%d on step_up, %d on deny", stepUp.Status(), deny.Status())
	}
	return fmt.Sprint(row.Status)
}

func bearer(row access.Row) string {
	switch {
	case row.Bearer != "":
		return "`" + row.Bearer + "`"
	case row.Status == http.StatusUnauthorized:
		return "bare `Bearer`"
	}
	return ""
}

func metrics() string {
	var b strings.Builder
	b.WriteString("| Metric | Kind | Labels | What it tells |\n|---|---|---|---|\n")
	for _, i := range telemetry.Table() {
		labels := ""
		if len(i.Labels) > 0 {
			labels = "`" + strings.Join(i.Labels, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", i.Name, i.Kind, labels, i.Help)
	}
	return b.String()
}
