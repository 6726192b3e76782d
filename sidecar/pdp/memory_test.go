package pdp_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"stepup/sidecar/access"
	"stepup/sidecar/heaptest"
	"stepup/sidecar/pdp"
)

// TestMemoryIsBounded lets a memory keep more than it may, of tokens of many kinds, among them what an
// issuer can put into one to make it take more than it seems, and compares what it may take and tells
// to take with what the process came to hold. The limits are generous: what they must notice is a
// multiple.
func TestMemoryIsBounded(t *testing.T) {
	methods := make([]any, 800)
	for n := range methods {
		methods[n] = fmt.Sprintf("m%d", n)
	}
	for name, row := range map[string]struct {
		most   int64
		tokens int
		route  string
		claims access.Object
	}{
		"allowed":          {most: 8 << 20, tokens: 6000, route: "/employees"},
		"denied":           {most: 8 << 20, tokens: 6000, route: "/" + strings.Repeat("nowhere/", 8)},
		"many methods":     {most: 64 << 20, tokens: 2000, route: "/employees", claims: access.Object{"amr": methods}},
		"an escaped jti":   {most: 64 << 20, tokens: 2000, route: "/employees", claims: access.Object{"jti": strings.Repeat("x", 10_000) + "\""}},
		"many scopes":      {most: 64 << 20, tokens: 2000, route: "/employees", claims: access.Object{"scope": strings.Repeat("a b ", 2000) + "c"}},
		"as large as goes": {most: 64 << 20, tokens: 2000, route: "/employees", claims: access.Object{"fill": strings.Repeat("x", 11_000)}},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, "ES256")
			o.decider(nil).Decide(t.Context(), o.asks(t, 0, row.route, row.claims)) // what is taken once
			before := heaptest.InUse()
			m := pdp.NewMemory(pdp.MemoryConfig{Bytes: row.most})
			d := o.decider(m)
			for n := range row.tokens {
				asked := o.asks(t, n, row.route, row.claims)
				for range 2 { // so that it is among the last, too
					if got := d.Decide(t.Context(), asked); got.Outcome == access.Indeterminate {
						t.Fatalf("token %d: %q", n, got.Reasons)
					}
				}
			}
			taken, told := heaptest.InUse()-before, told(m)
			runtime.KeepAlive(m)
			t.Logf("%d KiB are taken, %d told, of %d", taken>>10, told>>10, row.most>>10)
			if taken > row.most+row.most/4 || told > row.most || told < taken/2 {
				t.Errorf("%d bytes are taken, and %d told; it may take %d", taken, told, row.most)
			}
		})
	}
}

func told(m *pdp.Memory) (bytes int64) {
	for _, n := range m.Bytes() {
		bytes += n
	}
	return bytes
}
