package decisionlog

import (
	"container/heap"

	"github.com/open-policy-agent/opa/v1/plugins/logs"
)

// DefaultBufferBytes is how much memory the questions in OPA's buffer of events may take,
// about, where nothing else is said. OPA bounds that buffer by count alone, and callers
// choose how large questions are.
const DefaultBufferBytes = 64 << 20

// copies is how often an event that is not of text holds its question at most: as it is, as
// Rego's values, and in what the policy made of it.
const copies = 3

// envelopeBytes is about what an event of text takes besides its text: much of it are maps, of labels and
// measures, which OPA's plugin makes for each.
const envelopeBytes = 3 << 9

// A buffered knows how much the events in OPA's buffer may take. It cannot see which they
// are, only how many: so they take at most what as many of the largest take that were handed
// over. Uploading empties the buffer, and so what is known of it, but for the texts of the present second, which
// those that come may share (toldBytes). The zero value knows of none.
type buffered struct {
	sizes  ascending
	before int64 // the sum of sizes
}

// fits reports whether another one fits beside those that wait, and then counts it in. One
// alone always does: it is bounded by what a question may be.
func (b *buffered) fits(waiting int, size, limit int64) bool {
	for len(b.sizes) > waiting {
		b.before -= heap.Pop(&b.sizes).(int64)
	}
	if len(b.sizes) > 0 && b.before+size > limit {
		return false
	}
	heap.Push(&b.sizes, size)
	b.before += size
	return true
}

// room reports whether OPA's buffer has room for an event of a size.
func (l *Log) room(plugin *logs.Plugin, size int64) bool {
	if plugin.Config().Service == "" {
		return true // nothing is buffered for the console
	}
	kind, waiting := plugin.BufferSize()
	return kind != "event" || l.buffered.fits(int(waiting), size, l.BufferBytes)
}

// ascending implements [heap.Interface]: the smallest comes first.
type ascending []int64

func (a ascending) Len() int           { return len(a) }
func (a ascending) Less(i, j int) bool { return a[i] < a[j] }
func (a ascending) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }

// Push adds an int64.
func (a *ascending) Push(x any) { *a = append(*a, x.(int64)) }

// Pop takes away the last one.
func (a *ascending) Pop() any {
	old := *a
	last := old[len(old)-1]
	*a = old[:len(old)-1]
	return last
}
