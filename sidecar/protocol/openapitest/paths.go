package openapitest

import (
	"iter"
	"maps"
	"slices"
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

// at returns the object at a pointer and where it stands, which is elsewhere if there is a reference
// on the way; nil: there is none.
func (d *Document) at(where string) (map[string]any, string) {
	object, at := d.doc, ""
	for name := range strings.SplitSeq(strings.TrimPrefix(where, "/"), "/") {
		object, _ = object[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)].(map[string]any)
		at += "/" + name
		if to, is := object["$ref"].(string); is {
			object, at = d.at(strings.TrimPrefix(to, "#"))
		}
	}
	return object, at
}

// template is the path of the document that a path is an example of; empty: there is none. Where
// several are, a path without parameters comes first, and then the longest. A parameter takes slashes
// too.
func (d *Document) template(path string) string {
	paths, _ := d.at(pointer("paths"))
	if paths[path] != nil {
		return path
	}
	longest := ""
	for template := range paths {
		if len(template) > len(longest) && isExample(path, template) {
			longest = template
		}
	}
	return longest
}

// isExample reports whether a path is what a template with one parameter stands for.
func isExample(path, template string) bool {
	before, rest, parameter := strings.Cut(template, "{")
	_, after, _ := strings.Cut(rest, "}")
	return parameter && len(path) >= len(before)+len(after) && strings.HasPrefix(path, before) && strings.HasSuffix(path, after)
}

// Operations are all methods of all paths, in order, as in "GET /x". A parameter of a path has its
// name as its value.
func (d *Document) Operations() (operations []string) {
	paths, _ := d.at(pointer("paths"))
	for _, template := range slices.Sorted(keys(paths)) {
		for _, method := range d.methods(template) {
			operations = append(operations, strings.ToUpper(method)+" "+strings.NewReplacer("{", "", "}", "").Replace(template))
		}
	}
	return operations
}

// methods are those of a path, in lower case. What they share stands beside them.
func (d *Document) methods(template string) []string {
	item, _ := d.at(pointer("paths", template))
	names := slices.Sorted(keys(item))
	return slices.DeleteFunc(names, func(name string) bool {
		return !slices.Contains([]string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}, name)
	})
}

func keys[V any](of map[string]V) iter.Seq[string] { return maps.Keys(of) }
