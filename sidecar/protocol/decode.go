package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"
	"github.com/go-json-experiment/json/jsontext"

	"stepup/sidecar/access"
)

// MaxDepth is how deeply objects and arrays may be nested in a request, the outermost
// one included.
const MaxDepth = 32

// Malformed says what is wrong with a request and where. Its text is told to callers:
// it names members, never the values in them.
type Malformed struct {
	Pointer string // RFC 6901; empty: the whole body
	Problem string // what is wrong and what to do, a clause that follows the pointer
}

// Error returns where and what.
func (m *Malformed) Error() string {
	if m.Pointer == "" {
		return "the body " + m.Problem
	}
	return shownPointer(m.Pointer) + " " + m.Problem
}

// A Decoder reads one JSON text strictly: valid Unicode, unique and exact names, known
// members, the right kinds, numbers within the range of a double, limited depth, and
// nothing after the end. Every error it returns is a [*Malformed]. Reading stops at the
// first.
type Decoder struct {
	json *jsontext.Decoder
	from Fragment
}

// A Fragment is a JSON text and where it stands in the whole body. The zero value is
// an empty body.
type Fragment struct {
	Text    []byte
	Pointer string // RFC 6901; empty: it is the whole body
	Depth   int    // how many objects and arrays are around it
	// Lenient says that members which are not known are read over, as some protocols
	// demand. They have to be valid JSON all the same.
	Lenient bool
}

// pool keeps decoders between bodies: the tables by which they find duplicate names are
// a third of the cost of reading. No text stays in them, see [Decode].
var pool = sync.Pool{New: func() any { return jsontext.NewDecoder(bytes.NewBuffer(nil)) }}

// Decode reads a whole text with a function that reads one value.
func Decode(from Fragment, read func(*Decoder) error) error {
	d := &Decoder{json: pool.Get().(*jsontext.Decoder), from: from}
	d.json.Reset(bytes.NewBuffer(from.Text))
	defer func() {
		d.json.Reset(bytes.NewBuffer(nil)) // lets go of the text
		pool.Put(d.json)
	}()
	if err := read(d); err != nil {
		return err
	}
	switch _, err := d.json.ReadToken(); err {
	case io.EOF:
		return nil
	default:
		return &Malformed{from.Pointer, "must end after its first JSON value: send one object and nothing else"}
	}
}

// Members says how each member of an object is read into a T. A member that is not
// among them is refused.
type Members[T any] map[string]func(*Decoder, *T) error

// Object reads an object. Names are compared exactly (RFC 8259, section 8.3).
func Object[T any](d *Decoder, members Members[T], into *T) error {
	return Open(d, members, into, func(d *Decoder, name string, _ *T) error { return unknown(d, members, name) })
}

// Open reads an object that may have other members too: rest reads the value of one, whose
// name was just read.
func Open[T any](d *Decoder, members Members[T], into *T, rest func(d *Decoder, name string, into *T) error) error {
	if err := d.open('{'); err != nil {
		return err
	}
	for {
		name, more, err := d.name()
		if err != nil || !more {
			return err
		}
		if read, known := members[name]; known {
			err = read(d, into)
		} else if d.from.Lenient {
			err = over(d, members, name)
		} else {
			err = rest(d, name, into)
		}
		if err != nil {
			return err
		}
	}
}

// over reads over a member that is not known, but for one that is known in another case: "Token"
// would mean nothing here and something to whoever wrote it.
func over[T any](d *Decoder, members Members[T], name string) error {
	for known := range members {
		if strings.EqualFold(known, name) {
			return d.Refuse("must be spelt " + known)
		}
	}
	return d.Over()
}

// Over reads any value and lets go of it. It has to be as valid as one that is kept.
func (d *Decoder) Over() error {
	_, err := d.value()
	return err
}

// NotYet refuses a member whose feature is not built, by its name.
func NotYet[T any](d *Decoder, _ *T) error {
	return d.Refuse("is not supported yet: leave it out")
}

// Refuse returns the error for the member whose name was just read.
func (d *Decoder) Refuse(problem string) error { return &Malformed{d.here(), problem} }

