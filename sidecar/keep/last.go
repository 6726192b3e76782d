package keep

import (
	"encoding/binary"
	"sync/atomic"
)

// Last are the values that were asked for last, as they are, within a number of bytes. Each digest has
// one place, which it shares with others: whoever comes takes it. None keeps nothing. It is safe
// for concurrent use.
type Last[V any] struct {
	places []atomic.Pointer[placed[V]]
	most   int64
	bytes  atomic.Int64
}

type placed[V any] struct {
	key   Digest
	value V
	bytes int64
}

const (
	// bytesOfPlace are for each place; few values are larger.
	bytesOfPlace = 4 << 10
	// largestOf is the part of all bytes that one value may take.
	largestOf = 8
)

// NewLast returns room for values of so many bytes, as they are told; nil for none.
func NewLast[V any](bytes int64) *Last[V] {
	if bytes <= 0 {
		return nil
	}
	return &Last[V]{places: make([]atomic.Pointer[placed[V]], max(1, bytes/bytesOfPlace)), most: bytes}
}

func (l *Last[V]) place(key Digest) *atomic.Pointer[placed[V]] {
	return &l.places[binary.LittleEndian.Uint64(key[:])%uint64(len(l.places))]
}

// Get returns the value of a digest, if it is still there.
func (l *Last[V]) Get(key Digest) (value V, found bool) {
	if l == nil {
		return value, false
	}
	p := l.place(key).Load()
	if p == nil || p.key != key {
		return value, false
	}
	return p.value, true
}

// Put keeps a value that takes about so many bytes. When all together take too many, all begins anew.
func (l *Last[V]) Put(key Digest, value V, bytes int) {
	if l == nil || int64(bytes) > l.most/largestOf {
		return
	}
	l.swap(l.place(key), &placed[V]{key, value, int64(bytes)})
	if l.bytes.Load() > l.most {
		for n := range l.places {
			l.swap(&l.places[n], nil)
		}
	}
}

// Forget lets go of the value of a digest.
func (l *Last[V]) Forget(key Digest) {
	if l == nil {
		return
	}
	place := l.place(key)
	if p := place.Load(); p != nil && p.key == key && place.CompareAndSwap(p, nil) {
		l.bytes.Add(-p.bytes)
	}
}

// Bytes returns how many bytes the values were told to take.
func (l *Last[V]) Bytes() int64 {
	if l == nil {
		return 0
	}
	return l.bytes.Load()
}

func (l *Last[V]) swap(place *atomic.Pointer[placed[V]], next *placed[V]) {
	if next != nil {
		l.bytes.Add(next.bytes)
	}
	if before := place.Swap(next); before != nil {
		l.bytes.Add(-before.bytes)
	}
}
