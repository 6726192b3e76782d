package client

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// asked are the parameters that a step-up may set. All others, such as redirect_uri and
// state, are the application's alone.
var asked = []string{"acr_values", "claims", "max_age", "prompt"}

// MergeAuthorization returns an application's authorization request with what a step-up
// asks for: scopes are joined, acr_values, claims, max_age and prompt are the step-up's.
// Parameters of the application's own that a step-up does not name stay as they are.
func MergeAuthorization(own url.Values, request map[string]string) url.Values {
	merged := maps.Clone(own)
	if merged == nil {
		merged = url.Values{}
	}
	for _, name := range asked {
		if value, there := request[name]; there {
			merged.Set(name, value)
		}
	}
	// Some providers refuse the parameters of OpenID Connect without the scope openid.
	if scope := joined("openid", own.Get("scope"), request["scope"]); scope != "" {
		merged.Set("scope", scope)
	}
	return merged
}

// joined returns the words of all texts, each once, in order.
func joined(texts ...string) string {
	var words []string
	for _, word := range strings.Split(strings.Join(texts, " "), " ") {
		if word != "" && !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

// LocalPath returns a path with its query, if that is a place on this site: it begins with
// one slash and has nothing in it by which a browser could take it for another host. Use
// it on every return address that comes from outside.
func LocalPath(path string) (string, bool) {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsFunc(path, strange) {
		return "", false
	}
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" {
		return "", false
	}
	return path, true
}

// strange reports characters that browsers drop or take for a slash.
func strange(r rune) bool { return r <= ' ' || r == '\\' || r == 0x7f || r > 0x7e }
