package openapitest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stepup/sidecar/protocol"
	"stepup/sidecar/protocol/openapitest"
)

// answer is one to POST /door that the document describes, changed by header lines: "Name: value"
// sets one, "-Name" removes it.
func answer(status int, body string, lines ...string) openapitest.Answer {
	a := openapitest.Answer{Method: "POST", Path: "/door", Status: status, Body: []byte(body), Header: http.Header{
		"Cache-Control": {"no-store"}, "Content-Type": {"application/json"}, "Date": {"today"},
	}}
	for _, line := range lines {
		name, value, set := strings.Cut(strings.TrimPrefix(line, "-"), ": ")
		if a.Header.Del(name); set {
			a.Header.Set(name, value)
		}
	}
	return a
}

func to(method, path string, a openapitest.Answer) openapitest.Answer {
	a.Method, a.Path = method, path
	return a
}

// TestHold changes answers that are described, one thing at a time.
func TestHold(t *testing.T) {
	d := openapitest.Read("testdata/openapi.yaml")
	text, none := "Content-Type: text/plain; charset=UTF-8", []string{"-Content-Type", "-Cache-Control"}
	for _, row := range []struct {
		name   string
		answer openapitest.Answer
		wrong  string // what the error says; empty: none
	}{
		{"as it is described", answer(200, `{"open":true,"list":[{"at":1}],"free":{"any":1}}`, "Limit: 7"), ""},
		{"with a character set", answer(200, `{"open":true}`, "Content-Type: application/json; charset=utf-8"), ""},
		{"another status", answer(202, `{"open":true}`), "the status 202"},
		{"a status of another path", answer(500, `{"open":true}`), "the status 500"},
		{"another media type", answer(200, `{"open":true}`, "Content-Type: text/json"), `type "text/json"`},
		{"none", answer(200, `{"open":true}`, "-Content-Type"), `type ""`},
		{"a parameter", answer(200, `{"open":true}`, "Content-Type: application/json; charset=latin1"), "media type"},
		{"a header that is not described", answer(200, `{"open":true}`, "Etag: 1"), "header Etag"},
		{"a header without its value", answer(200, `{"open":true}`, "Limit: many"), "header Limit"},
		{"a required header missing", answer(200, `{"open":true}`, "-Cache-Control"), "header Cache-Control is not there"},
		{"a required header of another value", answer(200, `{"open":true}`, "Cache-Control: public"), "header Cache-Control"},
		{"a further member", answer(200, `{"open":true,"x":1}`), "at '/x'"},
		{"a further member below", answer(200, `{"open":true,"list":[{"at":1,"x":1}]}`), "'x'"},
		{"a member of another kind", answer(200, `{"open":"yes"}`), "want boolean"},
		{"a member missing", answer(200, `{}`), "'open'"},
		{"no JSON", answer(200, `{"open":true`), "EOF"},
		{"two values", answer(200, `{"open":true} {}`), "after top-level"},

		{"a method that there is not", to("GET", "/door", answer(405, "no\n", text)), ""},
		{"one that is answered", to("GET", "/door", answer(200, `{"open":true}`)), "no GET"},
		{"a text", answer(405, "no\n", text), ""},
		{"another text", answer(405, "no", text), "pattern"},

		{"a parameter in the path", to("GET", "/door/a/b", answer(200, "", none...)), ""},
		{"an empty one", to("GET", "/door/", answer(200, "", none...)), ""},
		{"what follows a parameter", to("GET", "/door/a/b/handle", answer(405, "no\n", text)), ""},
		{"nothing before what follows", to("GET", "/door/handle", answer(405, "no\n", text)), "405"},
		{"the policy's header", to("GET", "/door/a", answer(200, "", append(none, "X-Tenant: 7")...)), ""},
		{"a body where there is none", to("GET", "/door/a", answer(200, "x", none...)), "a body"},
		{"HEAD has no body", to("HEAD", "/door/a", answer(500, "", text)), ""},
		{"HEAD of another type", to("HEAD", "/door/a", answer(500, "")), "media type"},

		{"nothing there", to("GET", "/window", answer(404, "any")), ""},
		{"something there", to("GET", "/window", answer(200, `{"open":true}`)), "/window is not described"},
	} {
		if err := d.Hold(row.answer); (err == nil) != (row.wrong == "") || err != nil && !strings.Contains(err.Error(), row.wrong) {
			t.Errorf("%s: %v, want %q", row.name, err, row.wrong)
		}
	}
}

func TestTakes(t *testing.T) {
	d := openapitest.Read("testdata/openapi.yaml")
	for body, taken := range map[string]bool{`{"who":"me"}`: true, `{"who":1}`: false, `{}`: false, `{"who":"me","x":1}`: false, `{`: false} {
		if err := d.Takes("POST", "/door", body); (err == nil) != taken {
			t.Errorf("%s: %v, taken %t", body, err, taken)
		}
	}
	if err := d.Takes("GET", "/door/a", `{}`); err == nil {
		t.Error("a body is taken where none is described")
	}
}

func TestOperations(t *testing.T) {
	want := []string{"POST /door", "GET /door/rest", "HEAD /door/rest", "GET /door/rest/handle"}
	if got := openapitest.Read("testdata/openapi.yaml").Operations(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A recorder is a test whose errors are counted.
type recorder struct {
	testing.TB

	errors int
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.errors++ }

// TestWitness: what a handler answers is an error of the test where it is not described, and comes
// through as it is.
func TestWitness(t *testing.T) {
	d := openapitest.Read("testdata/openapi.yaml")
	for body, want := range map[string]int{`{"open":true}`: 0, `{"open":true,"x":1}`: 1} {
		r := &recorder{TB: t}
		server := httptest.NewServer(d.Witness(r, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, body)
		})))
		got, err := http.Post(server.URL+"/door", "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(got.Body)
		_ = got.Body.Close()
		server.Close()
		if r.errors != want || string(text) != body {
			t.Errorf("%s: %d errors, want %d; it came through as %s", body, r.errors, want, text)
		}
	}
}

// TestCheckRoutes: a route too many on either side is told, and a schema that does not compile or
// takes whatever comes.
func TestCheckRoutes(t *testing.T) {
	text, err := os.ReadFile("testdata/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	routes := []protocol.Route{{Method: "POST", Path: "/door"}, {Method: "GET", Path: "/door/*"}, {Method: "HEAD", Path: "/door/*"}}
	for _, row := range []struct {
		name, old, new string
		routes         []protocol.Route
		fails          bool
	}{
		{"as it is", "", "", routes, false},
		{"a route too many", "", "", append(routes, protocol.Route{Method: "PUT", Path: "/door"}), true},
		{"a route too few", "", "", routes[1:], true},
		{"an open schema", "required: [who]\n      additionalProperties: false", "required: [who]", routes, true},
		{"an open object below", "integer}}, additionalProperties: false", "integer}}", routes, true},
		{"a schema that is none", "type: boolean", "type: truth", routes, true},
	} {
		file := filepath.Join(t.TempDir(), "openapi.yaml")
		changed := strings.Replace(string(text), row.old, row.new, 1)
		if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		r := &recorder{TB: t}
		if openapitest.Read(file).CheckRoutes(r, row.routes); (r.errors > 0) != row.fails || row.old != "" && changed == string(text) {
			t.Errorf("%s: %d errors, want some: %t", row.name, r.errors, row.fails)
		}
	}
}
