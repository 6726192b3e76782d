package config

import (
	"encoding"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// section reads a map into the struct v, key by key. Nothing written leaves the defaults.
func (l *loader) section(keys []*Key, n *yaml.Node, v reflect.Value, prefix string, at Origin) {
	if isNull(n) {
		return
	}
	at.Line = n.Line
	if n.Kind != yaml.MappingNode {
		l.typo[prefix] = true
		l.add(strings.TrimSuffix(prefix, "."), at, "expected a map of keys, found "+found(n), "")
		return
	}
	for name, value := range pairs(n) {
		at.Line = name.Line
		i := slices.IndexFunc(keys, func(k *Key) bool { return k.Name == name.Value })
		if i < 0 {
			l.unknown(keys, name.Value, prefix, at)
			continue
		}
		l.value(keys[i], value, v.Field(keys[i].field), prefix+name.Value, at)
	}
}

// unknown refuses a key that is not in the table, and names the nearest that is.
func (l *loader) unknown(siblings []*Key, name, prefix string, at Origin) {
	if l.typo[prefix] = true; l.full() {
		return
	}
	l.add(prefix+name, at, "unknown key", "the nearest valid key is "+nearestKey(siblings, name, prefix))
}

// value reads one key's value into v and notes where it came from.
func (l *loader) value(k *Key, n *yaml.Node, v reflect.Value, path string, at Origin) {
	switch {
	case k.Kind == Section:
		l.section(k.Keys, n, v, path+".", at)
	case k.Later:
		l.later(k, n, v, path, at)
	default:
		l.read(k, n, v, path, at)
	}
}

// read reads the value of a key that is no section.
func (l *loader) read(k *Key, n *yaml.Node, v reflect.Value, path string, at Origin) {
	l.forget(path)
	l.origins[path] = at
	switch {
	case isNull(n) && !k.scalar():
		l.reset(k, v, path, at)
	case k.Kind == Sections:
		l.sections(k, n, v, path, at)
	case k.Kind == Texts:
		l.texts(n, v, path, at)
	case k.Kind == TextMap:
		l.textMap(n, v, path, at)
	case k.Kind == FreeMap:
		if k.Expand {
			l.expand(n, path, at)
		}
		if k.OPA {
			l.opa(n, reflect.TypeFor[opaKeys](), path, at)
		}
		l.freeMap(n, v, path, at)
	default:
		l.scalar(k, n, v, path, at)
	}
}

// forget drops what is known of the elements of a list or map that was written before
// and is about to be replaced.
func (l *loader) forget(path string) {
	if l.origins[path].Source == Default {
		return
	}
	maps.DeleteFunc(l.origins, func(p string, _ Origin) bool {
		return strings.HasPrefix(p, path+"[") || strings.HasPrefix(p, path+".")
	})
}

// later accepts nothing but the default for a key whose feature is not built yet: what
// is written there would be believed to protect.
func (l *loader) later(k *Key, n *yaml.Node, v reflect.Value, path string, at Origin) {
	trial := l.trial()
	l.origins[path] = at
	trial.read(k, n, v, path, at)
	if len(trial.faults) > 0 || !reflect.DeepEqual(v.Interface(), k.fresh(v.Type()).Interface()) {
		l.add(path, at, "not built yet in this version", "leave it out or write its default, "+k.defaultText())
	}
}

// defaultText is the default as one would write it.
func (k *Key) defaultText() string {
	switch {
	case k.Default != "":
		return k.Default
	case k.Kind == Sections, k.Kind == Texts:
		return "[]"
	case k.Kind == TextMap, k.Kind == FreeMap:
		return "{}"
	default:
		return `""`
	}
}

// sections reads a list of maps, each beginning with the defaults of its keys.
func (l *loader) sections(k *Key, n *yaml.Node, v reflect.Value, path string, at Origin) {
	if !l.is(yaml.SequenceNode, n, "a list", path, at) {
		return
	}
	list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		here := fmt.Sprintf("%s[%d]", path, i)
		at.Line = item.Line
		l.origins[here] = at
		l.defaults(k.Keys, list.Index(i), here+".")
		if isNull(item) {
			l.typo[here+"."] = true
			l.add(here, at, "expected a map of keys, found nothing", "")
		}
		l.section(k.Keys, item, list.Index(i), here+".", at)
	}
	v.Set(list)
}

// texts reads a list of text.
func (l *loader) texts(n *yaml.Node, v reflect.Value, path string, at Origin) {
	if !l.is(yaml.SequenceNode, n, "a list", path, at) {
		return
	}
	list := make([]string, 0, len(n.Content))
	for i, item := range n.Content {
		here := fmt.Sprintf("%s[%d]", path, i)
		at.Line = item.Line
		l.origins[here] = at
		list = append(list, l.text(item, here, at))
	}
	v.Set(reflect.ValueOf(list))
}

// textMap reads a map from text to text.
func (l *loader) textMap(n *yaml.Node, v reflect.Value, path string, at Origin) {
	if !l.is(yaml.MappingNode, n, "a map", path, at) {
		return
	}
	m := map[string]string{}
	for name, value := range pairs(n) {
		here := path + "." + name.Value
		at.Line = name.Line
		l.origins[here] = at
		m[l.text(name, here, at)] = l.text(value, here, at)
	}
	v.Set(reflect.ValueOf(m))
}

