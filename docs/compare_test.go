package docs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fleeting is what differs from run to run, with the word that stands for it.
var fleeting = []struct {
	pattern *regexp.Regexp
	word    string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`), "<id>"},
	{regexp.MustCompile(`@[0-9a-f]{12}\b`), "@<digest>"},
	{regexp.MustCompile(`\bhmac:[0-9a-f]{32}\b`), "<pseudonym>"},
	{regexp.MustCompile(`\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "<when>"},
	{regexp.MustCompile(`\b1[789]\d{8}\b`), "<time>"},
	{regexp.MustCompile(`"ms":[0-9.e-]+`), `"ms":<ms>`},
}

// steady replaces what differs from run to run.
func steady(text string) string {
	for _, f := range fleeting {
		text = f.pattern.ReplaceAllLiteralString(text, f.word)
	}
	return text
}

// differenceText compares line by line. An ellipsis in the page stands for anything
// within its line, and alone on a line for any lines.
func differenceText(want, got string) string {
	pattern := regexp.QuoteMeta(trimLines(steady(want)))
	pattern = regexp.MustCompile(`(?m)^[ ]*…\n`).ReplaceAllLiteralString(pattern, "(?:.*\n)*")
	pattern = strings.ReplaceAll(pattern, "…", ".*")
	got = trimLines(steady(got))
	if regexp.MustCompile(`\A` + pattern + `\z`).MatchString(got) {
		return ""
	}
	return fmt.Sprintf("prints something else than the page says\ngot:\n%s\nwant:\n%s", got, want)
}

func trimLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \t\r")
	}
	return strings.Join(lines, "\n") + "\n"
}

// differenceJSON compares the values, however they are laid out.
func differenceJSON(want, got string) string {
	wanted, err := values(want)
	if err != nil {
		return fmt.Sprintf("the page's JSON cannot be read: %v", err)
	}
	gotten, err := values(got)
	if err != nil {
		return fmt.Sprintf("prints no JSON: %v\n%s", err, got)
	}
	if diff := cmp.Diff(wanted, gotten); diff != "" {
		return fmt.Sprintf("prints something else than the page says (-page +printed):\n%s\n%s", diff, got)
	}
	return ""
}

// values reads all JSON values of a text, steadied.
func values(text string) ([]any, error) {
	var list []any
	for d := json.NewDecoder(strings.NewReader(text)); ; {
		var v any
		if err := d.Decode(&v); errors.Is(err, io.EOF) {
			return list, nil
		} else if err != nil {
			return nil, err
		}
		list = append(list, steadyValue(v))
	}
}

func steadyValue(v any) any {
	switch v := v.(type) {
	case string:
		return steady(v)
	case float64:
		if text := strconv.FormatFloat(v, 'f', -1, 64); steady(text) != text {
			return steady(text)
		}
	case []any:
		for i := range v {
			v[i] = steadyValue(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = steadyValue(v[name])
		}
	}
	return v
}

// TestDifference makes sure that a page which says something wrong is caught.
func TestDifference(t *testing.T) {
	for _, c := range []struct {
		title, page, printed string
		compare              func(want, got string) string
		same                 bool
	}{
		{"equal text", "allow\nexit 0\n", "allow\nexit 0\n", differenceText, true},
		{"another word", "allow\n", "deny\n", differenceText, false},
		{"a line too few", "allow\n", "allow\nexit 0\n", differenceText, false},
		{"a digest", "folder@0123456789ab\n", "folder@ba9876543210\n", differenceText, true},
		{"another kind of revision", "folder@0123456789ab\n", "demonstration@ba9876543210\n", differenceText, false},
		{"left out within a line", "go1.… linux\n", "go1.26 linux\n", differenceText, true},
		{"left out lines", "a\n…\nd\n", "a\nb\nc\nd\n", differenceText, true},
		{"left out lines, another end", "a\n…\nd\n", "a\nb\nc\n", differenceText, false},
		{"a dot is a dot", "a.b\n", "axb\n", differenceText, false},
		{"JSON laid out", `{"a": [1, 2]}`, "{\n\"a\":[1,2]}", differenceJSON, true},
		{"a moment", `{"auth_time": 1795448672}`, `{"auth_time": 1795449999}`, differenceJSON, true},
		{"no moment", `{"auth_time": 1795448672}`, `{"auth_time": 0}`, differenceJSON, false},
		{"an age is no moment", `{"max_age": 3600}`, `{"max_age": 3599}`, differenceJSON, false},
		{"a member too many", `{"a": 1}`, `{"a": 1, "b": 2}`, differenceJSON, false},
		{"an answer too few", `{"a": 1}`, `{"a": 1} {"a": 1}`, differenceJSON, false},
	} {
		if wrong := c.compare(c.page, c.printed); (wrong == "") != c.same {
			t.Errorf("%s: got %q, want same: %t", c.title, wrong, c.same)
		}
	}
}
