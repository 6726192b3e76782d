package protocol_test

import (
	"strings"
	"testing"

	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
)

// What is not JSON is told by place and remedy, and nothing of a token is told.
func TestDecodeTellsSyntax(t *testing.T) {
	const token = "eyJhbGciOiJub25lIn0"
	for _, row := range []struct{ name, body, want string }{
		{"comma before a brace", `{"action":{"name":"x"},}`, `at byte 22: a comma before '}': leave it out`},
		{"comma before a bracket", `{"a":[1 , ]}`, `at byte 8: a comma before ']'`},
		{"comma at the beginning", `{,"a":1}`, `at byte 1: unexpected ','`},
		{"two commas", `{"a":1,,"b":2}`, `at byte 7: unexpected ','`},
		{"no comma", `{"a":1 "b":2}`, `at byte 7: unexpected '"': a comma or a colon is missing`},
		{"no colon", `{"a" {"b":1}}`, `at byte 5: unexpected '{': a comma or a colon is missing`},
		{"no value", `{"a":}`, `at byte 5: unexpected '}'`},
		{"equals sign", `{"a"=1}`, `at byte 4: unexpected '='`},
		{"wrong bracket", `{"a":[1}}`, `at byte 7: unexpected '}'`},
		{"single quotes around a name", `{'` + token + `':1}`, `at byte 1: names and texts need double quotes`},
		{"single quotes around a text", `{"a":'` + token + `'}`, `at byte 5: names and texts need double quotes`},
		{"name without quotes", `{` + token + `:1}`, `at byte 1: names need double quotes`},
		{"second name without quotes", `{"a":{"b":"}"},` + token + `:1}`, `at byte 15: names need double quotes`},
		{"number for a name", `{1:2}`, `at byte 1: names need double quotes`},
		{"text without quotes", `{"a":` + token + `}`, `at byte 5: expected a text in double quotes`},
		{"text without quotes in a list", `{"a":["\"", ` + token + `]}`, `at byte 12: expected a text in double quotes`},
		{"comment", `{"a":1/*` + token + `*/}`, `at byte 6: JSON has no comments`},
		{"line break in a text", "{\"a\":\"x\n\"}", `at byte 7: a control character within quotes`},
		{"unknown escape", `{"a":"x\x41"}`, `at byte 7: an escape that JSON does not know`},
		{"lone surrogate", `{"a":"\ud800` + token + `"}`, `at byte 6: an escape that JSON does not know, or half of a surrogate pair`},
		{"invalid UTF-8", "{\"a\":\"x\xff\"}", `at byte 7: send UTF-8`},
		{"byte order mark", "\ufeff{}", `at byte 0: send UTF-8 as in RFC 8259, without a byte order mark`},
		{"UTF-16", "{\x00}\x00", `at byte 1: send UTF-8`},
	} {
		t.Run(row.name, func(t *testing.T) {
			var into access.Object
			err := protocol.Decode(protocol.Fragment{Text: []byte(row.body)}, func(d *protocol.Decoder) error { return d.Free(&into) })
			if err == nil || !strings.Contains(err.Error(), "the body is not valid JSON "+row.want) || strings.Contains(err.Error(), "eyJ") {
				t.Errorf("Decode(%q): %v, want %q and no token", row.body, err, row.want)
			}
		})
	}
}
