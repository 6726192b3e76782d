package keep

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"
	"sync"

	"stepup/sidecar/access"
)

// A Digest stands for a text or a question: SHA-256, so that nobody can make two that are
// told apart by nothing.
type Digest [sha256.Size]byte

// Text returns the digest of a text.
func Text(text []byte) Digest { return sha256.Sum256(text) }

// Tokens returns the digest of a token and of the evidence beside it, either of which may
// be absent.
func Tokens(credential, evidence access.Credential) Digest {
	w := open()
	defer w.close()
	w.text(credential.Reveal())
	w.text(evidence.Reveal())
	return w.sum()
}

// Object returns the digest of an object. False if there is something in it that cannot be
// written down exactly.
func Object(o access.Object) (Digest, bool) {
	w := open()
	defer w.close()
	w.object(o)
	return w.sum(), !w.inexact
}

// Requirement returns the digest of a question about requirements. False as [Object].
func Requirement(q access.RequirementQuestion) (Digest, bool) {
	w := open()
	defer w.close()
	w.text(q.Issuer)
	// What is not told differs from what is told to be empty.
	for _, o := range []access.Object{q.Action.Properties, q.Resource.Properties, q.Context} {
		w.flag(o != nil)
	}
	w.named(q.Action.Name, q.Action.Properties)
	w.text(q.Resource.Type)
	w.named(q.Resource.ID, q.Resource.Properties)
	w.object(q.Context)
	w.http(q.HTTP)
	if q.HTTP != nil {
		w.flag(q.HTTP.Query != nil)
	}
	return w.sum(), !w.inexact
}

// A writer writes values so that no two different sequences of them are the same bytes:
// everything of variable length tells its length first, and every kind has a letter.
type writer struct {
	buf     bytes.Buffer
	inexact bool
}

var writers = sync.Pool{New: func() any { return new(writer) }}

// mostKept bounds the buffers that wait for the next question.
const mostKept = 256 << 10

func open() *writer { return writers.Get().(*writer) }

// close lets go of the texts: some are tokens.
func (w *writer) close() {
	if w.buf.Cap() > mostKept {
		return
	}
	clear(w.buf.Bytes())
	w.buf.Reset()
	w.inexact = false
	writers.Put(w)
}

func (w *writer) sum() Digest { return sha256.Sum256(w.buf.Bytes()) }

func (w *writer) length(n int) {
	w.buf.Write(binary.AppendUvarint(w.buf.AvailableBuffer(), uint64(n)))
}

func (w *writer) text(s string) {
	w.length(len(s))
	w.buf.WriteString(s)
}

func (w *writer) flag(b bool) {
	if b {
		w.buf.WriteByte(1)
	} else {
		w.buf.WriteByte(0)
	}
}

func (w *writer) named(name string, properties access.Object) {
	w.text(name)
	w.object(properties)
}

func (w *writer) texts(list []string) {
	w.length(len(list))
	for _, s := range list {
		w.text(s)
	}
}

func (w *writer) lists(m map[string][]string) {
	w.length(len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		w.text(name)
		w.texts(m[name])
	}
}

func (w *writer) http(r *access.HTTPRequest) {
	w.flag(r != nil)
	if r == nil {
		return
	}
	for _, s := range []string{r.Method, r.Scheme, r.Host, r.Path, r.ClientIP} {
		w.text(s)
	}
	w.texts(r.Segments)
	w.lists(r.Query)
	w.lists(r.Headers)
	w.texts(r.Arrived)
}

func (w *writer) object(o access.Object) {
	w.length(len(o))
	if len(o) == 0 {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		w.text(name)
		w.value(o[name])
	}
}

// value writes what [access.Object] may hold. Of anything else it is not known how it
// would be read.
func (w *writer) value(v any) {
	switch v := v.(type) {
	case nil:
		w.buf.WriteByte('n')
	case bool:
		w.buf.WriteByte('b')
		w.flag(v)
	case string:
		w.buf.WriteByte('s')
		w.text(v)
	case json.Number:
		w.buf.WriteByte('0')
		w.text(string(v))
	case []any:
		w.buf.WriteByte('a')
		w.length(len(v))
		for _, e := range v {
			w.value(e)
		}
	case map[string]any:
		w.buf.WriteByte('o')
		w.object(v)
	default:
		w.inexact = true
	}
}
