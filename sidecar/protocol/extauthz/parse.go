package extauthz

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"stepup/sidecar/access"
	"stepup/sidecar/httpreq"
	"stepup/sidecar/navigation"
	"stepup/sidecar/protocol"
)

// Name is the door's name in the record and in callers.
const Name = "envoy"

// The keys of context_extensions by which an operator chooses, for a route, what is asked.
const (
	extensionPrefix       = "stepup."
	actionExtension       = "stepup.action"
	resourceTypeExtension = "stepup.resource.type"
	resourceIDExtension   = "stepup.resource.id"
)

// authorization is the header that has the user's token.
const authorization = "authorization"

// maxText is how long a method, a path or a value of context_extensions may be.
const maxText = 8192

// Malformed requests are the user's or Envoy's. Their text is told to the user, so it never
// repeats what was sent.
func malformed(problem string) error { return &protocol.Malformed{Problem: problem} }

// parse reads a request. Errors are [*protocol.Malformed], and others where the
// operator's own configuration is wrong.
func (d *Door) parse(r *authv3.CheckRequest) (access.Request, error) {
	http := r.GetAttributes().GetRequest().GetHttp()
	if http == nil {
		return access.Request{}, malformed("must be a CheckRequest with attributes.request.http")
	}
	headers, err := readHeaders(http)
	if err != nil {
		return access.Request{}, err
	}
	token, err := httpreq.Bearer(headers[authorization])
	if err != nil {
		return access.Request{}, unacceptable(err)
	}
	described, err := d.describe(http, headers, clientIP(r.GetAttributes().GetSource()))
	if err != nil {
		return access.Request{}, err
	}
	resource, listed := d.cfg.Routes.Resource(described.Method, described.Path)
	request := access.Request{
		Door: Name, Credential: access.NewCredential(token),
		Action: access.Action{Name: described.Method}, Resource: resource, HTTP: described,
	}
	chosen, err := choose(&request, r.GetAttributes().GetContextExtensions())
	request.Unlisted = !listed && !chosen
	return request, err
}

// describe reads everything but the body, as any gateway's request is read.
func (d *Door) describe(http *authv3.AttributeContext_HttpRequest, headers map[string][]string, client string) (*access.HTTPRequest, error) {
	if http.GetQuery() != "" || http.GetFragment() != "" {
		return nil, malformed("must tell the query in the path, as Envoy does")
	}
	described, err := httpreq.New(httpreq.Told{
		Method: http.GetMethod(), Scheme: http.GetScheme(), Host: http.GetHost(), Target: http.GetPath(),
		ClientIP: client, Headers: headers,
	}, d.cfg.Forward)
	if err != nil {
		return nil, unacceptable(err)
	}
	return described, nil
}

// unacceptable tells what of the user's request is not taken.
func unacceptable(err error) error { return malformed("is not taken: " + err.Error()) }

// readHeaders returns the headers by lower-case name, from either of the two forms that
// Envoy has for them. Pseudo headers are among them; they must say what the attributes say,
// and are then left out.
func readHeaders(http *authv3.AttributeContext_HttpRequest) (map[string][]string, error) {
	raw := http.GetHeaderMap().GetHeaders()
	if len(raw) > 0 && len(http.GetHeaders()) > 0 {
		return nil, malformed("must have its headers in headers or in header_map, not in both")
	}
	headers := map[string][]string{}
	for _, h := range raw {
		value, err := rawValue(h)
		if err != nil {
			return nil, err
		}
		if err := addHeader(http, headers, h.GetKey(), value); err != nil {
			return nil, err
		}
	}
	for name, value := range http.GetHeaders() {
		if _, twice := headers[strings.ToLower(name)]; twice {
			return nil, malformed("must not have two headers whose names differ in case only")
		}
		if err := addHeader(http, headers, name, value); err != nil {
			return nil, err
		}
	}
	return headers, nil
}

// visit is the request as a browser may have made it. It was parsed without an error.
func visit(r *authv3.CheckRequest) navigation.Visit {
	http := r.GetAttributes().GetRequest().GetHttp()
	headers, err := readHeaders(http)
	if err != nil {
		return navigation.Visit{} // no navigation
	}
	return navigation.Visit{Method: http.GetMethod(), Host: http.GetHost(), Target: http.GetPath(), Header: headers}
}

func rawValue(h *corev3.HeaderValue) (string, error) {
	if twoValued(h) {
		return "", malformed("must have one value for each entry of header_map")
	}
	return h.GetValue() + string(h.GetRawValue()), nil
}

func addHeader(http *authv3.AttributeContext_HttpRequest, headers map[string][]string, name, value string) error {
	name = strings.ToLower(name)
	if strings.HasPrefix(name, ":") {
		return checkPseudo(http, name, value)
	}
	if !isToken(name) {
		return malformed("must have headers whose names are tokens (RFC 9110, section 5.6.2)")
	}
	headers[name] = append(headers[name], strings.ToValidUTF8(value, "\uFFFD"))
	return nil
}

// checkPseudo holds a pseudo header to the attribute made of it. Two that differ are two
// requests.
func checkPseudo(http *authv3.AttributeContext_HttpRequest, name, value string) error {
	attribute := value
	switch name {
	case ":method":
		attribute = http.GetMethod()
	case ":path":
		attribute = http.GetPath()
	case ":authority":
		attribute = http.GetHost()
	case ":scheme":
		attribute = http.GetScheme()
	}
	if attribute != value {
		return malformed("must have pseudo headers that say what its attributes say")
	}
	return nil
}

// isToken reports whether s is a token (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	return s != "" && len(s) <= maxText && !strings.ContainsFunc(s, func(r rune) bool {
		return !isAlphanumeric(r) && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}

func isAlphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

// clientIP returns the address that Envoy takes for its client's; empty where it is none,
// as behind a pipe.
func clientIP(peer *authv3.AttributeContext_Peer) string {
	ip, err := netip.ParseAddr(peer.GetAddress().GetSocketAddress().GetAddress())
	if err != nil {
		return ""
	}
	return ip.WithZone("").String()
}

// choose puts what the operator wrote for the route in place of method and path, and reports
// whether that says which resource it is. A key of ours that we do not know is an operator's
// mistake, and not to be guessed at.
func choose(r *access.Request, extensions map[string]string) (resource bool, err error) {
	for key, value := range extensions {
		if !strings.HasPrefix(key, extensionPrefix) {
			continue
		}
		if value == "" || len(value) > maxText {
			return false, fmt.Errorf("context_extensions: %s is empty or too long", key)
		}
		switch key {
		case actionExtension:
			r.Action.Name = value
		case resourceTypeExtension:
			r.Resource.Type = value
		case resourceIDExtension:
			r.Resource.ID, resource = value, true
		default:
			return false, errors.New("context_extensions: unknown key " + key)
		}
	}
	if resource {
		r.Resource.Properties = nil // they are of the route that the path would have meant
	}
	return resource, nil
}
