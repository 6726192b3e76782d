package client

import (
	"net/http"
	"strconv"
	"strings"
)

// navigates reports whether a person looks at the answer of a request: a browser that goes
// to a page, or posts a form to it. A script gets no redirect to a provider, for it could
// not show a page to sign in. Browsers say which it is (Fetch Metadata); where one does
// not, it is by what it prefers to get.
func navigates(r *http.Request) bool {
	h := r.Header
	if h.Get("Upgrade") != "" || h.Get("X-Requested-With") != "" || strings.Contains(h.Get("Sec-Purpose"), "prefetch") {
		return false
	}
	mode, dest := h.Get("Sec-Fetch-Mode"), h.Get("Sec-Fetch-Dest")
	if mode != "" || dest != "" {
		return mode == "navigate" && dest == "document"
	}
	return prefersHTML(h.Values("Accept"))
}

// reads reports whether a request only looks.
func reads(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

// prefersHTML reports whether text/html is named and nothing named is preferred to it
// (RFC 9110, section 12.5.1).
func prefersHTML(accept []string) bool {
	html, other := 0.0, 0.0
	for _, item := range strings.Split(strings.Join(accept, ","), ",") {
		mediaType, q := weighed(item)
		switch {
		case mediaType == "text/html":
			html = q
		case mediaType != "application/xhtml+xml":
			other = max(other, q)
		}
	}
	return html > 0 && html >= other
}

// weighed returns a media range and its weight; one that is not a number weighs nothing.
func weighed(item string) (mediaType string, q float64) {
	parts := strings.Split(item, ";")
	q = 1
	for _, parameter := range parts[1:] {
		if name, value, _ := strings.Cut(strings.TrimSpace(parameter), "="); strings.EqualFold(name, "q") {
			var err error
			if q, err = strconv.ParseFloat(value, 64); err != nil {
				q = 0
			}
		}
	}
	return strings.ToLower(strings.TrimSpace(parts[0])), q
}
