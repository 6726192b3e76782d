package openapitest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"stepup/sidecar/protocol"
)

// CheckRoutes holds the document to a door's routes: every path is a route with exactly the methods
// it lists, every schema compiles, and no schema takes members that it does not know.
func (d *Document) CheckRoutes(t testing.TB, routes []protocol.Route) {
	t.Helper()
	for _, problem := range slices.Concat(d.routes(routes), d.schemas()) {
		t.Errorf("%s: %s", d.file, problem)
	}
}

// routes tells how paths and routes differ. A route's * is the parameter of a path, and what follows.
func (d *Document) routes(routes []protocol.Route) (problems []string) {
	described := map[string]bool{}
	paths, _ := d.at(pointer("paths"))
	for path := range paths {
		methods := d.methods(path)
		before, _, parameter := strings.Cut(path, "{")
		if parameter {
			path = before + "*"
		}
		for _, method := range methods {
			described[strings.ToUpper(method)+" "+path] = true
		}
	}
	for _, r := range routes {
		route := r.Method + " " + r.Path
		if !described[route] {
			problems = append(problems, route+" is not described")
		}
		delete(described, route)
	}
	for _, route := range slices.Sorted(keys(described)) {
		problems = append(problems, route+" is described and not there")
	}
	return problems
}

// schemas tells which do not compile, and which are open.
func (d *Document) schemas() (problems []string) {
	all, _ := d.at(pointer("components", "schemas"))
	parts := map[string]bool{}
	partsOf(d.doc, parts)
	for _, name := range slices.Sorted(keys(all)) {
		at := pointer("components", "schemas", name)
		if _, err := d.compile(at); err != nil {
			problems = append(problems, fmt.Sprintf("schema %s: %v", name, err))
		}
		problems = append(problems, open(all[name], at, parts["#"+at])...)
	}
	return problems
}

// partsOf finds the schemas that others are made of: what such a one does not know, the whole may.
func partsOf(node any, found map[string]bool) {
	switch node := node.(type) {
	case map[string]any:
		list, _ := node["allOf"].([]any)
		for _, part := range list {
			if to, is := part.(map[string]any)["$ref"].(string); is {
				found[to] = true
			}
		}
		for _, below := range node {
			partsOf(below, found)
		}
	case []any:
		for _, below := range node {
			partsOf(below, found)
		}
	}
}

// open finds objects with members, in a schema, that say nothing of further ones. Those below
// oneOf only say more of an object that is told beside.
func open(node any, at string, part bool) (problems []string) {
	schema, is := node.(map[string]any)
	if !is {
		return nil
	}
	properties, has := schema["properties"].(map[string]any)
	_, closed := schema["additionalProperties"]
	_, closedByParts := schema["unevaluatedProperties"]
	if has && !closed && !closedByParts && !part {
		problems = append(problems, at+" takes members that it does not know")
	}
	for _, name := range slices.Sorted(keys(properties)) {
		problems = append(problems, open(properties[name], at+pointer("properties", name), false)...)
	}
	for _, name := range []string{"items", "additionalProperties"} {
		problems = append(problems, open(schema[name], at+pointer(name), false)...)
	}
	return problems
}
