package keep

import (
	"encoding/binary"
	"maps"
	"slices"
)

// A Sight is what somebody looked at, value by value and in an order that the looks give.
// Take one from [Look]; it is for one goroutine, and gone with [Sight.Digest].
type Sight struct{ w *writer }

// Look begins a sight.
func Look() Sight { return Sight{open()} }

// Digest ends the sight. False if there was something that cannot be written down exactly.
func (s Sight) Digest() (Digest, bool) {
	defer s.w.close()
	return s.w.sum(), !s.w.inexact
}

// Flag, Text, Texts and Number add a value of a kind that is known beforehand.
func (s Sight) Flag(b bool) { s.w.flag(b) }

// Text adds a text.
func (s Sight) Text(text string) { s.w.text(text) }

// Bytes adds a text, as Text does.
func (s Sight) Bytes(text []byte) {
	s.w.length(len(text))
	s.w.buf.Write(text)
}

// Texts adds a list of texts.
func (s Sight) Texts(list []string) { s.w.texts(list) }

// Number adds a number.
func (s Sight) Number(n int64) {
	s.w.buf.Write(binary.BigEndian.AppendUint64(s.w.buf.AvailableBuffer(), uint64(n)))
}

// Part adds a value of any kind that a document has, or that there is none.
func (s Sight) Part(value any, there bool) {
	w := s.w
	if !there {
		w.buf.WriteByte('u')
		return
	}
	switch v := value.(type) {
	default:
		w.value(v)
	case int64:
		w.buf.WriteByte('i')
		s.Number(v)
	case []string:
		w.buf.WriteByte('t')
		w.texts(v)
	case map[string]string:
		w.buf.WriteByte('w')
		w.length(len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			w.text(name)
			w.text(v[name])
		}
	case map[string][]string:
		w.buf.WriteByte('l')
		w.lists(v)
	}
}
