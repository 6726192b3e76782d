package navigation

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"stepup/sidecar/access"
	"stepup/sidecar/httpreq"
)

// ReturnTo is the parameter that holds the address to come back to.
const ReturnTo = "return_to"

// maxLocation is how long an address may be that a browser is sent to. Proxies keep a buffer
// for the head of an answer; one that is too long for it would read as a fault.
const maxLocation = 4096

// Config says where browsers sign in. All empty: nowhere.
type Config struct {
	// Origin is where browsers reach the application: https://host, with a port or without.
	Origin string
	// LoginURL is where to sign in, an absolute URL that may have a query. It is an application,
	// not a provider: it makes the authorization request.
	LoginURL string
	// ReturnTo lists the paths that a browser may be sent back to, and so from: "/employees", or
	// "/reports/*" for all below.
	ReturnTo []string
}

// A SignIn sends browsers to a login. It is safe for concurrent use. A nil one sends nobody.
type SignIn struct {
	origin   *url.URL
	login    *url.URL
	returnTo []string
}

// asked are the parameters that a step-up may set. All others are the login's alone.
var asked = []string{"acr_values", "claims", "max_age", "prompt", "scope"}

// New returns a SignIn; nil for the zero Config. It takes no origin with more than scheme and
// host, and no address whose parts a browser and we could read differently.
func New(c Config) (*SignIn, error) {
	if c.Origin == "" && c.LoginURL == "" && len(c.ReturnTo) == 0 {
		return nil, nil
	}
	origin, err := parse(c.Origin)
	if err != nil {
		return nil, fmt.Errorf("origin %w", err)
	}
	if origin.Path != "" || origin.RawQuery != "" || origin.ForceQuery {
		return nil, errors.New("origin has more than scheme and host")
	}
	login, err := parse(c.LoginURL)
	if err != nil {
		return nil, fmt.Errorf("login_url %w", err)
	}
	for name := range login.Query() {
		if name == ReturnTo || slices.Contains(asked, name) {
			return nil, fmt.Errorf("login_url has the parameter %s, which a step-up sets", name)
		}
	}
	if len(c.ReturnTo) == 0 {
		return nil, errors.New("return_to lists no path")
	}
	for _, pattern := range c.ReturnTo {
		if wrong := httpreq.WrongPath(strings.TrimSuffix(pattern, "*")); wrong != "" {
			return nil, fmt.Errorf("return_to: %q %s", pattern, wrong)
		}
	}
	return &SignIn{origin: origin, login: login, returnTo: slices.Clone(c.ReturnTo)}, nil
}

// parse reads an absolute URL of the web.
func parse(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }):
		return nil, errors.New("is not a URL")
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.Opaque != "":
		return nil, errors.New("is not an absolute URL")
	case u.User != nil || u.Fragment != "" || strings.Contains(address, "#"):
		return nil, errors.New("has a user or a fragment")
	}
	return u, nil
}

// A Trip is how a browser is sent to a login: with 302 to an address.
type Trip struct {
	// Location is where to; empty: nowhere, and the answer is the 401 that everybody gets.
	Location string
	// Cookie remembers it, a value of Set-Cookie; empty: none.
	Cookie string
}

// Send returns where the browser behind a refused request is to be sent. It is the zero value for
// whatever is no navigation, for what no login mends, for paths that are not listed, and for a
// browser that was sent often enough.
func (s *SignIn) Send(v Visit, d access.Decision) Trip {
	if s == nil || !mendable(d) || !v.navigates() {
		return Trip{}
	}
	back, path, ok := s.comeBack(v)
	if !ok {
		return Trip{}
	}
	location := s.location(back, d.StepUp)
	if len(location) > maxLocation {
		return Trip{}
	}
	before := readSent(v, s.cookieName())
	if before.times(path) >= maxTimes {
		return Trip{Cookie: s.cookie(before.without(path))}
	}
	return Trip{Location: location, Cookie: s.cookie(before.with(path))}
}

// mendable reports whether a login could help: nobody is signed in, by a token that does not hold,
// or not strongly enough.
func mendable(d access.Decision) bool {
	return (d.Outcome == access.StepUp || d.Outcome == access.Deny) && d.Status() == http.StatusUnauthorized
}

// comeBack returns the address of the page that was gone to, at the configured origin, and its
// path; false where nobody is to be sent back.
func (s *SignIn) comeBack(v Visit) (address, path string, ok bool) {
	path, query, _ := strings.Cut(v.Target, "?")
	// It was held to this already. An address that a browser is sent to is worth a second look.
	if httpreq.WrongPath(path) != "" || !s.lists(path) || !s.ours(v.Host) || s.isLogin(path) {
		return "", "", false
	}
	address = s.origin.Scheme + "://" + s.origin.Host + path
	if query != "" {
		address += "?" + escaped(query)
	}
	return address, path, true
}

func (s *SignIn) lists(path string) bool {
	return slices.ContainsFunc(s.returnTo, func(pattern string) bool {
		prefix, below := strings.CutSuffix(pattern, "*")
		return path == pattern || below && strings.HasPrefix(path, prefix)
	})
}

// ours reports whether a request was for the host of the origin: another's page would be come
// back to here, where it is not. Ports are not compared; proxies tell them or do not.
func (s *SignIn) ours(host string) bool {
	u, err := url.Parse("//" + host)
	return err == nil && strings.EqualFold(u.Hostname(), s.origin.Hostname())
}

// isLogin reports whether a path is that of the login itself, which would be sent to itself.
func (s *SignIn) isLogin(path string) bool {
	return strings.EqualFold(s.login.Host, s.origin.Host) && s.login.EscapedPath() == path
}

// location is the address of the login with what it is to ask for and where to return to.
func (s *SignIn) location(back string, advice *access.StepUpAdvice) string {
	query := url.Values{ReturnTo: {back}}
	if advice != nil {
		for _, name := range asked {
			if value, there := advice.AuthorizationRequest[name]; there {
				query.Set(name, value)
			}
		}
	}
	login := *s.login
	if login.RawQuery != "" {
		login.RawQuery += "&"
	}
	login.RawQuery += query.Encode()
	return login.String()
}

// escaped is a query with everything escaped that RFC 3986, section 3.4, has no place for.
// Browsers send some of it as it is ([, |), and it means the same.
func escaped(query string) string {
	var b strings.Builder
	for i := range len(query) {
		if c := query[i]; inQuery(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func inQuery(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		strings.IndexByte("-._~!$&'()*+,;=:@/?%", c) >= 0
}
