package cases

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Folder reads all cases that lie directly in a folder, by name. One that cannot be read is
// an error, and so is what its author may believe to be run and is not: a folder in it, or a
// case with another ending. Of several files, each is told of. A folder that is not there has
// none.
func Folder(dir string) ([]Case, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading cases: %w", err)
	}
	var all []Case
	var wrong []error
	for _, entry := range entries {
		file := filepath.Join(dir, entry.Name())
		switch ending := filepath.Ext(file); {
		case entry.IsDir() || ending == ".yml" || ending == ".json":
			wrong = append(wrong, fmt.Errorf("%s would not be run: cases are files *.yaml, directly in %s", file, dir))
		case ending == ".yaml":
			c, err := Load(file)
			if err != nil {
				wrong = append(wrong, err)
				continue
			}
			all = append(all, c)
		}
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return all, nil
}

// Load reads one case.
func Load(file string) (Case, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return Case{}, fmt.Errorf("reading a case: %w", err)
	}
	c, err := Parse(strings.TrimSuffix(filepath.Base(file), ".yaml"), text)
	if err != nil {
		return Case{}, fmt.Errorf("%s: %w", file, err)
	}
	c.File = file
	return c, nil
}

// Parse reads the case of that name.
func Parse(name string, text []byte) (Case, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	var named map[string]Case
	if err := decoder.Decode(&named); err != nil {
		return Case{}, inOurWords(err)
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		return Case{}, errors.New("more than one document in the file")
	}
	c, there := named[name]
	if !there || len(named) != 1 {
		return c, fmt.Errorf("its one top-level key must be %s, as its file is called", name)
	}
	c.Name, c.Line = name, lineOfExpect(text)
	if err := c.check(); err != nil {
		return c, err
	}
	if err := c.Expect.check(); err != nil {
		return c, fmt.Errorf("line %d: %w", c.Line, err)
	}
	return c, nil
}

// lineOfExpect is where a report points to; 1 if the text has no expect.
func lineOfExpect(text []byte) int {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil || len(document.Content) != 1 {
		return 1
	}
	for _, body := range document.Content[0].Content {
		for _, key := range body.Content {
			if key.Value == "expect" {
				return key.Line
			}
		}
	}
	return 1
}
