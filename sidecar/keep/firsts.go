package keep

import (
	"encoding/binary"
	"sync/atomic"
)

// places is how many of the last digests are remembered, about: enough for what comes within
// seconds, in 128 KiB.
const places = 1 << 14

// firsts remember digests that came once, each by a part of it, until another takes its place. Whoever
// finds two with the same part gains that something is kept once too early. The zero value
// remembers none.
type firsts [places]atomic.Uint64

// again reports whether a digest came before, and remembers that it came.
func (f *firsts) again(key Digest) bool {
	place := binary.LittleEndian.Uint64(key[:]) % places
	part := binary.LittleEndian.Uint64(key[8:]) | 1 // never what no digest left
	return f[place].Swap(part) == part
}
