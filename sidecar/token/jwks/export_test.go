package jwks

import (
	"time"

	"github.com/go-jose/go-jose/v4"
)

// SetAfter replaces the timer by which Run sleeps.
func (s *Set) SetAfter(after func(time.Duration) <-chan time.Time) { s.after = after }

// Parse reads a key set: its usable keys, and why the others were skipped.
func Parse(data []byte) (keys []jose.JSONWebKey, skipped []string, err error) {
	doc, err := parse(data)
	return doc.keys, doc.skipped, err
}
