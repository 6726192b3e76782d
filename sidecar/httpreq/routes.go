package httpreq

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"stepup/sidecar/access"
)

// RouteType is the type of the resources that requests are about.
const RouteType = "route"

// Routes say which resource a request is about. A nil *Routes lists nothing and lets
// everything through, by its canonical path; the zero value lets nothing through. Routes
// are safe for concurrent use, also while others take their place ([Routes.Become]).
type Routes struct {
	current atomic.Pointer[table]
}

// A table is what was read from one file at one time. It is never changed.
type table struct {
	all    tree
	number uint64
	size   int
	closed bool
}

// Become puts what others list in the place of what these list, as a whole: every request is
// held against one table or the other.
func (r *Routes) Become(others *Routes) {
	for {
		before, next := r.current.Load(), table{closed: true}
		if listed := others.current.Load(); listed != nil {
			next = *listed
		}
		if next.number = 1; before != nil {
			next.number = before.number + 1
		}
		if r.current.CompareAndSwap(before, &next) {
			return
		}
	}
}

// Number is another one after each [Routes.Become]. Whoever keeps what [Routes.Resource]
// returned keeps it under the number from before that: then what is found under the present
// number is what these routes would return.
func (r *Routes) Number() uint64 {
	if r == nil {
		return 0
	}
	if t := r.current.Load(); t != nil {
		return t.number
	}
	return 0
}

// Size is how many paths are listed.
func (r *Routes) Size() int {
	if t := r.current.Load(); t != nil {
		return t.size
	}
	return 0
}

// A route is one path with its methods and where it is written.
type route struct {
	path     string
	segments []string // a parameter is {name}
	methods  []string
	where    string // file:line
	order    int    // in its file
}

// Resource returns what a request is about: the path of the route that lists it, as it is
// written in the table, its parameters in the resource's properties by their names, escapes
// undone. A request that no route lists is about its canonical path; it is not ok if only
// listed ones are.
//
// The path alone chooses the route, the one with a literal segment where another has a
// parameter. If that one does not have the method, none lists the request. GET lists HEAD
// (RFC 9110, section 9.3.2).
//
// No request can have the path of a route with parameters: braces are escaped in a path.
func (r *Routes) Resource(method, path string) (resource access.Resource, ok bool) {
	unlisted := access.Resource{Type: RouteType, ID: path}
	if r == nil {
		return unlisted, true
	}
	table := r.current.Load()
	if table == nil {
		return unlisted, false
	}
	segments := Segments(path)
	chosen := table.all.find(segments)
	if chosen == nil || !chosen.has(method) {
		return unlisted, !table.closed
	}
	return access.Resource{Type: RouteType, ID: chosen.path, Properties: chosen.parameters(segments)}, true
}

func (r route) has(method string) bool {
	return slices.Contains(r.methods, method) || slices.Contains(r.methods, anyMethod) ||
		method == http.MethodHead && slices.Contains(r.methods, http.MethodGet)
}

// within reports whether every path of r is one of o, too.
func (r route) within(o route) bool {
	for i, own := range r.segments {
		if other := o.segments[i]; !isParameter(other) && own != other {
			return false
		}
	}
	return true
}

// parameters returns the segments that stand in the place of names. A canonical path's
// escapes can be undone.
func (r route) parameters(segments []string) access.Object {
	found := access.Object{}
	for i, own := range r.segments {
		if isParameter(own) {
			found[own[1:len(own)-1]], _ = url.PathUnescape(segments[i])
		}
	}
	return found
}

func isParameter(segment string) bool { return strings.HasPrefix(segment, "{") }

// newRoutes holds every route against the ones before it.
func newRoutes(list []route, closed bool) (*Routes, error) {
	all := &table{closed: closed, size: len(list)}
	for i := range list {
		list[i].order = i
		if err := all.add(&list[i]); err != nil {
			return nil, err
		}
	}
	routes := &Routes{}
	routes.current.Store(all)
	return routes, nil
}

// add takes a route, unless it and one before it would be read differently by routers; the
// error tells of the first such.
func (t *table) add(added *route) error {
	var first *route
	t.all.meeting(added.segments, func(before *route) {
		if added.against(*before) != nil && (first == nil || before.order < first.order) {
			first = before
		}
	})
	if first != nil {
		return added.against(*first)
	}
	t.all.add(added)
	return nil
}

// against refuses what routers would read differently: the same path with other names, and
// two paths of which each has a parameter where the other has none. The two have a path in
// common.
func (r route) against(before route) error {
	switch {
	case r.within(before) && before.within(r):
		return fmt.Errorf("%s: %s is the same path as %s (%s): give it once, with all its methods", r.where, r.path, before.path, before.where)
	case !r.within(before) && !before.within(r):
		return fmt.Errorf("%s: a request may be one of both %s and %s (%s), and neither is the narrower: add the route where they meet to the application, or tell them apart", r.where, r.path, before.path, before.where)
	}
	return nil
}

// newRoute reads a path with parameters. Its literal segments are canonical, so that they
// are compared as they stand.
func newRoute(path, where string) (route, error) {
	segments := Segments(path)
	plain := slices.Clone(segments)
	var names []string
	for i, s := range segments {
		if !strings.ContainsAny(s, "{}") {
			continue
		}
		name, ok := parameterName(s)
		switch {
		case !ok:
			return route{}, fmt.Errorf("%s: %s: a parameter is a whole segment, {name} of letters, digits, - and _", where, path)
		case slices.Contains(names, name):
			return route{}, fmt.Errorf("%s: %s: {%s} is there twice", where, path, name)
		}
		names, plain[i] = append(names, name), "x"
	}
	if wrong := WrongPath("/" + strings.Join(plain, "/")); wrong != "" || !strings.HasPrefix(path, "/") {
		return route{}, fmt.Errorf("%s: %q %s", where, path, cmp.Or(wrong, "must begin with a slash"))
	}
	return route{path: path, segments: segments, where: where}, nil
}

func parameterName(segment string) (string, bool) {
	name, opened := strings.CutPrefix(segment, "{")
	name, closed := strings.CutSuffix(name, "}")
	wrong := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}
	return name, opened && closed && name != "" && !strings.ContainsFunc(name, wrong)
}
