package protocol

import "sync"

// spent are bodies whose questions were answered, for those that come next.
var spent sync.Pool

// mostReused bounds bodies that are used again. What net/http writes is copied by then, if it is no longer
// than this; of a longer answer over HTTP/2 a part may still be on its way.
const mostReused = 4 << 10

// room is room for a body.
func room(length int64) []byte {
	if length <= mostReused {
		if b, _ := spent.Get().(*[]byte); b != nil && int64(cap(*b)) >= length {
			return (*b)[:length]
		}
	}
	return make([]byte, length)
}

// Reuse gives back a body that [Body.Read] returned, and of which nothing is in use any more.
func Reuse(body []byte) {
	if whole := body[:cap(body)]; len(whole) <= mostReused {
		clear(whole) // there is a token in it
		spent.Put(&whole)
	}
}