// Text reads a string, which may be empty.
func (d *Decoder) Text(into *string) error {
	t, err := d.token('"')
	if err == nil {
		*into = t.String()
	}
	return err
}

// Filled reads a string that is not empty, and that may be left out.
func (d *Decoder) Filled(into *string) error {
	return d.filled(into, "must not be empty: give it a value or leave it out")
}

func (d *Decoder) filled(into *string, problem string) error {
	if err := d.Text(into); err != nil {
		return err
	}
	if *into == "" {
		return d.Refuse(problem)
	}
	return nil
}

// Free reads an object with any members. It gives a non-nil one.
func (d *Decoder) Free(into *access.Object) error {
	if err := d.open('{'); err != nil {
		return err
	}
	object, err := d.object()
	*into = object
	return err
}

// Value reads any value, as it stands in an [access.Object].
func (d *Decoder) Value(into *any) error {
	v, err := d.value()
	*into = v
	return err
}

// Texts reads an array of strings. It gives a non-nil one.
func (d *Decoder) Texts(into *[]string) error {
	list := []string{}
	err := d.Each(func(int) error {
		var s string
		err := d.Text(&s)
		list = append(list, s)
		return err
	})
	*into = list
	return err
}

// TextLists reads an object whose members are arrays of strings. It gives a non-nil one.
func (d *Decoder) TextLists(into *map[string][]string) error {
	lists := map[string][]string{}
	*into = lists
	if err := d.open('{'); err != nil {
		return err
	}
	for {
		name, more, err := d.name()
		if err != nil || !more {
			return err
		}
		var list []string
		if err := d.Texts(&list); err != nil {
			return err
		}
		lists[name] = list
	}
}

// Each reads an array with a function that reads one element.
func (d *Decoder) Each(read func(i int) error) error {
	if err := d.open('['); err != nil {
		return err
	}
	for i := 0; d.json.PeekKind() != ']'; i++ {
		if err := read(i); err != nil {
			return err
		}
	}
	_, err := d.any()
	return err
}

// Fragment reads any value without looking into it further than that it is JSON, so
// that what is wrong inside it can be told apart from what is wrong around it.
func (d *Decoder) Fragment(into *Fragment) error {
	depth := d.from.Depth + d.json.StackDepth()
	text, err := d.json.ReadValue()
	if err != nil {
		return d.syntax(err)
	}
	*into = Fragment{Text: bytes.Clone(text), Pointer: d.here(), Depth: depth, Lenient: d.from.Lenient}
	return nil
}

// object reads the members of a free object that was opened.
func (d *Decoder) object() (access.Object, error) {
	o := access.Object{}
	for {
		name, more, err := d.name()
		if err != nil || !more {
			return o, err
		}
		if o[name], err = d.value(); err != nil {
			return o, err
		}
	}
}

// list reads the elements of a free array that was opened.
func (d *Decoder) list() ([]any, error) {
	l := []any{}
	for d.json.PeekKind() != ']' {
		v, err := d.value()
		if err != nil {
			return l, err
		}
		l = append(l, v)
	}
	_, err := d.any()
	return l, err
}

// value reads any value of a free object.
func (d *Decoder) value() (any, error) {
	t, err := d.any()
	if err != nil {
		return nil, err
	}
	switch t.Kind() {
	case '{':
		return d.object()
	case '[':
		return d.list()
	case '"':
		return t.String(), nil
	case '0':
		return d.number(t.String())
	case 't', 'f':
		return t.Bool(), nil
	default:
		return nil, nil
	}
}

// The bounds of a number's text. Policies calculate with numbers exactly, and a comparison
// with a million digits takes seconds that no deadline can cut short.
const (
	maxNumber   = 64 // characters
	maxExponent = 3  // digits of the exponent
)

// number refuses what a double cannot hold, because programs that read the same text
// as doubles would see infinity or nothing (RFC 7493, section 2.2), and what is too long
// to calculate with.
func (d *Decoder) number(text string) (json.Number, error) {
	if len(text) > maxNumber {
		return "", d.Refuse(fmt.Sprintf("must be a number of at most %d characters", maxNumber))
	}
	f, err := strconv.ParseFloat(text, 64)
	mantissa, exponent, scaled := strings.Cut(strings.ToLower(text), "e")
	if err != nil || (scaled && len(strings.TrimLeft(exponent, "+-0")) > maxExponent) {
		return "", d.Refuse("must be a number within the range of a double")
	}
	if f == 0 && strings.ContainsAny(mantissa, "123456789") {
		return "", d.Refuse("must be a number that a double can tell from zero")
	}
	return json.Number(text), nil
}

