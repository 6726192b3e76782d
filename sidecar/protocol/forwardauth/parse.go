package forwardauth

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"stepup/sidecar/access"
	"stepup/sidecar/httpreq"
	"stepup/sidecar/navigation"
)

// notTold says that a header of the family is missing: the proxy is configured otherwise
// than its page says. It is a fault, and no client's doing.
type notTold struct{ header string }

func (n *notTold) Error() string {
	return fmt.Sprintf("%s is missing: let the proxy set it, as its page in docs/gateways shows", n.header)
}

// refusal says what about a request is not taken.
type refusal struct{ problem string }

func (r *refusal) Error() string { return r.problem }

// question returns what a check asks.
func (d *Door) question(r *http.Request) (access.Request, error) {
	if err := d.aliases(r.Header); err != nil {
		return access.Request{}, err
	}
	told, err := d.told(r)
	if err != nil {
		return access.Request{}, err
	}
	return d.parse(told)
}

// parse returns the question that a check asks.
func (d *Door) parse(told httpreq.Told) (access.Request, error) {
	request, err := httpreq.New(told, d.cfg.Forward)
	if err != nil {
		return access.Request{}, err
	}
	token, err := httpreq.Bearer(http.Header(told.Headers).Values("Authorization"))
	if err != nil {
		return access.Request{}, err
	}
	resource, listed := d.cfg.Routes.Resource(request.Method, request.Path)
	return access.Request{
		Door: d.proxy.Name, Credential: access.NewCredential(token),
		Action: access.Action{Name: request.Method}, Resource: resource, Unlisted: !listed, HTTP: request,
	}, nil
}

// visit is the request as a browser may have made it.
func visit(told httpreq.Told) navigation.Visit {
	return navigation.Visit{Method: told.Method, Host: told.Host, Target: told.Target, Header: told.Headers}
}

// aliases refuses names that an application behind CGI, or a proxy on the way, takes for one
// that is trusted: X_Forwarded_Uri, x.stepup.subject.
func (d *Door) aliases(header http.Header) error {
	for name := range header {
		if !strings.ContainsAny(name, "_.") {
			continue
		}
		plain := dashed(name)
		if i := slices.Index(d.trusted, plain); i >= 0 {
			return &refusal{"a header is named like " + d.readable[i] + " with other punctuation"}
		}
		if d.cfg.Allow.Admit(plain) {
			return &refusal{"a header is named like one that the policy sets, with other punctuation"}
		}
	}
	return nil
}

// told reads the request from the headers of the family.
func (d *Door) told(r *http.Request) (httpreq.Told, error) {
	t := httpreq.Told{Headers: r.Header}
	if d.proxy.ofItsOwn() {
		return d.toldByItself(r)
	}
	for _, field := range []struct {
		name string
		into *string
	}{
		{d.proxy.method, &t.Method}, {d.proxy.target, &t.Target},
		{hostHeader, &t.Host}, {schemeHeader, &t.Scheme}, {clientHeader, &t.ClientIP},
	} {
		value, err := once(r.Header, field.name)
		if err != nil {
			return t, err
		}
		if value == "" {
			return t, &notTold{field.name}
		}
		*field.into = value
	}
	t.ClientIP = nearest(t.ClientIP)
	return t, nil
}

// toldByItself reads a check that has the method, the host and, behind the door's own path,
// the target of the request. Scheme and client are told if Envoy is configured to tell them.
func (d *Door) toldByItself(r *http.Request) (httpreq.Told, error) {
	t := httpreq.Told{Headers: r.Header, Method: r.Method, Host: r.Host}
	// Not r.URL: it has escapes undone.
	target, ours := strings.CutPrefix(r.RequestURI, d.proxy.Prefix())
	if !ours {
		return t, &refusal{"the path does not begin with that of the door"}
	}
	t.Target = target
	var err error
	if t.Scheme, err = once(r.Header, schemeHeader); err != nil {
		return t, err
	}
	t.ClientIP, err = once(r.Header, clientHeader)
	t.ClientIP = nearest(t.ClientIP)
	return t, err
}

// once returns the value of a header that is there at most once.
func once(header http.Header, name string) (string, error) {
	values := header.Values(name)
	switch len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], nil
	}
	return "", &refusal{name + " is there more than once"}
}

// nearest returns the last address of a list: the one that the proxy itself saw. What stands
// before it came with the request.
func nearest(list string) string {
	return strings.TrimSpace(list[strings.LastIndex(list, ",")+1:])
}
