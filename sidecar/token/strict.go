package token

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

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
	errTrailing  = errors.New("data after the object")
	errTooDeep   = fmt.Errorf("nested deeper than %d", maxDepth)
	errNumber    = errors.New("a number out of range")
)

// decodeObject reads exactly one JSON object and refuses what two readers could take
// for different things: duplicate names, bytes that are not UTF-8, unpaired surrogates,
// anything after the object (RFC 7515 and RFC 7519, section 4 each; RFC 8725, sections 2.6
// and 3.7). Numbers come as [json.Number].
func decodeObject(data []byte) (access.Object, error) {
	d := jsontext.NewDecoder(bytes.NewReader(data))
	if d.PeekKind() != jsontext.KindBeginObject {
		return nil, errNotObject
	}
	value, err := decodeValue(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.ReadToken(); err != io.EOF {
		return nil, errTrailing
	}
	return value.(access.Object), nil
}

func decodeValue(d *jsontext.Decoder) (any, error) {
	t, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	if d.StackDepth() > maxDepth {
		return nil, errTooDeep
	}
	switch t.Kind() {
	case jsontext.KindBeginObject:
		return decodeMembers(d)
	case jsontext.KindBeginArray:
		return decodeElements(d)
	case jsontext.KindString:
		return t.String(), nil
	case jsontext.KindNumber:
		return decodeNumber(t.String())
	case jsontext.KindTrue, jsontext.KindFalse:
		return t.Bool(), nil
	default:
		return nil, nil // the one kind left is null
	}
}

func decodeMembers(d *jsontext.Decoder) (access.Object, error) {
	o := access.Object{}
	for d.PeekKind() != jsontext.KindEndObject {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		key := name.String() // the token is void after the next read
		if o[key], err = decodeValue(d); err != nil {
			return nil, err
		}
	}
	_, err := d.ReadToken()
	return o, err
}

func decodeElements(d *jsontext.Decoder) ([]any, error) {
	list := []any{}
	for d.PeekKind() != jsontext.KindEndArray {
		v, err := decodeValue(d)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := d.ReadToken()
	return list, err
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
