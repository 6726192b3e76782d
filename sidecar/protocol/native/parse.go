package native

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
)

// Name is the door's name in the record.
const Name = "native"

// question is what a request said, member by member; a nil or empty one was not given.
type question struct {
	token    string
	idToken  string
	action   *access.Action
	resource *access.Resource
	context  access.Object
	request  *access.HTTPRequest
}

type (
	decoder  = protocol.Decoder
	fragment = protocol.Fragment
)

// The members of a question. Package-level tables cost nothing per request.
var (
	questionMembers = protocol.Members[question]{
		"token":    func(d *decoder, q *question) error { return d.Filled(&q.token) },
		"action":   func(d *decoder, q *question) error { return member(d, actionMembers, &q.action) },
		"resource": func(d *decoder, q *question) error { return member(d, resourceMembers, &q.resource) },
		"context":  func(d *decoder, q *question) error { return d.Free(&q.context) },
		"request":  readRequest,
		"id_token": func(d *decoder, q *question) error { return d.Filled(&q.idToken) },
		"dpop":     protocol.NotYet[question],
		"subject":  refuseSubject,
		"requests": refuseRequests,
	}
	actionMembers = protocol.Members[access.Action]{
		"name":       func(d *decoder, a *access.Action) error { return bounded(d, &a.Name) },
		"properties": func(d *decoder, a *access.Action) error { return d.Free(&a.Properties) },
	}
	resourceMembers = protocol.Members[access.Resource]{
		"type":       func(d *decoder, r *access.Resource) error { return bounded(d, &r.Type) },
		"id":         func(d *decoder, r *access.Resource) error { return bounded(d, &r.ID) },
		"properties": func(d *decoder, r *access.Resource) error { return d.Free(&r.Properties) },
	}
	requestMembers = protocol.Members[access.HTTPRequest]{
		"method":    func(d *decoder, r *access.HTTPRequest) error { return d.Filled(&r.Method) },
		"scheme":    func(d *decoder, r *access.HTTPRequest) error { return d.Filled(&r.Scheme) },
		"host":      func(d *decoder, r *access.HTTPRequest) error { return d.Filled(&r.Host) },
		"path":      readPath,
		"segments":  func(d *decoder, r *access.HTTPRequest) error { return d.Texts(&r.Segments) },
		"query":     func(d *decoder, r *access.HTTPRequest) error { return d.TextLists(&r.Query) },
		"headers":   readHeaders,
		"client_ip": readClientIP,
	}
)

func member[T any](d *decoder, members protocol.Members[T], into **T) error {
	*into = new(T)
	return protocol.Object(d, members, *into)
}

func refuseSubject(d *decoder, _ *question) error {
	return d.Refuse("is not taken from the request: the subject comes from the token, leave it out")
}

func refuseRequests(d *decoder, _ *question) error {
	return d.Refuse("belongs at the top of a body for /v1/decisions, which answers several questions at once")
}

// parse reads one question and completes it with defaults. Errors are
// [*protocol.Malformed].
func parse(from fragment, defaults question, forward access.HeaderNames) (access.Request, error) {
	q, err := readQuestion(from)
	if err != nil {
		return access.Request{}, err
	}
	return q.or(defaults).complete(from.Pointer, forward)
}

func readQuestion(from fragment) (question, error) {
	var q question
	err := protocol.Decode(from, func(d *decoder) error { return protocol.Object(d, questionMembers, &q) })
	return q, err
}

// readRequest reads the HTTP request that the caller describes.
func readRequest(d *decoder, q *question) error {
	if err := member(d, requestMembers, &q.request); err != nil {
		return err
	}
	return checkSegments(d, q.request)
}

// readPath takes only a canonical path, in the form of the request line. Another way to
// write it could mean one resource to the policy and another to the application.
func readPath(d *decoder, r *access.HTTPRequest) error {
	if err := d.Text(&r.Path); err != nil {
		return err
	}
	if wrong := wrongPath(r.Path); wrong != "" {
		return d.Refuse(wrong)
	}
	return nil
}

