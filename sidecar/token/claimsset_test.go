package token_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
	"stepup/sidecar/heaptest"
	"stepup/sidecar/token"
)

// TestClaimsAreReadAgain: what a token says is the same however often the collector has let go of
// what was read of it, under the names that the issuer's renames give, and for many at a time.
func TestClaimsAreReadAgain(t *testing.T) {
	b := newBench(t, func(i *token.Issuer) { i.Claims = map[string]string{"level": "https://fabrikam.example/level"} })
	text := b.signed(claims(access.Object{
		"https://fabrikam.example/level": "mfa", "level": "not this one", "number": num(9007199254740993), "deep": []any{access.Object{"é\n": nil}, true},
	}))
	got, err := b.verify(text)
	if err != nil {
		t.Fatal(err)
	}
	want, kept := got.All.Object(), b.again(text)
	copied := *kept
	if want["level"] != "mfa" {
		t.Fatalf("the claims are %v", want)
	}
	for round := range 5 {
		runtime.GC()
		runtime.GC()
		var readers sync.WaitGroup
		for n := range 8 {
			readers.Go(func() {
				set := []token.ClaimsSet{kept.All, copied.All}[n%2]
				if diff := cmp.Diff(want, set.Object()); diff != "" {
					t.Errorf("round %d (-first +again):\n%s", round, diff)
				}
			})
		}
		readers.Wait()
	}
}

// Claims that are kept take about as much memory as their text, and not as much as their values.
func TestKeptClaimsAreSmall(t *testing.T) {
	const tokens, list = 50, 500
	b := newBench(t)
	values := make([]any, list)
	for n := range values {
		values[n] = access.Object{"name": fmt.Sprintf("group %d", n)}
	}
	text := b.signed(claims(access.Object{"groups": values}))
	kept := make([]*token.Claims, tokens)
	before := heaptest.InUse()
	for n := range kept {
		kept[n] = b.again(text)
	}
	taken := (heaptest.InUse() - before) / tokens
	t.Logf("a payload of %d bytes takes %d", kept[0].All.Size(), taken)
	if size := int64(kept[0].All.Size()); taken > 2*size || size < list {
		t.Errorf("%d bytes are told of claims that take %d, want less than twice as much", size, taken)
	}
	runtime.KeepAlive(kept)
}
