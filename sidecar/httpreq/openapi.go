package httpreq

import (
	"fmt"
	"net/url"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ReadOpenAPI reads the routes of an OpenAPI 3 document, YAML or JSON: its paths with their
// methods, below the path of its servers. Nothing else of it is read, so that a document
// need not be without fault to guard what it names. Refused is what would make the routes
// others than those read: references, servers of a single path, several base paths.
func ReadOpenAPI(file string, text []byte, closed bool) (*Routes, error) {
	r := reader{file}
	top, err := r.document(text)
	if err != nil {
		return nil, err
	}
	if version := member(top, "openapi"); version == nil || !strings.HasPrefix(version.Value, "3.") {
		return nil, fmt.Errorf("%s: no OpenAPI 3 document: openapi must be 3.x", file)
	}
	base, err := r.base(member(top, "servers"))
	if err != nil {
		return nil, err
	}
	list, err := r.paths(base, member(top, "paths"))
	if err != nil {
		return nil, err
	}
	return newRoutes(list, closed)
}

// base returns the path of the servers, without a slash at its end; they share it.
func (r reader) base(servers *yaml.Node) (string, error) {
	if servers == nil {
		return "", nil // OpenAPI 3.1, section 4.8.1: as if there were one server with the url /
	}
	base := ""
	for i, server := range servers.Content {
		address := member(server, "url")
		if address == nil {
			return "", r.wrong(server, "a server without a url")
		}
		path, err := serverPath(address.Value)
		if err != nil {
			return "", r.wrong(address, "%v", err)
		}
		if i > 0 && path != base {
			return "", r.wrong(address, "servers with several base paths: leave those that are not behind this gateway out")
		}
		base = path
	}
	return base, nil
}

func serverPath(address string) (string, error) {
	if _, after, absolute := strings.Cut(address, "://"); absolute {
		_, path, _ := strings.Cut(after, "/") // a variable may stand in the host
		address = "/" + path
	}
	address = strings.TrimSuffix(address, "/")
	u, err := url.Parse(address)
	if err != nil || u.RawQuery != "" || strings.Contains(address, "{") || address != "" && WrongPath(address) != "" {
		return "", fmt.Errorf("the url of a server must have a path that begins with a slash, without variables")
	}
	return address, nil
}

// paths reads the path items.
func (r reader) paths(base string, items *yaml.Node) ([]route, error) {
	if items == nil || items.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s: no paths", r.file)
	}
	var list []route
	for name, item := range pairs(items) {
		if strings.HasPrefix(name.Value, "x-") {
			continue
		}
		made, err := newRoute(base+name.Value, r.at(name))
		if err == nil {
			made.methods, err = r.methods(item)
		}
		if err != nil {
			return nil, err
		}
		list = append(list, made)
	}
	return list, nil
}

// methods returns the methods of a path item.
func (r reader) methods(item *yaml.Node) ([]string, error) {
	if item.Kind != yaml.MappingNode {
		return nil, r.wrong(item, "a path has a map of its methods")
	}
	var methods []string
	for name, operation := range pairs(item) {
		switch name.Value {
		case "get", "put", "post", "delete", "options", "head", "patch", "trace":
			if member(operation, "servers") != nil {
				return nil, r.wrong(operation, "servers of an operation: its routes cannot be told")
			}
			methods = append(methods, strings.ToUpper(name.Value))
		case "$ref", "servers", "query", "additionalOperations":
			return nil, r.wrong(name, "%s of a path: its routes cannot be told; bundle the document, or write a table", name.Value)
		}
	}
	return methods, nil
}

// member returns the value of a key; nil if there is none.
func member(n *yaml.Node, key string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for name, value := range pairs(n) {
		if name.Value == key {
			return value
		}
	}
	return nil
}
