package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"
)

// nothingTwice refuses data in which an object has a name twice. The engine takes the
// last, so that of {"blocked": ["alice"], "blocked": []} nobody would be blocked. RFC
// 8259, section 4, leaves open what it means; YAML 1.2, section 3.2.1.3, forbids it.
func (t tree) nothingTwice() error {
	var all []error
	for _, f := range t.files {
		if err := f.nothingTwice(); err != nil {
			all = append(all, fmt.Errorf("%s: %w", path.Join(t.base, f.path), err))
		}
	}
	return errors.Join(all...)
}

func (f file) nothingTwice() error {
	switch path.Base(f.path) {
	case "data.json", ".manifest":
		return jsonTwice(f.raw)
	case "data.yaml", "data.yml":
		return yamlTwice(f.raw)
	}
	return nil
}

// jsonTwice reads all tokens; the reader itself refuses a name that comes twice.
func jsonTwice(raw []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(raw))
	for {
		_, err := d.ReadToken()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, jsontext.ErrDuplicateName):
			at, _ := errors.AsType[*jsontext.SyntacticError](err)
			return twice{at.JSONPointer, 1 + bytes.Count(raw[:at.ByteOffset], []byte("\n"))}
		case err != nil:
			return err
		}
	}
}

// A twice is a name that an object has more than once.
type twice struct {
	at   jsontext.Pointer
	line int
}

func (t twice) Error() string { return fmt.Sprintf("line %d: %s", t.line, t.message()) }

func (t twice) message() string {
	return fmt.Sprintf("the name %q is there twice (%s); only the last would count, so keep one", t.at.LastToken(), t.at)
}

// yamlTwice reads the one document of a file. The engine would read no further.
func yamlTwice(raw []byte) error {
	d := yaml.NewDecoder(bytes.NewReader(raw))
	var first, second yaml.Node
	if err := d.Decode(&first); err != nil {
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	}
	if err := d.Decode(&second); !errors.Is(err, io.EOF) {
		return errors.New("there is more than one YAML document; only the first would count, so keep one")
	}
	return yamlNodeTwice(&first, "")
}

// yamlNodeTwice does not follow aliases: what they stand for is looked at where it is.
func yamlNodeTwice(n *yaml.Node, at jsontext.Pointer) error {
	if n.Kind == yaml.MappingNode {
		return yamlMappingTwice(n, at)
	}
	for i, below := range n.Content {
		next := at
		if n.Kind == yaml.SequenceNode {
			next = at.AppendToken(strconv.Itoa(i))
		}
		if err := yamlNodeTwice(below, next); err != nil {
			return err
		}
	}
	return nil
}

func yamlMappingTwice(n *yaml.Node, at jsontext.Pointer) error {
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		name := yamlName(key)
		if seen[name] {
			return twice{at.AppendToken(name), key.Line}
		}
		seen[name] = true
		if err := yamlNodeTwice(n.Content[i+1], at.AppendToken(name)); err != nil {
			return err
		}
	}
	return nil
}

// yamlName is the name that a key becomes in JSON: 1 and "1" are one.
func yamlName(key *yaml.Node) string {
	var value any
	if err := key.Decode(&value); err != nil {
		return key.Value
	}
	switch v := value.(type) {
	case int, int64, uint64, bool:
		return fmt.Sprint(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 32) // as the engine writes it
	}
	return key.Value
}

// nothingTwice finds what keeps a file of data from being read for one thing only.
func (c *checker) nothingTwice(f file) bool {
	err := f.nothingTwice()
	if err == nil {
		return true
	}
	found := Finding{File: filepath.Join(c.tree.base, f.path), Severity: SeverityError, Message: err.Error()}
	if t, ok := errors.AsType[twice](err); ok {
		found.Line, found.Message = t.line, t.message()
	}
	c.findings = append(c.findings, found)
	return false
}

// NothingTwice refuses text of a data file, in JSON or YAML, in which an object has a name
// twice.
func NothingTwice(raw []byte) error {
	if json.Valid(raw) {
		return jsonTwice(raw)
	}
	return yamlTwice(raw)
}