// freeMap reads a map whose members are somebody else's to judge.
func (l *loader) freeMap(n *yaml.Node, v reflect.Value, path string, at Origin) {
	if !l.is(yaml.MappingNode, n, "a map", path, at) {
		return
	}
	m := map[string]any{}
	if err := n.Decode(&m); err != nil {
		l.add(path, at, "expected a map that JSON could hold", "")
		return
	}
	v.Set(reflect.ValueOf(m))
}

// is refuses a value of another shape than the expected one.
func (l *loader) is(kind yaml.Kind, n *yaml.Node, expected, path string, at Origin) bool {
	if n.Kind != kind {
		l.add(path, at, fmt.Sprintf("expected %s, found %s", expected, found(n)), "")
	}
	return n.Kind == kind
}

// text reads a text. A number or a date that was meant as one has to say so in quotes:
// YAML may already have read it as something else.
func (l *loader) text(n *yaml.Node, path string, at Origin) string {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		do := ""
		if n.Kind == yaml.ScalarNode {
			do = "put it in quotes"
		}
		l.add(path, at, "expected text, found "+found(n), do)
		return ""
	}
	if !printable(n.Value) {
		l.add(path, at, "has control characters or is not UTF-8", "")
	}
	return n.Value
}

// printable reports whether a text can be shown as it is.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// scalar reads one word: the tag says what YAML took it for, the kind what we do.
func (l *loader) scalar(k *Key, n *yaml.Node, v reflect.Value, path string, at Origin) {
	if n.Kind != yaml.ScalarNode || !slices.Contains(tags(k.Kind), n.ShortTag()) {
		l.add(path, at, fmt.Sprintf("expected %s, found %s", k.Kind, found(n)), quoteHint(k, n))
		return
	}
	l.word(k, n.Value, v, path, at)
}

// tags are the YAML tags that a kind is read from.
func tags(kind Kind) []string {
	switch kind {
	case Boolean:
		return []string{"!!bool"}
	case Number:
		return []string{"!!int"}
	case Bytes, Duration, UnixUser: // 1048576 and 0 need no unit
		return []string{"!!str", "!!int"}
	default:
		return []string{"!!str"}
	}
}

// quoteHint says what to do where quotes alone would help, or nothing was written.
func quoteHint(k *Key, n *yaml.Node) string {
	switch {
	case isNull(n):
		return "leave the key out for its default, " + k.defaultText()
	case k.Kind == Text && n.Kind == yaml.ScalarNode:
		return "put it in quotes"
	default:
		return k.hint()
	}
}

// word reads one word as it stands in a file, a variable or a flag.
func (l *loader) word(k *Key, text string, v reflect.Value, path string, at Origin) {
	if err := setWord(k, text, v); err != nil {
		l.add(path, at, err.Error(), k.hint())
	}
}

// setWord parses a word and holds it to the key's bounds.
func setWord(k *Key, text string, v reflect.Value) error {
	if !printable(text) {
		return errors.New("has control characters or is not UTF-8")
	}
	if err := parseWord(text, v); err != nil {
		return fmt.Errorf("%q is %w", text, err)
	}
	if len(k.One) > 0 && !slices.Contains(k.One, text) {
		return fmt.Errorf("%q is not one of its words", text)
	}
	if !k.within(v) {
		return fmt.Errorf("%s is out of its bounds", text)
	}
	return nil
}

// parseWord parses a word by the type of v.
func parseWord(text string, v reflect.Value) error {
	switch target := v.Addr().Interface().(type) {
	case encoding.TextUnmarshaler:
		return target.UnmarshalText([]byte(text))
	case *time.Duration:
		d, err := parseDuration(text)
		*target = d
		return err
	case *bool:
		*target = text == "true"
		if text != "true" && text != "false" {
			return errors.New("neither true nor false")
		}
		return nil
	case *int:
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return errors.New("not a whole number")
		}
		*target = int(n)
		return nil
	default:
		v.SetString(text)
		return nil
	}
}

// within reports whether v keeps the key's bounds.
func (k *Key) within(v reflect.Value) bool {
	return k.compare(v, k.Min, -1) && k.compare(v, k.Max, 1)
}

// compare reports whether v does not lie beyond bound in the direction of sign.
func (k *Key) compare(v reflect.Value, bound string, sign int64) bool {
	if bound == "" {
		return true
	}
	limit := reflect.New(v.Type()).Elem()
	if err := parseWord(bound, limit); err != nil {
		panic(fmt.Sprintf("config: bound %q of %s: %v", bound, k.Path, err))
	}
	return sign*(v.Int()-limit.Int()) <= 0
}

// hint says what a key accepts.
func (k *Key) hint() string {
	switch {
	case len(k.One) > 0:
		return "write one of " + strings.Join(k.One, ", ")
	case k.Max != "":
		return fmt.Sprintf("write a value from %s to %s", k.Min, k.Max)
	case k.Kind == Boolean:
		return "write true or false"
	case k.Kind == Listen:
		return "write host:port, [ip]:port or unix:///path"
	case k.Kind == UnixUser:
		return "write what id -u prints for that user"
	default:
		return ""
	}
}
