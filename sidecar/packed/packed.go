package packed

import "encoding/binary"

// A Writer writes values into a text. The zero value has an empty one. It is for one goroutine.
type Writer struct{ text []byte }

// Bytes returns what was written. It is the writer's own until [Writer.Reset].
func (w *Writer) Bytes() []byte { return w.text }

// Reset begins anew, in the same memory, and lets go of what was written: some of it is secret.
func (w *Writer) Reset() {
	clear(w.text)
	w.text = w.text[:0]
}

// Number writes a number.
func (w *Writer) Number(n int64) { w.text = binary.AppendVarint(w.text, n) }

// Flag writes a truth.
func (w *Writer) Flag(b bool) {
	if b {
		w.Number(1)
	} else {
		w.Number(0)
	}
}

// Text writes a text.
func (w *Writer) Text(s string) {
	w.Number(int64(len(s)))
	w.text = append(w.text, s...)
}

// Texts writes a list of texts; none differs from an empty one.
func (w *Writer) Texts(list []string) {
	if list == nil {
		w.Number(-1)
		return
	}
	w.Number(int64(len(list)))
	for _, s := range list {
		w.Text(s)
	}
}

// A Reader reads values from a text. From the first on that is not there, all are zero. It is for one
// goroutine.
type Reader struct {
	rest   string
	broken bool
}

// Read begins at the start of a text.
func Read(text string) *Reader { return &Reader{rest: text} }

// Done reports whether everything was read, and everything that was read was there.
func (r *Reader) Done() bool { return !r.broken && r.rest == "" }

// Number reads a number.
func (r *Reader) Number() int64 {
	var room [binary.MaxVarintLen64]byte // on the stack
	n, size := binary.Varint(room[:copy(room[:], r.rest)])
	if size <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

// Flag reads a truth.
func (r *Reader) Flag() bool { return r.Number() == 1 }

// Text reads a text. It is a part of the whole.
func (r *Reader) Text() string { return r.take(r.Number()) }

// Texts reads a list of texts.
func (r *Reader) Texts() []string {
	size := r.Number()
	switch {
	case size == -1:
		return nil
	case size < 0 || size > int64(len(r.rest)): // each has one byte at least
		r.fail()
		return nil
	}
	list := make([]string, size)
	for n := range list {
		list[n] = r.Text()
	}
	return list
}

func (r *Reader) take(size int64) string {
	if size < 0 || size > int64(len(r.rest)) {
		r.fail()
		return ""
	}
	taken := r.rest[:size]
	r.rest = r.rest[size:]
	return taken
}

func (r *Reader) fail() { r.rest, r.broken = "", true }
