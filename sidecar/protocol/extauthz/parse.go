package extauthz

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"stepup/sidecar/access"
	"stepup/sidecar/httpreq"
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

// maxText is how long a method, a path or a value of context_extensions may be.
const maxText = 8192

// Malformed requests are the user's or Envoy's. Their text is told to the user, so it never
// repeats what was sent.
func malformed(problem string) error { return &protocol.Malformed{Problem: problem} }

// parse reads a request. Errors are [*protocol.Malformed], and others where the operator's
// own configuration is wrong.
func parse(r *authv3.CheckRequest, forward access.HeaderNames) (access.Request, error) {
	http := r.GetAttributes().GetRequest().GetHttp()
	if http == nil {
		return access.Request{}, malformed("must be a CheckRequest with attributes.request.http")
	}
	headers, err := readHeaders(http)
	if err != nil {
		return access.Request{}, err
	}
	credential, err := readCredential(headers["authorization"])
	if err != nil {
		return access.Request{}, err
	}
	described, err := describe(http, headers)
	if err != nil {
		return access.Request{}, err
	}
	described.ClientIP = clientIP(r.GetAttributes().GetSource())
	request := access.Request{
		Door: Name, Credential: credential,
		Action:   access.Action{Name: described.Method},
		Resource: access.Resource{Type: "route", ID: described.Path},
		HTTP:     protocol.Forwarded(described, forward),
	}
	return request, choose(&request, r.GetAttributes().GetContextExtensions())
}

// describe reads everything but the headers and the peer. The body is never read.
func describe(http *authv3.AttributeContext_HttpRequest, headers map[string][]string) (*access.HTTPRequest, error) {
	if !isToken(http.GetMethod()) {
		return nil, malformed("must tell the method")
	}
	if http.GetQuery() != "" || http.GetFragment() != "" {
		return nil, malformed("must tell the query in the path, as Envoy does")
	}
	path, rawQuery, asked := strings.Cut(http.GetPath(), "?")
	if len(http.GetPath()) > maxText {
		return nil, malformed(fmt.Sprintf("must have a path of at most %d bytes", maxText))
	}
	if wrong := httpreq.WrongPath(path); wrong != "" {
		return nil, malformed("is about a path that " + wrong)
	}
	query, err := readQuery(rawQuery, asked)
	if err != nil {
		return nil, err
	}
	return &access.HTTPRequest{
		Method: http.GetMethod(), Scheme: http.GetScheme(), Host: http.GetHost(),
		Path: path, Segments: httpreq.Segments(path), Query: query, Headers: headers,
	}, nil
}

// readQuery refuses what programs read differently: bare semicolons, broken escapes, a
// fragment.
func readQuery(raw string, asked bool) (map[string][]string, error) {
	if !asked {
		return nil, nil
	}
	query, err := url.ParseQuery(raw)
	if err != nil || strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '#' }) {
		return nil, malformed("has a query that can be read in more than one way")
	}
	return query, nil
}

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

func rawValue(h *corev3.HeaderValue) (string, error) {
	if h.GetValue() != "" && len(h.GetRawValue()) > 0 {
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
	attribute, known := map[string]string{
		":method": http.GetMethod(), ":path": http.GetPath(), ":authority": http.GetHost(), ":scheme": http.GetScheme(),
	}[name]
	if known && attribute != value {
		return malformed("must have pseudo headers that say what its attributes say")
	}
	return nil
}

// readCredential takes the token from Authorization: Bearer, sent once (RFC 6750, section
// 2.1). Without raw headers Envoy joins several by commas, which no token has.
func readCredential(fields []string) (access.Credential, error) {
	if len(fields) == 0 {
		return access.Credential{}, nil
	}
	scheme, token, _ := strings.Cut(fields[0], " ")
	if len(fields) > 1 || !strings.EqualFold(scheme, access.SchemeBearer) || !isToken68(token) {
		return access.Credential{}, malformed("must have one Authorization header at most: Bearer, one space and the token")
	}
	return access.NewCredential(token), nil
}

// isToken68 reports whether s is a token68 (RFC 9110, section 11.2).
func isToken68(s string) bool {
	body := strings.TrimRight(s, "=")
	return body != "" && !strings.ContainsFunc(body, func(r rune) bool {
		return !isAlphanumeric(r) && !strings.ContainsRune("-._~+/", r)
	})
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

// choose puts what the operator wrote for the route in place of method and path. A key of
// ours that we do not know is an operator's mistake, and not to be guessed at.
func choose(r *access.Request, extensions map[string]string) error {
	for key, value := range extensions {
		if !strings.HasPrefix(key, extensionPrefix) {
			continue
		}
		if value == "" || len(value) > maxText {
			return fmt.Errorf("context_extensions: %s is empty or too long", key)
		}
		switch key {
		case actionExtension:
			r.Action.Name = value
		case resourceTypeExtension:
			r.Resource.Type = value
		case resourceIDExtension:
			r.Resource.ID = value
		default:
			return errors.New("context_extensions: unknown key " + key)
		}
	}
	return nil
}
