package keep_test

import (
	"encoding/binary"
	"testing"

	"stepup/sidecar/keep"
)

type count int

func (c *count) Inc() { *c++ }

func key(n int) (d keep.Digest) {
	binary.BigEndian.PutUint64(d[:], uint64(n))
	return d
}

func always(int) bool { return true }

func TestCache(t *testing.T) {
	var hits, misses count
	c := keep.New[int](1<<20, keep.Counters{Hits: &hits, Misses: &misses})
	if _, found := c.Get(key(1), always); found {
		t.Error("an empty cache has something")
	}
	c.Put(key(1), 7, 100)
	if v, found := c.Get(key(1), always); !found || v != 7 {
		t.Errorf("Get = %d, %t, want 7", v, found)
	}
	if _, found := c.Get(key(1), func(int) bool { return false }); found {
		t.Error("a value is found that is not good any more")
	}
	if hits != 1 || misses != 2 {
		t.Errorf("%d hits and %d misses, want 1 and 2", hits, misses)
	}
}

// A cache never tells to take more bytes than it may, however many values come.
func TestCacheIsBounded(t *testing.T) {
	const most = 1 << 20
	c := keep.New[int](most, keep.Counters{})
	for n := range 20_000 {
		c.Put(key(n), n, 1000)
	}
	if got := c.Bytes(); got > most || got < most/2 {
		t.Errorf("%d bytes, want at most %d and not much less", got, most)
	}
	c.Put(key(-1), 0, 2*most)
	if _, found := c.Get(key(-1), always); found && c.Bytes() > most {
		t.Error("a value larger than the cache is kept")
	}
}

func TestNoCache(t *testing.T) {
	c := keep.New[int](0, keep.Counters{})
	c.Put(key(1), 7, 1)
	if _, found := c.Get(key(1), always); found || c.Bytes() != 0 {
		t.Error("a cache of no bytes keeps something")
	}
}

func TestSpan(t *testing.T) {
	for _, row := range []struct {
		span keep.Span
		now  int64
		want bool
	}{
		{keep.Span{}, 0, false}, {keep.Second(5), 4, false}, {keep.Second(5), 5, true}, {keep.Second(5), 6, false},
		{keep.Span{From: 5, Until: keep.Forever}, 1 << 40, true}, {keep.Span{From: 5, Until: keep.Forever}, 4, false},
	} {
		if got := row.span.Holds(row.now); got != row.want {
			t.Errorf("%+v.Holds(%d) = %t, want %t", row.span, row.now, got, row.want)
		}
	}
}

// What comes once is not wanted, however much of it there is; what comes again is.
func TestNewOfRepeated(t *testing.T) {
	c := keep.NewOfRepeated[int](1<<30, keep.Counters{})
	for n := range 50_000 {
		if c.Wants(keep.Text(binary.AppendUvarint(nil, uint64(n)))) {
			t.Errorf("%d is wanted, which came once", n)
		}
	}
	for again, want := range []bool{false, true, true} {
		if got := c.Wants(keep.Text(nil)); got != want {
			t.Errorf("after %d times it is wanted: %t, want %t", again+1, got, want)
		}
	}
	if c := keep.New[int](1<<30, keep.Counters{}); !c.Wants(keep.Text(nil)) {
		t.Error("of another cache something is not wanted")
	}
	if c := keep.NewOfRepeated[int](0, keep.Counters{}); c != nil {
		t.Error("a cache of no bytes is one")
	}
}
