package token

import (
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"stepup/sidecar/access"
)

// FuzzDecodeObject holds the decoder to a plain one, which takes token after token and keeps
// nothing. Texts are read one after another, so that what one leaves must not be seen by the next.
func FuzzDecodeObject(f *testing.F) {
	for _, text := range []string{
		`{}`, `{"a":{"b":[1,"c",[true,false,null,{}],[]]},"d":""}`, ` { "a" : [ 1e5 , -0.5 ] } `, `{"\u0061":"\ud83d\ude00\n","é":"ſ"}`,
		`{"a":1,"\u0061":2}`, `{"a":{"b":1},"b":{"b":1,"b":2}}`, `{"a":"\ud800"}`, "{\"a\":\"\xff\"}", `{"a":1e999}`, `{"a":1}{}`, `{"a":1,}`, `{1:2}`,
		`{{}:1}`, `{[[[]]]:1}`, `{null:1}`, `{"a"}`, `{"a":}`, `[1]`, `"a"`, `1`, ``, `{`, `{"a":[`, `{"a":"`, `{"a":1`, `{"a":12345678901234567890123456789012345678901234567890123456789012345}`,
		`{"x":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`, `{"x":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`,
		`{"x":` + strings.Repeat(`{"a":`, 33) + `1` + strings.Repeat("}", 33) + `}`, `{"x":[` + strings.Repeat(`"a",`, 300) + `"b"]}`,
	} {
		f.Add(text, `{"a":"b"}`)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		for _, data := range []string{first, second, first} {
			got, err := decodeObject(data)
			if want, wrong := decodePlainly(data); kindOfError(err) != kindOfError(wrong) || !reflect.DeepEqual(got, want) {
				t.Errorf("decodeObject(%q) = %v, %v, want %v, %v", data, got, err, want, wrong)
			}
		}
	})
}

// kindOfError is what [decodePart] makes of an error.
func kindOfError(err error) string {
	switch err {
	case nil:
		return "none"
	case errNumber:
		return "a number"
	}
	return "malformed"
}

func decodePlainly(data string) (access.Object, error) {
	d := jsontext.NewDecoder(strings.NewReader(data))
	if d.PeekKind() != jsontext.KindBeginObject {
		return nil, errNotObject
	}
	v, err := plainValue(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.ReadToken(); err != io.EOF {
		return nil, errTrailing
	}
	return v.(access.Object), nil
}

func plainValue(d *jsontext.Decoder) (any, error) {
	t, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	if d.StackDepth() > maxDepth {
		return nil, errTooDeep
	}
	switch t.Kind() {
	case jsontext.KindBeginObject:
		o := access.Object{}
		for d.PeekKind() != jsontext.KindEndObject {
			name, err := d.ReadToken()
			if err != nil {
				return nil, err
			}
			key := name.String() // the token is void after the next read
			if o[key], err = plainValue(d); err != nil {
				return nil, err
			}
		}
		_, err := d.ReadToken()
		return o, err
	case jsontext.KindBeginArray:
		list := []any{}
		for d.PeekKind() != jsontext.KindEndArray {
			v, err := plainValue(d)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.ReadToken()
		return list, err
	case jsontext.KindString:
		return t.String(), nil
	case jsontext.KindNumber:
		return decodeNumber(t.String())
	case jsontext.KindTrue, jsontext.KindFalse:
		return t.Bool(), nil
	}
	return nil, nil
}

// FuzzLookAlike holds the names that are refused to what Unicode folds.
func FuzzLookAlike(f *testing.F) {
	for _, name := range []string{"iss", "ISS", "isſ", "iſs", "\u212aid", "KID", "Client_ID", "client_id", "clientId", "", "é", "Exp", "exp ", "\xff"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		want := ""
		for _, ours := range verificationNames {
			if name != ours && strings.EqualFold(name, ours) {
				want = ours
			}
		}
		if got, like := lookAlike(name); got != want || like != (want != "") {
			t.Errorf("lookAlike(%q) = %q, %t, want %q", name, got, like, want)
		}
	})
}

// TestOfToken: the bytes that a token may have are those of base64url, and dots.
func TestOfToken(t *testing.T) {
	for c := range 256 {
		_, wrong := canonical.DecodeString(strings.Repeat(string([]byte{byte(c)}), 4))
		line := c == '\r' || c == '\n' // which the decoder skips
		if want := c == '.' || wrong == nil && !line; ofToken[c] != want {
			t.Errorf("ofToken[%q] = %t, want %t", rune(c), ofToken[c], want)
		}
	}
}
