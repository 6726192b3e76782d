package httpreq_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
	"stepup/sidecar/httpreq"
)

const table = `# who is where
routes:
  - GET /
  - GET, POST /customers
  - GET /employees/{id}
  - DELETE /employees/{id}/photo
  - GET /employees/me
  - ANY /payroll/{year}/{month}
`

const document = `openapi: 3.1.0
info: {title: Intranet, version: "1"}
servers: [{url: "https://{tenant}.fabrikam.example/api/"}, {url: /api}]
paths:
  x-note: none
  /: {get: {responses: {200: {description: home}}}}
  /employees/{id}:
    parameters: []
    get: {}
    put: {}
`

func TestResource(t *testing.T) {
	listed := func(id string, pairs ...string) *access.Resource {
		r := access.Resource{Type: "route", ID: id, Properties: access.Object{}}
		for i := 0; i < len(pairs); i += 2 {
			r.Properties[pairs[i]] = pairs[i+1]
		}
		return &r
	}
	for _, row := range []struct {
		from, method, path string
		want               *access.Resource // nil: no route lists it
	}{
		{table, "GET", "/", listed("/")},
		{table, "GET", "/customers", listed("/customers")},
		{table, "POST", "/customers", listed("/customers")},
		{table, "HEAD", "/customers", listed("/customers")},
		{table, "PUT", "/customers", nil},
		{table, "OPTIONS", "/customers", nil},
		{table, "GET", "/customers/", nil},
		{table, "GET", "/Customers", nil},
		{table, "GET", "/employees", nil},
		{table, "GET", "/employees/7", listed("/employees/{id}", "id", "7")},
		{table, "GET", "/employees/p%C3%A4t", listed("/employees/{id}", "id", "pät")},
		{table, "GET", "/employees/%7Bid%7D", listed("/employees/{id}", "id", "{id}")},
		{table, "GET", "/employees/", nil},
		{table, "GET", "/employees/me", listed("/employees/me")},
		{table, "DELETE", "/employees/me/photo", listed("/employees/{id}/photo", "id", "me")},
		{table, "GET", "/employees/7/photo", nil},
		{table, "HEAD", "/employees/7/photo", nil},
		{table, "PROPFIND", "/payroll/2026/11", listed("/payroll/{year}/{month}", "year", "2026", "month", "11")},
		{document, "GET", "/api/", listed("/api/")},
		{document, "GET", "/", nil},
		{document, "PUT", "/api/employees/7", listed("/api/employees/{id}", "id", "7")},
		{document, "DELETE", "/api/employees/7", nil},
		{document, "GET", "/employees/7", nil},
	} {
		for _, closed := range []bool{false, true} {
			read := httpreq.ReadTable
			if row.from == document {
				read = httpreq.ReadOpenAPI
			}
			routes, err := read("routes.yaml", []byte(row.from), closed)
			if err != nil {
				t.Fatal(err)
			}
			want, wantOK := access.Resource{Type: "route", ID: row.path}, !closed
			if row.want != nil {
				want, wantOK = *row.want, true
			}
			got, ok := routes.Resource(row.method, row.path)
			if diff := cmp.Diff(want, got); ok != wantOK || diff != "" {
				t.Errorf("closed %t: Resource(%s, %s) is %t, want %t (-want +got):\n%s", closed, row.method, row.path, ok, wantOK, diff)
			}
		}
	}
}

func TestNoRoutes(t *testing.T) {
	var none *httpreq.Routes
	got, ok := none.Resource("GET", "/employees/7")
	if want := (access.Resource{Type: "route", ID: "/employees/7"}); !ok || !cmp.Equal(want, got) {
		t.Errorf("Resource = %+v, %t; want %+v", got, ok, want)
	}
}