// name reads the next member's name or the end of the object.
func (d *Decoder) name() (name string, more bool, err error) {
	t, err := d.any()
	if err != nil || t.Kind() == '}' {
		return "", false, err
	}
	return t.String(), true, nil
}

// open reads the beginning of an object or array of the wanted kind.
func (d *Decoder) open(want jsontext.Kind) error {
	_, err := d.token(want)
	return err
}

// token reads a token of the wanted kind.
func (d *Decoder) token(want jsontext.Kind) (jsontext.Token, error) {
	t, err := d.any()
	if err == nil && t.Kind() != want {
		err = d.Refuse(fmt.Sprintf("must be %s, not %s", kindNames[want], kindNames[t.Kind()]))
	}
	return t, err
}

// any reads a token of any kind within the allowed depth.
func (d *Decoder) any() (jsontext.Token, error) {
	t, err := d.json.ReadToken()
	if err != nil {
		return t, d.syntax(err)
	}
	if d.from.Depth+d.json.StackDepth() > MaxDepth {
		return t, &Malformed{"", fmt.Sprintf("is nested too deeply: at most %d objects and arrays within one another", MaxDepth)}
	}
	return t, nil
}

var kindNames = map[jsontext.Kind]string{
	'n': "null", 't': "a boolean", 'f': "a boolean", '"': "a string", '0': "a number",
	'{': "an object", '}': "the end of an object", '[': "an array", ']': "the end of an array",
}

// here points at the value or name that was read last.
func (d *Decoder) here() string { return d.from.Pointer + string(d.json.StackPointer()) }

// Offset is where the value or name that was read last ends, in the text of the [Fragment].
func (d *Decoder) Offset() int64 { return d.json.InputOffset() }

// syntax tells a syntactic error in our own words: the library's quote what was sent,
// and that may be a token.
func (d *Decoder) syntax(err error) error {
	at, _ := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &Malformed{"", "ends too early: send one complete JSON object"}
	case at == nil:
		return &Malformed{"", "is empty: send one JSON object"}
	case errors.Is(err, jsontext.ErrDuplicateName):
		return &Malformed{d.from.Pointer + string(at.JSONPointer), "is given twice: names must be unique"}
	}
	return &Malformed{"", fmt.Sprintf("is not valid JSON at byte %d: %s", at.ByteOffset, remedy(d.from.Text, at.ByteOffset))}
}

// unknown refuses a member that is not known and names the one that may be meant.
func unknown[T any](d *Decoder, members Members[T], name string) error {
	if meant := Nearest(members, name); meant != "" {
		return d.Refuse(fmt.Sprintf("is not a known member: did you mean %q?", meant))
	}
	return d.Refuse("is not a known member: leave it out")
}

// Nearest returns the known name that differs from the given one in case or in at most
// two letters, and of several the first in alphabetical order; "" if there is none.
func Nearest[T any](members Members[T], name string) string {
	best, distance := "", 3
	if utf8.RuneCountInString(name) > maxShown {
		return best
	}
	for known := range members {
		d := levenshtein.ComputeDistance(strings.ToLower(name), known)
		if d < len(known) && (d < distance || d == distance && known < best) {
			best, distance = known, d
		}
	}
	return best
}

// maxShown is how long a name may be to be told back to the caller. Tokens are longer.
const maxShown = 32

// shownPointer returns a pointer without names that are too long or not printable.
func shownPointer(pointer string) string {
	names := strings.Split(pointer, "/")
	for i, name := range names {
		if utf8.RuneCountInString(name) > maxShown || strings.ContainsFunc(name, notShown) {
			names[i] = "…"
		}
	}
	return strings.Join(names, "/")
}

func notShown(r rune) bool { return !unicode.IsPrint(r) }
