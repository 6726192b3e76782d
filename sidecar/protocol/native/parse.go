package native

import (
	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
)

// Name is the door's name in the record.
const Name = "native"

// question is what a request said, and the HTTP request that it describes.
type question struct {
	protocol.Question
	request  *access.HTTPRequest
	tokenEnd int64 // where the token ended in the text; 0: there was none
}

type (
	decoder  = protocol.Decoder
	fragment = protocol.Fragment
)

// The members of a question. Package-level tables cost nothing per request.
var (
	questionMembers = protocol.Members[question]{
		"token":    readToken,
		"action":   func(d *decoder, q *question) error { return d.Action(&q.Action) },
		"resource": func(d *decoder, q *question) error { return d.Resource(&q.Resource) },
		"context":  func(d *decoder, q *question) error { return d.Free(&q.Context) },
		"request":  func(d *decoder, q *question) error { return d.HTTPRequest(&q.request) },
		"id_token": func(d *decoder, q *question) error { return d.Filled(&q.IDToken) },
		"dpop":     protocol.NotYet[question],
		"subject":  refuseSubject,
		"requests": refuseRequests,
	}
)

func readToken(d *decoder, q *question) error {
	err := d.Filled(&q.Token)
	q.tokenEnd = d.Offset()
	return err
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
	err := d.Items(most, &b.items)
	if err == nil && len(b.items) == 0 {
		err = &protocol.Malformed{Pointer: "/requests", Problem: "must have at least one item"}
	}
	return err
}

// or returns the question with the defaults in place of what it does not give.
func (q question) or(defaults question) question {
	q.Question = q.Question.Or(defaults.Question)
	if q.request == nil {
		q.request = defaults.request
	}
	return q
}

// complete checks that everything required was given and returns the request. Of the
// headers only those listed in forward, in lower case, reach it.
func (q question) complete(pointer string, forward access.HeaderNames) (access.Request, error) {
	r, err := q.Complete(Name, pointer)
	if err != nil {
		return access.Request{}, err
	}
	r.HTTP = protocol.Forwarded(q.request, forward)
	return r, nil
}
