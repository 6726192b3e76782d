package telemetry

import (
	"maps"
	"sync/atomic"
)

// found are instruments by their labels, which are few. The zero value has none. It is safe for
// concurrent use, and reads without a lock.
type found[K comparable, V any] struct{ all atomic.Pointer[map[K]V] }

// get returns the instrument of some labels, which is looked for once. Looking for the same
// labels twice has to find the same.
func (f *found[K, V]) get(labels K, find func(K) V) V {
	all := f.all.Load()
	if all != nil {
		if v, known := (*all)[labels]; known {
			return v
		}
	}
	v := find(labels)
	more := map[K]V{labels: v}
	if all != nil {
		maps.Copy(more, *all)
	}
	f.all.CompareAndSwap(all, &more) // of two who find at once one will find again
	return v
}
