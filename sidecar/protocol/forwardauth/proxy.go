package forwardauth

import (
	"net/http"
	"strings"
)

// A Proxy is a kind of proxy: where it tells the request, and how it is refused.
type Proxy struct {
	// Name is that of the door: in its path, in the record and in callers.
	Name string

	method, target string // headers; empty: the check itself has the method and the target
	malformed      int    // the status of a request that is not taken
	fault          int    // the status where nothing could be decided
	sent           int    // the status by which a browser is sent to sign in, with Location
}

// Proxies returns all kinds.
func Proxies() []Proxy {
	return []Proxy{
		// nginx turns all but 401 and 403 into 500, so that a 400 would read as a fault.
		// A 302 would be one too: its configuration makes a redirect of a 401 with a Location.
		{"nginx", "X-Original-Method", "X-Original-Uri", http.StatusForbidden, http.StatusInternalServerError, http.StatusUnauthorized},
		{"traefik", "X-Forwarded-Method", "X-Forwarded-Uri", http.StatusBadRequest, http.StatusServiceUnavailable, http.StatusFound},
		{"caddy", "X-Forwarded-Method", "X-Forwarded-Uri", http.StatusBadRequest, http.StatusServiceUnavailable, http.StatusFound},
		{"haproxy", "X-Forwarded-Method", "X-Forwarded-Uri", http.StatusBadRequest, http.StatusServiceUnavailable, http.StatusFound},
		{"envoy", "", "", http.StatusBadRequest, http.StatusServiceUnavailable, http.StatusFound},
	}
}

// The headers that every family has.
const (
	hostHeader   = "X-Forwarded-Host"
	schemeHeader = "X-Forwarded-Proto"
	clientHeader = "X-Forwarded-For"
)

// Prefix is what the paths of a door begin with.
func (p Proxy) Prefix() string { return "/gw/" + p.Name }

// ofItsOwn says that the check has the method and the target of the request (Envoy).
func (p Proxy) ofItsOwn() bool { return p.method == "" }

// trusted are the names that a request is told by.
func (p Proxy) trusted() []string {
	names := []string{schemeHeader, clientHeader}
	if !p.ofItsOwn() {
		names = append(names, p.method, p.target, hostHeader)
	}
	return names
}

// dashed writes a name as programs do that know no _ and . in the names of headers.
func dashed(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '.' {
			return '-'
		}
		return r
	}, strings.ToLower(name))
}
