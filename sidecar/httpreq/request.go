package httpreq

import (
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"stepup/sidecar/access"
)

// Told is a request in the words of the gateway that received it.
type Told struct {
	Method   string
	Scheme   string              // http or https; empty: it was not told
	Host     string              // with the port, if there was one; empty: it was not told
	Target   string              // path and query as in the request line, nothing undone
	ClientIP string              // empty: it was not told
	Headers  map[string][]string // in any case
}

// Unacceptable says which part of a request is not taken, and why. It names no value, so it
// may be told to anybody.
type Unacceptable struct {
	Part    string // "path", "method", …
	Problem string // a clause that follows the part
}

// Error returns part and problem.
func (u *Unacceptable) Error() string { return "the " + u.Part + " " + u.Problem }

// The bounds of what is told.
const (
	maxMethod     = 32
	maxTarget     = 8192
	maxParameters = 128
)

// New returns the request that policies see, with the headers that forward admits. The
// error is an [*Unacceptable]: where gateway and application could read a request
// differently, it is refused.
func New(t Told, forward access.HeaderNames) (*access.HTTPRequest, error) {
	if wrong := wrongMethod(t.Method); wrong != "" {
		return nil, &Unacceptable{"method", wrong}
	}
	if t.Scheme != "" && t.Scheme != "http" && t.Scheme != "https" {
		return nil, &Unacceptable{"scheme", "must be http or https"}
	}
	if wrong := wrongHost(t.Host); wrong != "" {
		return nil, &Unacceptable{"host", wrong}
	}
	if ip, err := netip.ParseAddr(t.ClientIP); t.ClientIP != "" && (err != nil || ip.Zone() != "") {
		return nil, &Unacceptable{"client's address", "must be an IP address without port or zone"}
	}
	path, query, err := splitTarget(t.Target)
	if err != nil {
		return nil, err
	}
	headers := lowerCase(t.Headers)
	return &access.HTTPRequest{
		Method: t.Method, Scheme: t.Scheme, Host: strings.ToLower(t.Host),
		Path: path, Segments: Segments(path), Query: query,
		Headers: admitted(headers, forward), Arrived: slices.Sorted(maps.Keys(headers)),
		ClientIP: t.ClientIP,
	}, nil
}

// wrongMethod takes methods in upper case only: they are compared by case (RFC 9110,
// section 9.1), and applications that do not would take "get" for GET.
func wrongMethod(method string) string {
	if method == "" || len(method) > maxMethod || strings.ContainsFunc(method, func(r rune) bool { return (r < 'A' || r > 'Z') && r != '-' }) {
		return fmt.Sprintf("must be at most %d upper-case letters", maxMethod)
	}
	return ""
}

// wrongHost takes a name or an address with or without a port. What has more in it (a user,
// a path) would be another host to whoever joins it to a URL.
func wrongHost(host string) string {
	if host == "" {
		return ""
	}
	u, err := url.Parse("//" + host)
	if err != nil || u.Host != host || u.Hostname() == "" || strings.ContainsFunc(host, notInHost) {
		return "must be a name or an address, with a port or without"
	}
	return ""
}

func notInHost(r rune) bool {
	letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	return !letter && !strings.ContainsRune("-._:[]", r)
}

// splitTarget parts a request target at its first question mark.
func splitTarget(target string) (path string, query map[string][]string, err error) {
	if len(target) > maxTarget {
		return "", nil, &Unacceptable{"path", fmt.Sprintf("and its query must be at most %d bytes long", maxTarget)}
	}
	path, raw, _ := strings.Cut(target, "?")
	if wrong := WrongPath(path); wrong != "" {
		return "", nil, &Unacceptable{"path", wrong}
	}
	// RFC 3986, section 3.3, leaves parameters of a segment to the application: some cut
	// /payroll;x to /payroll, others do not.
	if strings.Contains(path, ";") {
		return "", nil, &Unacceptable{"path", "must not have a semicolon"}
	}
	query, err = readQuery(raw)
	return path, query, err
}

func readQuery(raw string) (map[string][]string, error) {
	query, err := url.ParseQuery(raw)
	if err != nil || strings.ContainsAny(raw, "#\\") || strings.Count(raw, "&") >= maxParameters {
		return nil, &Unacceptable{"query", fmt.Sprintf("must be at most %d parameters, percent-encoded and parted by &", maxParameters)}
	}
	for name, values := range query {
		for _, text := range append(values, name) {
			if !utf8.ValidString(text) {
				return nil, &Unacceptable{"query", "must be UTF-8"}
			}
		}
	}
	return query, nil
}

func lowerCase(headers map[string][]string) map[string][]string {
	lower := make(map[string][]string, len(headers))
	for name, values := range headers {
		key := strings.ToLower(name)
		lower[key] = append(lower[key], values...)
	}
	return lower
}

func admitted(headers map[string][]string, forward access.HeaderNames) map[string][]string {
	kept := map[string][]string{}
	for name, values := range headers {
		if forward.Admit(name) {
			kept[name] = values
		}
	}
	return kept
}
