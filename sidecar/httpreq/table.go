package httpreq

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ReadTable reads a table of routes: YAML whose one key, routes, has a list of texts such as
// "GET /employees/{id}" or "GET, POST /customers". ANY stands for every method. Closed
// lets through what is listed, and nothing else. Errors tell file and line.
func ReadTable(file string, text []byte, closed bool) (*Routes, error) {
	list, err := readTable(file, text)
	if err != nil {
		return nil, err
	}
	return newRoutes(list, closed)
}

func readTable(file string, text []byte) ([]route, error) {
	r := reader{file}
	top, err := r.document(text)
	if err != nil {
		return nil, err
	}
	var list []route
	for name, value := range pairs(top) {
		if name.Value != "routes" || value.Kind != yaml.SequenceNode {
			return nil, r.wrong(name, "%q: a table has one key, routes, with a list", name.Value)
		}
		for _, item := range value.Content {
			line, err := r.line(item)
			if err != nil {
				return nil, err
			}
			list = append(list, line)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: no routes: begin with routes: and a list", file)
	}
	return list, nil
}

// anyMethod stands for every method.
const anyMethod = "ANY"

// line reads "GET, POST /customers".
func (r reader) line(n *yaml.Node) (route, error) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		return route{}, r.wrong(n, "a route is a text such as GET /employees/{id}")
	}
	methods, path, ok := strings.Cut(n.Value, " /")
	if !ok {
		return route{}, r.wrong(n, "%q: a route is a method, a space and a path, as in GET /employees/{id}", n.Value)
	}
	made, err := newRoute("/"+path, r.at(n))
	if err != nil {
		return route{}, err
	}
	for _, method := range strings.Split(methods, ",") {
		method = strings.Trim(method, " ")
		if wrong := wrongMethod(method); wrong != "" || slices.Contains(made.methods, method) {
			return route{}, r.wrong(n, "%q: methods are in upper case, each once, parted by commas; %s is all of them", n.Value, anyMethod)
		}
		made.methods = append(made.methods, method)
	}
	return made, nil
}

// A reader reads the YAML (or JSON) of one file.
type reader struct{ file string }

func (r reader) at(n *yaml.Node) string { return fmt.Sprintf("%s:%d", r.file, n.Line) }

func (r reader) wrong(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("%s: %s", r.at(n), fmt.Sprintf(format, args...))
}

// document returns the map that a file is. Aliases and keys that are there twice are
// refused wherever they stand: which of two counts is a guess.
func (r reader) document(text []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, second yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: empty", r.file)
	} else if err != nil {
		return nil, fmt.Errorf("%s: %w", r.file, err)
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: something follows its first document", r.file)
	}
	top := document.Content[0]
	if top.Kind != yaml.MappingNode {
		return nil, r.wrong(top, "must be a map of keys")
	}
	return top, r.plain(top)
}

func (r reader) plain(n *yaml.Node) error {
	if n.Kind == yaml.AliasNode {
		return r.wrong(n, "an alias (*%s): write it out", n.Value)
	}
	if n.Kind == yaml.MappingNode {
		seen := map[string]bool{}
		for name := range pairs(n) {
			if name.Kind != yaml.ScalarNode || name.ShortTag() == "!!merge" || seen[name.Value] {
				return r.wrong(name, "%q: a key is a text and there once", name.Value)
			}
			seen[name.Value] = true
		}
	}
	for _, child := range n.Content {
		if err := r.plain(child); err != nil {
			return err
		}
	}
	return nil
}

// pairs are the keys and values of a map.
func pairs(n *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(name, value *yaml.Node) bool) {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
	}
}
