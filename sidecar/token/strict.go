package token

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"stepup/sidecar/access"
)

// maxDepth is how deep a token's JSON may be nested. Policies walk it.
const maxDepth = 32

// maxExponent is the largest power of ten that a number may be written with. Numbers
// keep their digits on the way to the policy, whose arithmetic is exact: 1e999999 in
// ten bytes would there become a million digits.
const maxExponent = 308

var (
	errNotObject = errors.New("not an object")
	errName      = errors.New("a name that is not a string")
	errTrailing  = errors.New("data after the object")
	errTooDeep   = fmt.Errorf("nested deeper than %d", maxDepth)
	errNumber    = errors.New("a number out of range")
)

// decodeObject reads exactly one JSON object and refuses what two readers could take
// for different things: duplicate names, bytes that are not UTF-8, unpaired surrogates,
// anything after the object (RFC 7515 and RFC 7519, section 4 each; RFC 8725, sections 2.6
// and 3.7). Numbers come as [json.Number]. The texts in it are parts of the one that is given.
func decodeObject(text string) (access.Object, error) {
	r := readers.Get().(*reader)
	defer r.release()
	r.begin(text)
	return r.object()
}

// A reader reads JSON objects, one after the other. What it needs on the way it has from the
// one before; it keeps nothing of them once they are read.
type reader struct {
	decoder  jsontext.Decoder
	data     []byte       // a copy of the text, for the decoder
	source   bytes.Buffer // of the data; what the decoder reads from a Buffer it does not copy
	text     string       // all of it
	members  []member     // of the objects that are being read, the innermost last
	elements []any        // of the lists, likewise
}

// A member is a name with its value.
type member struct {
	name  string
	value any
}

var readers = sync.Pool{New: func() any { return new(reader) }}

func (r *reader) begin(text string) {
	r.data = append(r.data[:0], text...)
	r.source = *bytes.NewBuffer(r.data)
	r.decoder.Reset(&r.source)
	r.text = text
}

// release lets go of all that was read, also after an error on the way, and of a reader that
// an unusual token made large.
func (r *reader) release() {
	const most, mostData = 512, 32 << 10
	r.source = bytes.Buffer{}
	r.decoder.Reset(&r.source)
	r.text = ""
	clear(r.data)
	if cap(r.members)+cap(r.elements) > most || cap(r.data) > mostData {
		return
	}
	r.members, r.elements = shorten(r.members, 0), shorten(r.elements, 0)
	readers.Put(r)
}

// shorten cuts a list and holds nothing of what was cut off.
func shorten[E any](list []E, to int) []E {
	clear(list[to:])
	return list[:to]
}

func (r *reader) object() (access.Object, error) {
	if r.decoder.PeekKind() != jsontext.KindBeginObject {
		return nil, errNotObject
	}
	value, err := r.value()
	if err != nil {
		return nil, err
	}
	if _, err := r.decoder.ReadToken(); err != io.EOF {
		return nil, errTrailing
	}
	return value.(access.Object), nil
}

func (r *reader) value() (any, error) {
	switch r.decoder.PeekKind() {
	case jsontext.KindString:
		return r.string()
	case jsontext.KindNumber:
		text, err := r.verbatim()
		if err != nil {
			return nil, err
		}
		return decodeNumber(text)
	}
	t, err := r.decoder.ReadToken()
	if err != nil {
		return nil, err
	}
	if r.decoder.StackDepth() > maxDepth {
		return nil, errTooDeep
	}
	switch t.Kind() {
	case jsontext.KindBeginObject:
		return r.restOfObject()
	case jsontext.KindBeginArray:
		return r.restOfList()
	case jsontext.KindTrue, jsontext.KindFalse:
		return t.Bool(), nil
	default:
		return nil, nil // the one kind left is null
	}
}

// restOfObject reads an object whose brace was read. Its members wait until all are there, so
// that the map is made at its size.
func (r *reader) restOfObject() (access.Object, error) {
	first := len(r.members)
	for r.decoder.PeekKind() != jsontext.KindEndObject {
		if r.decoder.PeekKind() != jsontext.KindString {
			return nil, errName
		}
		name, err := r.string()
		if err != nil {
			return nil, err
		}
		value, err := r.value()
		if err != nil {
			return nil, err
		}
		r.members = append(r.members, member{name, value})
	}
	o := make(access.Object, len(r.members)-first)
	for _, m := range r.members[first:] {
		o[m.name] = m.value
	}
	r.members = shorten(r.members, first)
	_, err := r.decoder.ReadToken()
	return o, err
}

// restOfList is as restOfObject, for a list whose bracket was read.
func (r *reader) restOfList() ([]any, error) {
	first := len(r.elements)
	for r.decoder.PeekKind() != jsontext.KindEndArray {
		value, err := r.value()
		if err != nil {
			return nil, err
		}
		r.elements = append(r.elements, value)
	}
	list := append(make([]any, 0, len(r.elements)-first), r.elements[first:]...)
	r.elements = shorten(r.elements, first)
	_, err := r.decoder.ReadToken()
	return list, err
}

// string reads a string, which without escapes is a part of the text as it stands.
func (r *reader) string() (string, error) {
	quoted, err := r.verbatim()
	if err != nil {
		return "", err
	}
	if strings.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1], nil
	}
	text, err := jsontext.AppendUnquote(nil, quoted)
	return string(text), err
}

// verbatim reads a string or a number and returns it as it is written.
func (r *reader) verbatim() (string, error) {
	v, err := r.decoder.ReadValue()
	if err != nil {
		return "", err
	}
	end := r.decoder.InputOffset()
	return r.text[end-int64(len(v)) : end], nil
}

// maxNumber bounds a number's text: policies calculate exactly, and with thousands of
// digits that takes longer than any deadline.
const maxNumber = 64

// decodeNumber keeps a number's own text, if its size is one that a float64 can have.
// Underflow counts: exact arithmetic pays for 1e-999999 as it does for 1e999999.
func decodeNumber(text string) (json.Number, error) {
	if _, err := strconv.ParseFloat(text, 64); err != nil || len(text) > maxNumber {
		return "", errNumber
	}
	if at := strings.IndexAny(text, "eE"); at >= 0 {
		exponent, err := strconv.Atoi(text[at+1:])
		if err != nil || exponent > maxExponent || exponent < -maxExponent {
			return "", errNumber
		}
	}
	return json.Number(text), nil
}
