package native

import (
	"slices"
	"strconv"
	"strings"
)

// wrongPath says why a path is not canonical, or nothing. There must be one way only to
// write it (RFC 3986, section 6.2.2), or a rule about /payroll would not see /%70ayroll.
func wrongPath(path string) string {
	switch segments := segmentsOf(path); {
	case !strings.HasPrefix(path, "/"):
		return "must begin with a slash"
	case strings.ContainsFunc(path, notInPath):
		return "must be a path alone, without query, fragment, backslash or control characters"
	case slices.Contains(segments, "."), slices.Contains(segments, ".."):
		return "must not have the segments . and .."
	case strings.Contains(path, "//"):
		return "must not have empty segments"
	case !canonicalEscapes(path):
		return "must be percent-encoded as in RFC 3986, and only where that is needed"
	}
	return ""
}

func notInPath(r rune) bool {
	return r < ' ' || r == 0x7f || r == '?' || r == '#' || r == '\\'
}

// segmentsOf returns what stands between the slashes of a path; "/" has none.
func segmentsOf(path string) []string {
	if path == "" || path == "/" {
		return []string{}
	}
	return strings.Split(path[1:], "/")
}

// canonicalEscapes reports whether every percent sign begins an escape that is needed
// and safe.
func canonicalEscapes(path string) bool {
	for {
		_, after, found := strings.Cut(path, "%")
		if !found {
			return true
		}
		if !neededEscape(after) {
			return false
		}
		path = after[2:]
	}
}

// neededEscape looks at what follows a percent sign. Refused are unreserved characters
// (RFC 3986, section 2.3), for those have a plain form; slashes, backslashes and
// controls, which programs treat differently; and a second layer of encoding.
func neededEscape(after string) bool {
	if len(after) < 2 {
		return false
	}
	n, err := strconv.ParseUint(after[:2], 16, 8)
	b := byte(n)
	return err == nil && b >= ' ' && b != 0x7f && b != '/' && b != '\\' && !isUnreserved(b) &&
		(b != '%' || !isHexPair(after[2:]))
}

func isHexPair(s string) bool {
	if len(s) < 2 {
		return false
	}
	_, err := strconv.ParseUint(s[:2], 16, 8)
	return err == nil
}

func isUnreserved(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || strings.IndexByte("-._~", b) >= 0
}
