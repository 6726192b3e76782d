package httpreq

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// WrongPath says why a path is not canonical, a clause such as "must begin with a slash"; empty
// if it is. There must be one way only to
// write it, or a rule about /payroll would not see /%70ayroll. RFC 3986, section 6.2.2,
// leaves several where an escape stands for a character that a segment may have plainly
// (%21 and !); since most programs read those alike, only the plain one is taken.
func WrongPath(path string) string {
	switch segments := Segments(path); {
	case !strings.HasPrefix(path, "/"):
		return "must begin with a slash"
	case strings.ContainsFunc(path, notInPath):
		return "must be a path alone, without query, fragment, backslash or control characters"
	case slices.Contains(segments, "."), slices.Contains(segments, ".."):
		return "must not have the segments . and .."
	case strings.Contains(path, "//"):
		return "must not have empty segments"
	case !canonicalEscapes(path):
		return "must be percent-encoded as in RFC 3986, only where that is needed, with upper-case hexadecimal digits"
	}
	return ""
}

func notInPath(r rune) bool {
	return r < ' ' || r == 0x7f || r == '?' || r == '#' || r == '\\'
}

// Segments returns what stands between the slashes of a path; "/" and an empty path have none.
// It is never nil.
func Segments(path string) []string {
	if path == "" || path == "/" {
		return []string{}
	}
	return strings.Split(path[1:], "/")
}

// canonicalEscapes reports whether everything is escaped that must be, and nothing else,
// and whether what is escaped is UTF-8: an overlong form of a slash is none to us and may
// be one to others.
func canonicalEscapes(path string) bool {
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '/' || isPlain(c):
		case c == '%' && neededEscape(path[i+1:]):
			i += 2
		default:
			return false
		}
	}
	decoded, err := url.PathUnescape(path)
	return err == nil && utf8.ValidString(decoded)
}

// neededEscape looks at what follows a percent sign. Refused are characters that have a
// plain form; slashes, backslashes and controls, which programs treat differently; and a
// second layer of encoding. Digits are in upper case (RFC 3986, section 2.1).
func neededEscape(after string) bool {
	if !isHexPair(after) || strings.ContainsAny(after[:2], "abcdef") {
		return false
	}
	b := unhex(after[0])<<4 | unhex(after[1])
	return b >= ' ' && b != 0x7f && b != '/' && b != '\\' && !isPlain(b) &&
		(b != '%' || !isHexPair(after[2:]))
}

const hexDigits = "0123456789abcdef"

func unhex(c byte) byte { return byte(strings.IndexByte(hexDigits, c|0x20)) }

func isHexPair(s string) bool {
	return len(s) >= 2 && isHex(s[0]) && isHex(s[1])
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'F' || 'a' <= c && c <= 'f'
}

// isPlain reports whether a segment may have a character as it is: unreserved, sub-delims,
// colon and at sign (RFC 3986, section 3.3, pchar).
func isPlain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		strings.IndexByte("-._~!$&'()*+,;=:@", c) >= 0
}
