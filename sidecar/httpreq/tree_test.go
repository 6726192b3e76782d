package httpreq_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"stepup/sidecar/httpreq"
)

// Random tables are refused where two routes cross, and otherwise a path is about the
// narrowest route, as one finds by holding every route against every other.
func TestRandomTables(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	path := func(words ...string) []string {
		list := make([]string, 1+random.IntN(4))
		for i := range list {
			list[i] = words[random.IntN(len(words))]
		}
		return list
	}
	accepted := 0
	for range 3000 {
		var paths [][]string
		for range 1 + random.IntN(6) {
			own := path("a", "b", "c", "{x}")
			for i := range own {
				own[i] = strings.ReplaceAll(own[i], "x", fmt.Sprint("x", i)) // a name is in a path once
			}
			paths = append(paths, own)
		}
		var table strings.Builder
		table.WriteString("routes:\n")
		for _, p := range paths {
			fmt.Fprintf(&table, "  - GET /%s\n", strings.Join(p, "/"))
		}
		routes, err := httpreq.ReadTable("f.yaml", []byte(table.String()), true)
		if first := crossing(paths); (err == nil) != (first == "") || err != nil && !strings.HasPrefix(err.Error(), first) {
			t.Fatalf("%s: %v, want it to be told at %q", table.String(), err, first)
		}
		if err != nil {
			continue
		}
		accepted++
		for range 20 {
			asked := path("a", "b", "c", "d")
			got, ok := routes.Resource("GET", "/"+strings.Join(asked, "/"))
			if want := narrowest(paths, asked); ok != (want != "") || ok && got.ID != want {
				t.Fatalf("%s/%s is about %q (%t), want %q", table.String(), strings.Join(asked, "/"), got.ID, ok, want)
			}
		}
	}
	if accepted < 300 {
		t.Errorf("only %d tables were accepted, of which something is told", accepted)
	}
}

// crossing says where the first route stands that is not told apart from one before it.
func crossing(paths [][]string) string {
	for i, p := range paths {
		for _, before := range paths[:i] {
			if meet(p, before) && covers(p, before) == covers(before, p) {
				return fmt.Sprintf("f.yaml:%d:", i+2)
			}
		}
	}
	return ""
}

func narrowest(paths [][]string, asked []string) string {
	var found []string
	for _, p := range paths {
		if covers(p, asked) && (found == nil || covers(found, p)) {
			found = p
		}
	}
	if found == nil {
		return ""
	}
	return "/" + strings.Join(found, "/")
}

func parameter(s string) bool { return strings.HasPrefix(s, "{") }

// covers reports whether every path of o is one of p.
func covers(p, o []string) bool {
	for i := range p {
		if len(p) != len(o) || !parameter(p[i]) && p[i] != o[i] {
			return false
		}
	}
	return true
}

func meet(p, o []string) bool {
	for i := range p {
		if len(p) != len(o) || !parameter(p[i]) && !parameter(o[i]) && p[i] != o[i] {
			return false
		}
	}
	return true
}

// BenchmarkRoutes finds the route of a path in tables of more and more routes.
func BenchmarkRoutes(b *testing.B) {
	for _, count := range []int{10, 100, 1000, 10_000} {
		var table strings.Builder
		table.WriteString("routes:\n")
		for n := range count {
			fmt.Fprintf(&table, "  - GET /service%d/{tenant}/items/{id}\n", n)
		}
		text := []byte(table.String())
		routes, err := httpreq.ReadTable("routes.yaml", text, true)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprint("find/", count), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := routes.Resource("GET", "/service7/fabrikam/items/12"); !ok {
					b.Fatal("not found")
				}
			}
		})
		b.Run(fmt.Sprint("read/", count), func(b *testing.B) {
			for b.Loop() {
				if _, err := httpreq.ReadTable("routes.yaml", text, true); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