func TestRoutesRefused(t *testing.T) {
	line := func(s string) string { return "routes:\n  - GET /a/{x}/c\n  - " + s + "\n" }
	paths := func(s string) string { return "openapi: 3.0.3\npaths:\n  " + s + "\n" }
	for _, row := range []struct{ text, want string }{
		{"", "empty"},
		{"routes: []", "no routes"},
		{"route: [GET /]", `:1: "route"`},
		{"routes: {GET: /}", ":1:"},
		{"routes: [GET /]\nroutes: [GET /]", `:2: "routes"`},
		{"routes: [GET /]\n---\nroutes: [GET /b]", "something follows"},
		{"- GET /", ":1: must be a map"},
		{"routes: [GET /", "line 1"},
		{line("GET /a/{y}/c"), ":3: /a/{y}/c is the same path as /a/{x}/c (f.yaml:2)"},
		{line("POST /a/{x}/c"), "same path"},
		{line("GET /a/b/{y}"), ":3: a request may be one of both /a/b/{y} and /a/{x}/c"},
		{line("GET /a/b/{y"), "whole segment"},
		{line("GET /a/b{y}"), "whole segment"},
		{line("GET /a/{y}.json"), "whole segment"},
		{line("GET /{y}/{y}"), "twice"},
		{line("GET /{a b}"), "whole segment"},
		{line("GET /{}"), "whole segment"},
		{line("GET /a//b"), "empty segments"},
		{line("GET /a/../b"), ". and .."},
		{line("GET /%61"), "percent-encoded"},
		{line("GET /a?b"), "without query"},
		{line("GET employees"), ":3:"},
		{line("/employees"), ":3:"},
		{line("get /employees"), "upper case"},
		{line("GET, GET /employees"), "each once"},
		{line("GET POST /employees"), "upper case"},
		{line("{GET: /employees}"), "a route is a text"},
		{line("7"), "a route is a text"},
		{"routes: [&a GET /]\nx: *a", "alias"},
		{"openapi: 2.0\npaths: {}", "openapi must be 3.x"},
		{"swagger: '2.0'\npaths: {}", "openapi must be 3.x"},
		{"openapi: 3.1.0", "no paths"},
		{paths("/a: {$ref: other.yaml}"), ":3: $ref"},
		{paths("/a: {servers: []}"), "servers of a path"},
		{paths("/a: {get: {servers: []}}"), "servers of an operation"},
		{paths("/a/{b}.json: {get: {}}"), "whole segment"},
		{paths("/a: {get: {}, get: {}}"), `"get"`},
		{paths("/{a}: {get: {}}\n  /{b}: {get: {}}"), "same path"},
		{"openapi: 3.1.0\nservers: [{url: /v1}, {url: /v2}]\npaths: {}", "several base paths"},
		{"openapi: 3.1.0\nservers: [{url: '/{v}'}]\npaths: {}", "without variables"},
		{"openapi: 3.1.0\nservers: [{url: 'api'}]\npaths: {}", "begins with a slash"},
		{"openapi: 3.1.0\nservers: [{}]\npaths: {}", "without a url"},
	} {
		read := httpreq.ReadTable
		if strings.Contains(row.text, "openapi") || strings.Contains(row.text, "swagger") {
			read = httpreq.ReadOpenAPI
		}
		if _, err := read("f.yaml", []byte(row.text), true); err == nil || !strings.Contains(err.Error(), row.want) || !strings.HasPrefix(err.Error(), "f.yaml") {
			t.Errorf("reading %q: %v, want it to begin with the file and to say %q", row.text, err, row.want)
		}
	}
}

// Whatever path is asked for: a listed route is one that has its literal segments at their
// places, and the narrowest of those.
func FuzzResource(f *testing.F) {
	routes, err := httpreq.ReadTable("routes.yaml", []byte(table), true)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"/", "/employees/me", "/employees/{id}", "/employees/%7Bid%7D", "/payroll/2026/11", "/a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if httpreq.WrongPath(path) != "" {
			return
		}
		got, ok := routes.Resource("GET", path)
		if !ok {
			return
		}
		own, asked := httpreq.Segments(got.ID), httpreq.Segments(path)
		if len(own) != len(asked) {
			t.Fatalf("%q is about %q", path, got.ID)
		}
		for i := range own {
			if own[i] != asked[i] && (!strings.HasPrefix(own[i], "{") || asked[i] == "") {
				t.Errorf("%q is about %q", path, got.ID)
			}
		}
		if path == "/employees/me" && got.ID != path {
			t.Errorf("%q is about %q", path, got.ID)
		}
	})
}

// No text of a table or a document makes reading it end otherwise than in routes or an error.
func FuzzRead(f *testing.F) {
	f.Add(table)
	f.Add(document)
	f.Add("routes: [&a GET /]\nx: *a")
	f.Fuzz(func(t *testing.T, text string) {
		for _, read := range []func(string, []byte, bool) (*httpreq.Routes, error){httpreq.ReadTable, httpreq.ReadOpenAPI} {
			if routes, err := read("f", []byte(text), true); (routes == nil) == (err == nil) {
				t.Errorf("reading %q gave %v, %v", text, routes, err)
			}
		}
	})
}

// TestBecome swaps tables under way. Each request is held against one of them, whole.
func TestBecome(t *testing.T) {
	read := func(text string, closed bool) *httpreq.Routes {
		r, err := httpreq.ReadTable("f.yaml", []byte(text), closed)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	one, other := read("routes: ['GET /{one}', 'GET /a/{one}']", true), read("routes: ['GET /{other}']", false)
	routes := &httpreq.Routes{}
	if got, ok := routes.Resource("GET", "/a"); ok || got.ID != "/a" || routes.Size() != 0 {
		t.Errorf("no table: Resource is %+v, %t, and the size %d; want it refused", got, ok, routes.Size())
	}
	routes.Become(one)
	var asking sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		asking.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				got, ok := routes.Resource("GET", "/a/b")
				listed := ok && got.ID == "/a/{one}" && got.Properties["one"] == "b"
				unlisted := ok && got.ID == "/a/b" && got.Properties == nil
				if !listed && !unlisted {
					t.Errorf("Resource is %+v, %t: of neither table", got, ok)
					return
				}
			}
		})
	}
	for range 1000 {
		routes.Become(other)
		routes.Become(one)
	}
	close(stop)
	asking.Wait()
	if routes.Become(other); routes.Size() != 1 || one.Size() != 2 {
		t.Errorf("the sizes are %d and %d, want 1 of the one in force and 2 of the one before", routes.Size(), one.Size())
	}
}
