package native

import (
	"fmt"

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
		"action":   func(d *decoder, q *question) error { return d.Action(&q.action) },
		"resource": func(d *decoder, q *question) error { return d.Resource(&q.resource) },
		"context":  func(d *decoder, q *question) error { return d.Free(&q.context) },
		"request":  func(d *decoder, q *question) error { return d.HTTPRequest(&q.request) },
		"id_token": func(d *decoder, q *question) error { return d.Filled(&q.idToken) },
		"dpop":     protocol.NotYet[question],
		"subject":  refuseSubject,
		"requests": refuseRequests,
	}
)

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
		HTTP:       protocol.Forwarded(q.request, forward),
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
