package protocol

import (
	"bytes"
	"fmt"
	"strings"
)

// remedy says what is wrong with a JSON text at the byte where reading stopped, and what to
// do. It tells nothing that was sent but punctuation, because the rest may be a token. What
// stands before that byte is valid.
func remedy(text []byte, at int64) string {
	if at < 0 || at >= int64(len(text)) {
		return "send JSON as in RFC 8259"
	}
	before, c, after := text[:at], text[at], bytes.TrimLeft(text[at+1:], " \t\r\n")
	where := placeAfter(before)
	switch {
	case where.quoted:
		return quotedRemedy(c)
	case c < ' ' || c > '~':
		return "send UTF-8 as in RFC 8259, without a byte order mark"
	case c == '\'':
		return "names and texts need double quotes"
	case c == ',' && len(after) > 0 && (after[0] == '}' || after[0] == ']'):
		return fmt.Sprintf("a comma before %q: leave it out", after[0])
	case c == '/' && len(after) > 0 && (after[0] == '/' || after[0] == '*'):
		return "JSON has no comments: leave them out"
	case where.name && !strings.ContainsRune(",}]", rune(c)):
		return "names need double quotes"
	case strings.ContainsRune("\"{[", rune(c)):
		return fmt.Sprintf("unexpected %q: a comma or a colon is missing before it", c)
	case strings.ContainsRune("}],:=;", rune(c)):
		return fmt.Sprintf("unexpected %q", c)
	}
	return "expected a text in double quotes, a number, an object, an array, true, false or null"
}

func quotedRemedy(c byte) string {
	switch {
	case c == '\\':
		return "an escape that JSON does not know, or half of a surrogate pair"
	case c < ' ':
		return `a control character within quotes: write it as an escape, such as \n`
	}
	return "send UTF-8 as in RFC 8259, without lone surrogates"
}

// A syntaxPlace is where a JSON text goes on.
type syntaxPlace struct {
	quoted bool // within a name or text
	name   bool // a name comes next
}

// placeAfter reads what is valid so far.
func placeAfter(text []byte) syntaxPlace {
	var open []byte // objects and arrays around, outermost first
	var last byte   // the last byte outside quotes that is no space
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted, last = !quoted, c
		case quoted || strings.IndexByte(" \t\r\n", c) >= 0:
		default:
			last = c
			if c == '{' || c == '[' {
				open = append(open, c)
			} else if (c == '}' || c == ']') && len(open) > 0 {
				open = open[:len(open)-1]
			}
		}
	}
	inObject := len(open) > 0 && open[len(open)-1] == '{'
	return syntaxPlace{quoted: quoted, name: inObject && (last == '{' || last == ',')}
}
