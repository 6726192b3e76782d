package jwks

import "time"

// SetAfter replaces the timer by which Run sleeps.
func (s *Set) SetAfter(after func(time.Duration) <-chan time.Time) { s.after = after }

// Parse reads a key set, and tells how many keys it has and why the others were skipped.
func Parse(data []byte) (keys int, skipped []string, err error) {
	doc, err := parse(data)
	return len(doc.keys), doc.skipped, err
}
