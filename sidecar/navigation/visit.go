package navigation

import (
	"net/http"
	"strconv"
	"strings"
)

// A Visit is a refused request, as its proxy tells it.
type Visit struct {
	Method string
	Host   string // with a port or without
	Target string // path and query as in the request line
	// Header has the request's fields, their names in any case.
	Header map[string][]string
}

// fields returns all values of a field.
func (v Visit) fields(name string) []string {
	var all []string
	for key, values := range v.Header {
		if strings.EqualFold(key, name) {
			all = append(all, values...)
		}
	}
	return all
}

// notOfPages are fields that no browser sends when it goes to a page by itself: a connection that
// becomes another, a script that says so, a fetch across origins.
var notOfPages = []string{"Upgrade", "Sec-Websocket-Key", "X-Requested-With", "Origin"}

// navigates reports whether a person looks at the answer: a browser goes to a page. Browsers say
// which it is (Fetch Metadata, which scripts cannot set); where one does not, it is by what it
// prefers to get. What is said twice is not said.
func (v Visit) navigates() bool {
	if v.Method != http.MethodGet && v.Method != http.MethodHead {
		return false
	}
	for _, name := range notOfPages {
		if len(v.fields(name)) > 0 {
			return false
		}
	}
	if strings.Contains(strings.Join(v.fields("Sec-Purpose"), ","), "prefetch") {
		return false
	}
	mode, dest := v.fields("Sec-Fetch-Mode"), v.fields("Sec-Fetch-Dest")
	if len(mode)+len(dest) > 0 {
		return is(mode, "navigate") && is(dest, "document")
	}
	return prefersHTML(v.fields("Accept"))
}

func is(values []string, word string) bool { return len(values) == 1 && values[0] == word }

// prefersHTML reports whether text/html is named and nothing named is preferred to it
// (RFC 9110, section 12.5.1).
func prefersHTML(accept []string) bool {
	html, other := 0.0, 0.0
	for item := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		switch mediaType, q := weighed(item); mediaType {
		case "text/html":
			html = q
		case "application/xhtml+xml":
		default:
			other = max(other, q)
		}
	}
	return html > 0 && html >= other
}

// weighed returns a media range and its weight; one that is no weight weighs nothing.
func weighed(item string) (mediaType string, q float64) {
	mediaType, parameters, _ := strings.Cut(item, ";")
	q = 1
	for parameter := range strings.SplitSeq(parameters, ";") {
		if name, value, _ := strings.Cut(strings.TrimSpace(parameter), "="); strings.EqualFold(name, "q") {
			q = weight(value)
		}
	}
	return strings.ToLower(strings.TrimSpace(mediaType)), q
}

func weight(value string) float64 {
	if q, err := strconv.ParseFloat(value, 64); err == nil && 0 <= q && q <= 1 {
		return q
	}
	return 0
}
