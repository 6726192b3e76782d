package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the folder of the repository as seen from here.
const root = ".."

// A block is one fenced block of a page.
type block struct {
	page     string
	line     int // of its fence
	language string
	text     string
	// output is what the commands of a block are said to print: the block of language
	// console or json that stands directly below it, nothing but blank lines between.
	output *block
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.page, b.line) }

// fileName matches the first line of a block that a reader saves as a file.
var fileName = regexp.MustCompile(`^# ([\w./-]+\.(?:rego|ya?ml))\n`)

// file is the name under which the reader saves the block; empty: it is only read.
func (b block) file() string {
	if m := fileName.FindStringSubmatch(b.text); m != nil {
		return m[1]
	}
	return ""
}

// pages are the README and what lies directly in docs.
func pages(t *testing.T) []string {
	t.Helper()
	list, err := filepath.Glob("*.md")
	if err != nil || len(list) < 3 {
		t.Fatalf("found the pages %v (%v)", list, err)
	}
	for i, name := range list {
		list[i] = filepath.Join("docs", name)
	}
	return append([]string{"README.md"}, list...)
}

func readPage(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blocks returns the fenced blocks of a page, outputs joined to their commands.
func blocks(t *testing.T, page string) []block {
	t.Helper()
	var list []block
	var open *block
	adjacent := false
	for i, line := range strings.Split(readPage(t, page), "\n") {
		language, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && open == nil:
			open = &block{page: page, line: i + 1, language: language}
		case fence:
			list = join(list, *open, adjacent)
			open, adjacent = nil, true
		case open != nil:
			open.text += line + "\n"
		case strings.TrimSpace(line) != "":
			adjacent = false
		}
	}
	if open != nil {
		t.Fatalf("%s: the block is never closed", open)
	}
	return list
}

// join adds a block, or makes it the output of the block directly above.
func join(list []block, b block, adjacent bool) []block {
	if adjacent && (b.language == "console" || b.language == "json") {
		if last := &list[len(list)-1]; last.language == "sh" && last.output == nil {
			last.output = &b
			return list
		}
	}
	return append(list, b)
}

var link = regexp.MustCompile(`\]\(([^)\s#]+)(#[^)\s]*)?\)`)

// TestLinks follows every link to a file of ours.
func TestLinks(t *testing.T) {
	for _, page := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(readPage(t, page), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", page, m[1], err)
			}
		}
	}
}
