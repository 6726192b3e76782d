package protocol

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"stepup/sidecar/access"
	"stepup/sidecar/httpreq"
)

// The members that a question has in every JSON protocol. Package-level tables cost nothing
// per request.
var (
	subjectMembers = Members[access.Subject]{
		"type":       func(d *Decoder, s *access.Subject) error { return d.Name(&s.Type) },
		"id":         func(d *Decoder, s *access.Subject) error { return d.Name(&s.ID) },
		"properties": func(d *Decoder, s *access.Subject) error { return d.Free(&s.Properties) },
	}
	actionMembers = Members[access.Action]{
		"name":       func(d *Decoder, a *access.Action) error { return d.Name(&a.Name) },
		"properties": func(d *Decoder, a *access.Action) error { return d.Free(&a.Properties) },
	}
	resourceMembers = Members[access.Resource]{
		"type":       func(d *Decoder, r *access.Resource) error { return d.Name(&r.Type) },
		"id":         func(d *Decoder, r *access.Resource) error { return d.Name(&r.ID) },
		"properties": func(d *Decoder, r *access.Resource) error { return d.Free(&r.Properties) },
	}
	requestMembers = Members[access.HTTPRequest]{
		"method":    func(d *Decoder, r *access.HTTPRequest) error { return d.Filled(&r.Method) },
		"scheme":    func(d *Decoder, r *access.HTTPRequest) error { return d.Filled(&r.Scheme) },
		"host":      func(d *Decoder, r *access.HTTPRequest) error { return d.Filled(&r.Host) },
		"path":      readPath,
		"segments":  func(d *Decoder, r *access.HTTPRequest) error { return d.Texts(&r.Segments) },
		"query":     func(d *Decoder, r *access.HTTPRequest) error { return d.TextLists(&r.Query) },
		"headers":   readHeaders,
		"client_ip": readClientIP,
	}
)

// Subject reads who acts, as the caller says: {type, id, properties}.
func (d *Decoder) Subject(into **access.Subject) error { return member(d, subjectMembers, into) }

// Action reads what is to be done: {name, properties}.
func (d *Decoder) Action(into **access.Action) error { return member(d, actionMembers, into) }

// Resource reads what it is done to: {type, id, properties}.
func (d *Decoder) Resource(into **access.Resource) error { return member(d, resourceMembers, into) }

// HTTPRequest reads the HTTP request that the caller describes. Its path is canonical, and its
// segments are those of the path.
func (d *Decoder) HTTPRequest(into **access.HTTPRequest) error {
	if err := member(d, requestMembers, into); err != nil {
		return err
	}
	return checkSegments(d, *into)
}

func member[T any](d *Decoder, members Members[T], into **T) error {
	*into = new(T)
	return Object(d, members, *into)
}

// readPath takes only a canonical path, in the form of the request line. Another way to
// write it could mean one resource to the policy and another to the application.
func readPath(d *Decoder, r *access.HTTPRequest) error {
	if err := d.Text(&r.Path); err != nil {
		return err
	}
	if wrong := httpreq.WrongPath(r.Path); wrong != "" {
		return d.Refuse(wrong)
	}
	return nil
}

// checkSegments holds given segments to those of the path, and fills in those that were
// not given. A policy may ask for either.
func checkSegments(d *Decoder, r *access.HTTPRequest) error {
	want := httpreq.Segments(r.Path)
	if r.Segments != nil && !slices.Equal(r.Segments, want) {
		return d.Refuse("must have segments that are those of its path, or none")
	}
	r.Segments = want
	return nil
}

// The bounds of what callers describe. What is told here comes back in logs and, for
// headers, in answers: a batch of a hundred makes a hundred of each.
const (
	maxHeaders    = 128  // names
	maxHeaderName = 128  // bytes
	maxText       = 8192 // bytes of an action's name, of a type or an id
)

// Name reads a text that is not empty and not longer than 8192 bytes. What is named cannot do
// without, so that leaving it out is no advice.
func (d *Decoder) Name(into *string) error {
	if err := d.filled(into, "must not be empty: give it a value"); err != nil {
		return err
	}
	if len(*into) > maxText {
		return d.Refuse(fmt.Sprintf("must be at most %d bytes long", maxText))
	}
	return nil
}

// isHeaderName reports whether a name is a token of RFC 9110, section 5.6.2: an answer may
// tell somebody to set it.
func isHeaderName(name string) bool {
	for _, c := range []byte(name) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return name != "" && len(name) <= maxHeaderName
}

// readHeaders lower-cases names. Two that then are the same are refused, because which
// of them would count is a guess.
func readHeaders(d *Decoder, r *access.HTTPRequest) error {
	var given map[string][]string
	if err := d.TextLists(&given); err != nil {
		return err
	}
	if len(given) > maxHeaders {
		return d.Refuse(fmt.Sprintf("must have at most %d names", maxHeaders))
	}
	r.Headers = make(map[string][]string, len(given))
	for name, values := range given {
		if !isHeaderName(name) {
			return d.Refuse(fmt.Sprintf("must have names that are tokens (RFC 9110, section 5.6.2) of at most %d bytes", maxHeaderName))
		}
		lower := strings.ToLower(name)
		if _, twice := r.Headers[lower]; twice {
			return d.Refuse("must not have two names that differ in case only")
		}
		r.Headers[lower] = values
	}
	return nil
}

func readClientIP(d *Decoder, r *access.HTTPRequest) error {
	if err := d.Text(&r.ClientIP); err != nil {
		return err
	}
	if ip, err := netip.ParseAddr(r.ClientIP); err != nil || ip.Zone() != "" {
		return d.Refuse("must be an IP address without port or zone")
	}
	return nil
}

// Forwarded returns the request with the listed headers only. It is made anew, for a
// default is shared by the items of a batch. A request without any member describes
// none, so that no policy finds empty texts where nothing was told.
func Forwarded(r *access.HTTPRequest, forward access.HeaderNames) *access.HTTPRequest {
	if r == nil || describesNothing(*r) {
		return nil
	}
	kept := *r
	kept.Headers = map[string][]string{}
	kept.Arrived = slices.Sorted(maps.Keys(r.Headers))
	for name, values := range r.Headers {
		if forward.Admit(name) {
			kept.Headers[name] = values
		}
	}
	return &kept
}

func describesNothing(r access.HTTPRequest) bool {
	return r.Method == "" && r.Scheme == "" && r.Host == "" && r.Path == "" &&
		r.Query == nil && r.Headers == nil && r.ClientIP == ""
}
