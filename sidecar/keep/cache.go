package keep

import (
	"math"

	"github.com/maypok86/otter/v2"
)

// A Counter counts up. A prometheus.Counter is one.
type Counter interface{ Inc() }

// Counters count how a cache does; nil ones do not.
type Counters struct{ Hits, Misses Counter }

// Found counts what was found.
func (c Counters) Found() { count(c.Hits) }

// Missed counts what was not.
func (c Counters) Missed() { count(c.Misses) }

// A Cache keeps values under digests, within a number of bytes: what is asked for least
// goes first. A nil one keeps nothing. It is safe for concurrent use.
type Cache[V any] struct {
	entries  *otter.Cache[Digest, entry[V]]
	counters Counters
	first    *firsts // nil: everything is kept from the first time on
}

type entry[V any] struct {
	value V
	bytes uint32
}

// overhead is what an entry costs besides its value: the key, the nodes of the table, and
// its place in the queues.
const overhead = 256

// New returns a cache for so many bytes, as its entries tell them; nil for none.
func New[V any](bytes int64, c Counters) *Cache[V] {
	if bytes <= 0 {
		return nil
	}
	return &Cache[V]{counters: c, entries: otter.Must(&otter.Options[Digest, entry[V]]{
		MaximumWeight: uint64(bytes),
		Weigher:       func(_ Digest, e entry[V]) uint32 { return e.bytes },
	})}
}

// NewOfRepeated is as New, for values that cost less to make than to keep for nobody: see
// [Cache.Wants].
func NewOfRepeated[V any](bytes int64, c Counters) *Cache[V] {
	cache := New[V](bytes, c)
	if cache != nil {
		cache.first = &firsts{}
	}
	return cache
}

// Get returns what is kept under a digest, if it is still good.
func (c *Cache[V]) Get(key Digest, good func(V) bool) (value V, ok bool) {
	if c == nil {
		return value, false
	}
	e, found := c.entries.GetIfPresent(key)
	if found && good(e.value) {
		c.counters.Found()
		return e.value, true
	}
	c.counters.Missed()
	return value, false
}

// Wants reports whether a value is worth keeping: in a cache of what is repeated from the second time
// on that somebody asks so, if not too much else was asked for in between.
func (c *Cache[V]) Wants(key Digest) bool {
	return c != nil && (c.first == nil || c.first.again(key))
}

// Put keeps a value that takes about so many bytes, in place of what was kept before.
func (c *Cache[V]) Put(key Digest, value V, bytes int) {
	if c == nil {
		return
	}
	c.entries.Set(key, entry[V]{value, uint32(min(max(bytes, 0)+overhead, math.MaxUint32))})
}

// Bytes returns how many bytes the entries told to take.
func (c *Cache[V]) Bytes() int64 {
	if c == nil {
		return 0
	}
	c.entries.CleanUp()
	return int64(c.entries.WeightedSize())
}

// Len returns how many values are kept, about.
func (c *Cache[V]) Len() int {
	if c == nil {
		return 0
	}
	c.entries.CleanUp()
	return c.entries.EstimatedSize()
}

func count(c Counter) {
	if c != nil {
		c.Inc()
	}
}
