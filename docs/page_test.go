package docs_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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
	return append([]string{"README.md", filepath.Join("bundles", "README.md")}, list...)
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

var (
	link    = regexp.MustCompile(`\]\(([^)\s#]*)(?:#([^)\s]*))?\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	fenced  = regexp.MustCompile("(?ms)^```.*?^```$")
	dropped = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// TestLinks follows every link from a page of ours to a file of ours, and to the heading
// in it.
func TestLinks(t *testing.T) {
	for _, page := range everyPage(t) {
		text := fenced.ReplaceAllLiteralString(readPage(t, page), "")
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(m[1], ":") {
				followLink(t, page, m[1], m[2])
			}
		}
	}
}

func followLink(t *testing.T, page, file, anchor string) {
	t.Helper()
	target := page
	if file != "" {
		target = filepath.Join(filepath.Dir(page), file)
	}
	if _, err := os.Stat(filepath.Join(root, target)); err != nil {
		t.Errorf("%s links to %s: %v", page, file, err)
		return
	}
	if anchor != "" && !slices.Contains(anchors(readPage(t, target)), anchor) {
		t.Errorf("%s links to #%s, which is no heading of %s", page, anchor, target)
	}
}

// anchors are the names of a page's headings as GitHub makes them.
func anchors(text string) []string {
	var names []string
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllLiteralString(text, ""), -1) {
		name := dropped.ReplaceAllLiteralString(strings.ToLower(m[1]), "")
		names = append(names, strings.ReplaceAll(name, " ", "-"))
	}
	return names
}

// everyPage is every Markdown file of the repository.
func everyPage(t *testing.T) []string {
	t.Helper()
	var list []string
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (path == ".git" || d.Name() == "node_modules"):
			return fs.SkipDir
		case filepath.Ext(path) == ".md":
			list = append(list, path)
		}
		return nil
	})
	if err != nil || len(list) < 10 {
		t.Fatalf("found the pages %v (%v)", list, err)
	}
	return list
}