// checkSegments holds given segments to those of the path, and fills in those that were
// not given. A policy may ask for either.
func checkSegments(d *decoder, r *access.HTTPRequest) error {
	want := segmentsOf(r.Path)
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
	maxText       = 8192 // bytes of an action's name, a resource's type or id
)

// bounded reads a text that is not empty and not longer than [maxText].
func bounded(d *decoder, into *string) error {
	if err := d.Filled(into); err != nil {
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
func readHeaders(d *decoder, r *access.HTTPRequest) error {
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

func readClientIP(d *decoder, r *access.HTTPRequest) error {
	if err := d.Text(&r.ClientIP); err != nil {
		return err
	}
	if ip, err := netip.ParseAddr(r.ClientIP); err != nil || ip.Zone() != "" {
		return d.Refuse("must be an IP address without port or zone")
	}
	return nil
}

// batch is what a request for several decisions said.
type batch struct {
	defaults question
	items    []fragment
	given    bool
}

// readBatch reads the defaults and leaves the items as they are: what is wrong inside
// one of them is that item's answer. Too many are refused while they are counted.
func readBatch(body []byte, most int) (batch, error) {
	var b batch
	members := protocol.Members[batch]{
		"requests": func(d *decoder, b *batch) error { return readItems(d, b, most) },
	}
	for name, read := range questionMembers {
		if name != "requests" {
			members[name] = func(d *decoder, b *batch) error { return read(d, &b.defaults) }
		}
	}
	err := protocol.Decode(fragment{Text: body}, func(d *decoder) error { return protocol.Object(d, members, &b) })
	if err == nil && !b.given {
		err = &protocol.Malformed{Pointer: "/requests", Problem: "is required: give an array of questions"}
	}
	return b, err
}

func readItems(d *decoder, b *batch, most int) error {
	b.given = true
	err := d.Each(func(i int) error {
		if i == most {
			return &protocol.Malformed{Pointer: "/requests", Problem: fmt.Sprintf("must have at most %d items (limits.batch): ask in parts", most)}
		}
		var item fragment
		if err := d.Fragment(&item); err != nil {
			return err
		}
		b.items = append(b.items, item)
		return nil
	})
	if err == nil && len(b.items) == 0 {
		err = &protocol.Malformed{Pointer: "/requests", Problem: "must have at least one item"}
	}
	return err
}

// or returns the question with the defaults in place of what it does not give: whole
// members, never parts of one.
func (q question) or(defaults question) question {
	if q.token == "" {
		q.token = defaults.token
	}
	if q.idToken == "" {
		q.idToken = defaults.idToken
	}
	if q.action == nil {
		q.action = defaults.action
	}
	if q.resource == nil {
		q.resource = defaults.resource
	}
	if q.context == nil {
		q.context = defaults.context
	}
	if q.request == nil {
		q.request = defaults.request
	}
	return q
}

// complete checks that everything required was given and returns the request. Of the
// headers only those listed in forward, in lower case, reach it.
func (q question) complete(pointer string, forward access.HeaderNames) (access.Request, error) {
	if missing := q.missing(); missing != "" {
		return access.Request{}, &protocol.Malformed{Pointer: pointer + missing, Problem: "is required"}
	}
	return access.Request{
		Door:       Name,
		Credential: access.NewCredential(q.token),
		Evidence:   access.NewCredential(q.idToken),
		Action:     *q.action,
		Resource:   *q.resource,
		Context:    q.context,
		HTTP:       forwarded(q.request, forward),
	}, nil
}

// missing points at the first required member that was not given.
func (q question) missing() string {
	switch {
	case q.idToken != "" && q.token == "":
		return "/token" // an ID token is evidence beside one; alone it is the token
	case q.action == nil:
		return "/action"
	case q.action.Name == "":
		return "/action/name"
	case q.resource == nil:
		return "/resource"
	case q.resource.Type == "":
		return "/resource/type"
	case q.resource.ID == "":
		return "/resource/id"
	}
	return ""
}

// forwarded returns the request with the listed headers only. It is made anew, for a
// default is shared by the items of a batch. A request without any member describes
// none, so that no policy finds empty texts where nothing was told.
func forwarded(r *access.HTTPRequest, forward access.HeaderNames) *access.HTTPRequest {
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
