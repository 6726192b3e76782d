package openapitest

import (
	"strings"
	"testing"

	"stepup/sidecar/protocol"
)

// CheckRoutes holds the document to a door's routes: every schema compiles, and every path is a
// route with exactly the methods it lists.
func (d *Document) CheckRoutes(t *testing.T, routes []protocol.Route) {
	t.Helper()
	for name := range d.doc["components"].(map[string]any)["schemas"].(map[string]any) {
		if _, err := d.compile("/components/schemas/" + name); err != nil {
			t.Errorf("schema %s: %v", name, err)
		}
	}
	described := map[string]bool{}
	for path, item := range d.doc["paths"].(map[string]any) {
		for method := range item.(map[string]any) {
			described[strings.ToUpper(method)+" "+path] = true
		}
	}
	for _, r := range routes {
		route := r.Method + " " + r.Path
		if !described[route] {
			t.Errorf("%s is not described", route)
		}
		delete(described, route)
	}
	for route := range described {
		t.Errorf("%s is described and not there", route)
	}
}
