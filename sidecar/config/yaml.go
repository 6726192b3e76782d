package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxText is the most that one file or variable may hold: far more than anybody writes.
const maxText = 1 << 20

// parse reads one YAML document and refuses, with their lines, the shapes that a
// configuration has no use for. It returns nil for an empty document, and for one that
// was refused.
func (l *loader) parse(text []byte, path string, at Origin) *yaml.Node {
	if len(text) > maxText {
		l.add(path, at, fmt.Sprintf("larger than %s", Size(maxText)), "")
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		l.syntax(err, text, path, at)
		return nil
	}
	if !l.single(decoder, text, path, at) || !l.plain(document.Content[0], path, at) {
		return nil
	}
	return document.Content[0]
}

// single refuses what follows the first document.
func (l *loader) single(decoder *yaml.Decoder, text []byte, path string, at Origin) bool {
	var second yaml.Node
	switch err := decoder.Decode(&second); {
	case errors.Is(err, io.EOF):
		return true
	case err != nil:
		l.syntax(err, text, path, at)
	default:
		at.Line = second.Line
		l.add(path, at, "a second document", "write everything in one, without ---")
	}
	return false
}

// syntax notes an error of the YAML parser, which tells its line only in its text.
func (l *loader) syntax(err error, text []byte, path string, at Origin) {
	what := strings.TrimPrefix(err.Error(), "yaml: ")
	if m := regexp.MustCompile(`^line (\d+): `).FindStringSubmatch(what); m != nil {
		at.Line, _ = strconv.Atoi(m[1])
		what = what[len(m[0]):]
	}
	if line := tabbed(text, at.Line); line != 0 {
		at.Line = line
		l.add(path, at, "not YAML: a tab in front of the line", "indent with spaces")
		return
	}
	l.add(path, at, "not YAML: "+onOneLine(what), "")
}

// tabbed is the line, counted from 1, with a tab in its indentation where the parser stumbled; 0:
// that was not it. The parser tells the line or the one before, and of the first line nothing.
func tabbed(text []byte, told int) int {
	n := 0
	for line := range bytes.Lines(text) {
		n++
		indentation := line[:len(line)-len(bytes.TrimLeft(line, " \t"))]
		if (n == told || n == told+1) && bytes.ContainsRune(indentation, '\t') {
			return n
		}
	}
	return 0
}

// plain refuses anchors and aliases, which can make a small text enormous and hide where
// a value was written, and keys that are not text or are given twice.
func (l *loader) plain(n *yaml.Node, path string, at Origin) bool {
	at.Line = n.Line
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		l.add(path, at, "anchors and aliases are not accepted", "write the value out")
		return false
	}
	ok := n.Kind != yaml.MappingNode || l.distinct(n, path, at)
	for _, child := range n.Content {
		ok = l.plain(child, path, at) && ok
	}
	return ok
}

// distinct refuses a map's keys that are not text or are given twice.
func (l *loader) distinct(n *yaml.Node, path string, at Origin) bool {
	first, ok := map[string]int{}, true
	for key := range pairs(n) {
		at.Line = key.Line
		switch line, twice := first[key.Value]; {
		case key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str":
			l.add(path, at, "a key that is not text", "put it in quotes")
			ok = false
		case twice:
			l.add(path, at, fmt.Sprintf("%q is given twice, first on line %d", key.Value, line), "keep one")
			ok = false
		default:
			first[key.Value] = key.Line
		}
	}
	return ok
}

// pairs visits the keys and values of a map in the order in which they were written.
func pairs(n *yaml.Node) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
	}
}

// isNull reports whether nothing was written.
func isNull(n *yaml.Node) bool {
	return n == nil || n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// found names what was written where something else was expected. It never repeats the
// value, which may be a secret in the wrong place.
func found(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a map"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!str":
		return "text"
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	case "!!null":
		return "nothing"
	case "!!timestamp":
		return "a date"
	default:
		return "a value tagged " + onOneLine(n.ShortTag())
	}
}
