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
	got, err := b.verify(b.signed(claims(access.Object{
		"https://fabrikam.example/level": "mfa", "level": "not this one", "number": num(9007199254740993), "deep": []any{access.Object{"é\n": nil}, true},
	})))
	if err != nil {
		t.Fatal(err)
	}
	want, kept := got.All.Object(), got.Compact()
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
		c, err := b.verify(text)
		if err != nil {
			t.Fatal(err)
		}
		kept[n] = c.Compact()
	}
	taken := (heaptest.InUse() - before) / tokens
	t.Logf("a payload of %d bytes takes %d", kept[0].All.Size(), taken)
	if size := int64(kept[0].All.Size()); taken > 2*size || size < list {
		t.Errorf("%d bytes are told of claims that take %d, want less than twice as much", size, taken)
	}
	runtime.KeepAlive(kept)
}

// TestCompact: the compact form says the same, for every token, with evidence and without; claims that nobody
// signed have no other form.
func TestCompact(t *testing.T) {
	b := newBench(t)
	same := cmp.Transformer("claims", token.ClaimsSet.Object)
	// More lists than are shared, and some that look alike when they are joined.
	for n := range 600 {
		many := []any{api, fmt.Sprintf("https://%d.example/", n), "a b", "c"}
		if n%2 == 0 {
			many = []any{api, fmt.Sprintf("https://%d.example/", n-n%4), "a", "b c"}
		}
		c, err := b.verify(b.signed(claims(access.Object{"scope": fmt.Sprintf("openid s%d", n%300), "aud": many, "sid": fmt.Sprint(n)})))
		if err != nil {
			t.Fatal(err)
		}
		c.Evidence = []*token.Claims{nil, {Issuer: "https://idp.example/", All: token.ClaimsOf(access.Object{"a": "b"})}}[n%2]
		for _, kept := range []*token.Claims{c.Compact(), c.Compact().Compact()} {
			if diff := cmp.Diff(c, kept, same); diff != "" {
				t.Fatalf("token %d, as it is and compact:\n%s", n, diff)
			}
		}
	}
	if own := (&token.Claims{All: token.ClaimsOf(access.Object{"a": "b"})}); own.Compact() != own {
		t.Error("claims that nobody signed are not left as they are")
	}
}
