package keep

import (
	"sync/atomic"
	"time"

	"github.com/coocood/freecache"
)

// Texts keep texts under digests, within a number of bytes: those that were not asked for in a while go
// first. They lie where the garbage collector does not look, so that it costs the same whether there
// are ten or a hundred thousand; whoever asks for one gets a copy. None keeps nothing. It
// is safe for concurrent use.
type Texts struct {
	cache   *freecache.Cache
	room    int64        // for texts
	written atomic.Int64 // of all that was put
}

const (
	// LeastTexts is how many bytes texts need at least: the tables that find them take some MiB, however
	// few there are.
	LeastTexts = 20 << 20
	// header is what the cache writes before each text, besides its key.
	header = 24
	// The part of all bytes that is for texts; the rest is for the tables that find them, which
	// grow with what comes and goes.
	textsOf, textsIn = 2, 3
)

// A clock counts seconds, and never goes back: freecache takes what was asked for after it would for
// old, for ever.
type clock struct{ began time.Time }

// Now implements [freecache.Timer].
func (c clock) Now() uint32 { return uint32(time.Since(c.began) / time.Second) }

// NewTexts returns room for so many bytes; nil if that is less than [LeastTexts].
func NewTexts(bytes int64) *Texts {
	if bytes < LeastTexts {
		return nil
	}
	room := bytes / textsIn * textsOf
	return &Texts{cache: freecache.NewCacheCustomTimer(int(room), clock{time.Now()}), room: room}
}

// Get returns a copy of the text that is kept under a digest.
func (t *Texts) Get(key Digest) (text string, found bool) {
	if t == nil {
		return "", false
	}
	err := t.cache.GetFn(key[:], func(kept []byte) error {
		text = string(kept)
		return nil
	})
	return text, err == nil
}

// Put keeps a copy of a text, in place of what was kept before. It reports whether it did: one that
// would take more than a thousandth of all is not kept.
func (t *Texts) Put(key Digest, text []byte) bool {
	if t == nil || t.cache.Set(key[:], text, 0) != nil {
		return false
	}
	t.written.Add(int64(header + len(key) + len(text)))
	return true
}

// Len returns how many texts are kept.
func (t *Texts) Len() int {
	if t == nil {
		return 0
	}
	return int(t.cache.EntryCount())
}

// Bytes returns how many bytes were taken, about, with what finds the texts. None is ever given back: others
// are written over those that go.
func (t *Texts) Bytes() int64 {
	if t == nil {
		return 0
	}
	return min(t.written.Load(), t.room) / textsOf * textsIn
}
