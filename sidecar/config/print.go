package config

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

// hidden stands where a secret was written.
const hidden = "hidden"

// Print writes the configuration as YAML, each value's origin beside it as a comment and
// secrets hidden. What it writes is a configuration file.
func (c *Config) Print(w io.Writer) error {
	p := printer{origins: c.Origins}
	encoder := yaml.NewEncoder(w)
	encoder.SetIndent(2)
	if err := encoder.Encode(p.section(Keys(), reflect.ValueOf(c).Elem(), "")); err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	if err := encoder.Close(); err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	return nil
}

// A printer makes YAML of values.
type printer struct {
	origins map[string]Origin
}

// section makes a map of a struct.
func (p printer) section(keys []*Key, v reflect.Value, prefix string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, k := range keys {
		p.pair(n, k, v.Field(k.field), prefix+k.Name)
	}
	return n
}

// pair adds a key and its value. The origin stands on the key's own line: behind a word,
// behind an empty list, and before what follows on lines of its own.
func (p printer) pair(n *yaml.Node, k *Key, v reflect.Value, path string) {
	name, value := word(k.Name), p.value(k, v, path)
	if comment := p.comment(k, path); len(value.Content) > 0 {
		name.LineComment = comment
	} else {
		value.LineComment = comment
	}
	n.Content = append(n.Content, name, value)
}

// comment tells a value's origin, and what its default does not tell of itself.
func (p printer) comment(k *Key, path string) string {
	switch {
	case k.Kind == Section:
		return ""
	case k.Later:
		return p.origins[path].String() + "; not built yet"
	default:
		return p.origins[path].String()
	}
}

// value makes YAML of one key's value.
func (p printer) value(k *Key, v reflect.Value, path string) *yaml.Node {
	switch {
	case k.OPA:
		return conceal(plainNode(k, v), reflect.TypeFor[opaKeys]())
	case k.Secret:
		return conceal(plainNode(k, v), nil)
	case k.Kind == Section:
		return p.section(k.Keys, v, path+".")
	case k.Kind == Sections:
		return p.sections(k, v, path)
	default:
		return plainNode(k, v)
	}
}

// sections makes a list of maps.
func (p printer) sections(k *Key, v reflect.Value, path string) *yaml.Node {
	n := list()
	for i := range v.Len() {
		n.Content = append(n.Content, p.section(k.Keys, v.Index(i), fmt.Sprintf("%s[%d].", path, i)))
	}
	return flowWhenEmpty(n)
}

// plainNode makes YAML of a word, a list of text or a map.
func plainNode(k *Key, v reflect.Value) *yaml.Node {
	switch value := v.Interface().(type) {
	case []string:
		n := list()
		for _, s := range value {
			n.Content = append(n.Content, word(s))
		}
		return flowWhenEmpty(n)
	case map[string]string:
		return textMapNode(value)
	case map[string]any:
		return freeNode(value)
	case time.Duration:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: formatDuration(value)}
	case string:
		return word(value)
	default:
		if k.Kind == Listen {
			return word(v.String())
		}
		if v.Kind() == reflect.String && v.Len() == 0 {
			return word("") // nothing at all would be refused
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(value)}
	}
}

// word makes a text, in quotes where YAML would take it for something else.
func word(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	if strconv.Quote(s) != `"`+s+`"` || s == "" {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// list makes an empty list.
func list() *yaml.Node { return &yaml.Node{Kind: yaml.SequenceNode} }

// flowWhenEmpty writes an empty list or map as [] or {}, which block style cannot.
func flowWhenEmpty(n *yaml.Node) *yaml.Node {
	if len(n.Content) == 0 {
		n.Style = yaml.FlowStyle
	}
	return n
}

// textMapNode makes a map of text, sorted.
func textMapNode(m map[string]string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		n.Content = append(n.Content, word(name), word(m[name]))
	}
	return flowWhenEmpty(n)
}

// freeNode makes a map of anything.
func freeNode(m map[string]any) *yaml.Node {
	n := &yaml.Node{}
	if err := n.Encode(m); err != nil {
		return word(hidden)
	}
	return flowWhenEmpty(n)
}

// conceal replaces every word that was written below n; that there is something stays
// visible. Where the type that n is read into, if any is known, wants a number or true or
// false, that stays too: it is no secret, and in its place a text would not load. A number
// where anything may stand is hidden, for it may have come from a variable that holds a secret.
func conceal(n *yaml.Node, t reflect.Type) *yaml.Node {
	switch n.Kind {
	case yaml.ScalarNode:
		if n.Value == "" || isNull(n) || isPlain(n, t) {
			return n
		}
		return word(hidden)
	case yaml.MappingNode:
		for i := 1; i < len(n.Content); i += 2 {
			n.Content[i] = conceal(n.Content[i], below(t, n.Content[i-1].Value))
		}
	default:
		for i := range n.Content {
			n.Content[i] = conceal(n.Content[i], below(t, ""))
		}
	}
	return n
}

// isPlain reports whether a type wants a number or true or false, and n is one.
func isPlain(n *yaml.Node, t reflect.Type) bool {
	if t = pointed(t); t == nil {
		return false
	}
	switch t.Kind() {
	case reflect.Bool:
		return n.ShortTag() == "!!bool"
	case reflect.Int, reflect.Int64, reflect.Float64:
		return n.ShortTag() == "!!int" || n.ShortTag() == "!!float"
	}
	return false
}

// below is the type of a member, or of an element; nil: it is not known.
func below(t reflect.Type, name string) reflect.Type {
	if t = pointed(t); t == nil {
		return nil
	}
	switch t.Kind() {
	case reflect.Struct:
		return jsonKeys(t)[name]
	case reflect.Map, reflect.Slice:
		return t.Elem()
	}
	return nil
}

// pointed is the type behind pointers; nil for one that reads itself.
func pointed(t reflect.Type) reflect.Type {
	for t != nil {
		switch {
		case reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()):
			return nil
		case t.Kind() != reflect.Pointer:
			return t
		}
		t = t.Elem()
	}
	return nil
}
