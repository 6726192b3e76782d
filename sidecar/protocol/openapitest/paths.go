package openapitest

import (
	"iter"
	"maps"
	"strings"
)

// pointer is the JSON pointer of names below one another (RFC 6901).
func pointer(names ...string) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
	}
	return b.String()
}

// at returns the object at a pointer and where it stands, which is elsewhere if it is a reference;
// nil: there is none.
func (d *Document) at(where string) (map[string]any, string) {
	object := d.doc
	for name := range strings.SplitSeq(strings.TrimPrefix(where, "/"), "/") {
		object, _ = object[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)].(map[string]any)
	}
	if to, is := object["$ref"].(string); is {
		return d.at(strings.TrimPrefix(to, "#"))
	}
	return object, where
}

// template is the path of the document that a path is an example of; empty: there is none. A path
// without parameters comes before one with, and a parameter at the end takes what is left, with its
// slashes.
func (d *Document) template(path string) string {
	paths, _ := d.at(pointer("paths"))
	if paths[path] != nil {
		return path
	}
	longest := ""
	for template := range paths {
		before, _, parameter := strings.Cut(template, "{")
		if parameter && strings.HasPrefix(path, before) && len(template) > len(longest) {
			longest = template
		}
	}
	return longest
}

func keys[V any](of map[string]V) iter.Seq[string] { return maps.Keys(of) }
