package login

import (
	"maps"
	"slices"

	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
)

// Name is the door's name in the configuration of callers.
const Name = "login"

// question is what a provider said, member by member; a nil one was not given.
type question struct {
	request access.Object
	user    *user
	session *session
	client  *client
}

type user struct {
	id      *string
	factors []string
}

type session struct {
	completed   []proof
	requestedAt *int64
	refresh     bool
	claims      access.Object
}

// proof is one factor that was completed.
type proof struct {
	factor *string
	time   *int64
}

type client struct {
	id         *string
	properties access.Object
}

type decoder = protocol.Decoder

// The members of a question, as schema.login.input has them.
var (
	questionMembers = protocol.Members[question]{
		"authorization_request": func(d *decoder, q *question) error {
			q.request = access.Object{}
			return protocol.Object(d, requestMembers, &q.request)
		},
		"user":       func(d *decoder, q *question) error { return member(d, userMembers, &q.user) },
		"session":    func(d *decoder, q *question) error { return member(d, sessionMembers, &q.session) },
		"client":     func(d *decoder, q *question) error { return member(d, clientMembers, &q.client) },
		"now":        refuseTime,
		"clock_skew": refuseTime,
	}
	requestMembers = protocol.Members[access.Object]{
		"scope":      parameter("scope"),
		"acr_values": parameter("acr_values"),
		"max_age":    parameter("max_age"),
		"prompt":     parameter("prompt"),
		"claims":     readClaims,
	}
	userMembers = protocol.Members[user]{
		"id":      func(d *decoder, u *user) error { return text(d, &u.id) },
		"factors": func(d *decoder, u *user) error { return d.Texts(&u.factors) },
	}
	sessionMembers = protocol.Members[session]{
		"completed":    readCompleted,
		"requested_at": func(d *decoder, s *session) error { return moment(d, &s.requestedAt) },
		"refresh":      func(d *decoder, s *session) error { return d.Boolean(&s.refresh) },
		"claims":       func(d *decoder, s *session) error { return d.Free(&s.claims) },
	}
	proofMembers = protocol.Members[proof]{
		"factor": func(d *decoder, p *proof) error { return text(d, &p.factor) },
		"time":   func(d *decoder, p *proof) error { return moment(d, &p.time) },
	}
	clientMembers = protocol.Members[client]{
		"id":         func(d *decoder, c *client) error { return text(d, &c.id) },
		"properties": func(d *decoder, c *client) error { return d.Free(&c.properties) },
	}
)

func member[T any](d *decoder, members protocol.Members[T], into **T) error {
	*into = new(T)
	return protocol.Object(d, members, *into)
}

func text(d *decoder, into **string) error {
	*into = new(string)
	return d.Text(*into)
}

// moment reads seconds since 1970. 0 is refused: it is what a forgotten member would be,
// and everything was proved since then.
func moment(d *decoder, into **int64) error {
	*into = new(int64)
	if err := d.Integer(*into); err != nil {
		return err
	}
	if **into <= 0 {
		return d.Refuse("must be a moment in seconds since 1970")
	}
	return nil
}

func parameter(name string) func(*decoder, *access.Object) error {
	return func(d *decoder, request *access.Object) error {
		var value string
		err := d.Text(&value)
		(*request)[name] = value
		return err
	}
}

func readClaims(d *decoder, request *access.Object) error {
	var claims access.Object
	err := d.Free(&claims)
	(*request)["claims"] = claims
	return err
}

func readCompleted(d *decoder, s *session) error {
	s.completed = []proof{}
	return d.Each(func(int) error {
		var p proof
		if err := protocol.Object(d, proofMembers, &p); err != nil {
			return err
		}
		if p.factor == nil || p.time == nil {
			return d.Refuse("must have objects with a factor and its time")
		}
		s.completed = append(s.completed, p)
		return nil
	})
}

func refuseTime(d *decoder, _ *question) error {
	return d.Refuse("is not taken from the request: the sidecar has a clock, leave it out")
}

// parse reads a question and returns the document for the rule, but for its time. Errors
// are [*protocol.Malformed].
func parse(body []byte) (access.Object, error) {
	var q question
	read := func(d *decoder) error { return protocol.Object(d, questionMembers, &q) }
	if err := protocol.Decode(protocol.Fragment{Text: body}, read); err != nil {
		return nil, err
	}
	if missing := q.missing(); missing != "" {
		return nil, &protocol.Malformed{Pointer: missing, Problem: "is required"}
	}
	return q.document(), nil
}

// missing points at the first required member that was not given.
func (q question) missing() string {
	given := map[string]bool{
		"/authorization_request": q.request != nil,
		"/client":                q.client != nil,
		"/client/id":             q.client == nil || q.client.id != nil,
		"/session":               q.session != nil,
		"/session/completed":     q.session == nil || q.session.completed != nil,
		"/session/requested_at":  q.session == nil || q.session.requestedAt != nil,
		"/user":                  q.user != nil,
		"/user/factors":          q.user == nil || q.user.factors != nil,
		"/user/id":               q.user == nil || q.user.id != nil,
	}
	for _, pointer := range slices.Sorted(maps.Keys(given)) {
		if !given[pointer] {
			return pointer
		}
	}
	return ""
}

// document is the question with every member that the schema requires of a provider.
func (q question) document() access.Object {
	completed := make([]any, len(q.session.completed))
	for i, p := range q.session.completed {
		completed[i] = access.Object{"factor": *p.factor, "time": *p.time}
	}
	factors := make([]any, len(q.user.factors))
	for i, factor := range q.user.factors {
		factors[i] = factor
	}
	return access.Object{
		"authorization_request": q.request,
		"user":                  access.Object{"id": *q.user.id, "factors": factors},
		"session": access.Object{
			"completed": completed, "requested_at": *q.session.requestedAt,
			"refresh": q.session.refresh, "claims": object(q.session.claims),
		},
		"client": access.Object{"id": *q.client.id, "properties": object(q.client.properties)},
	}
}

// object gives an absent object its empty form.
func object(o access.Object) access.Object {
	if o == nil {
		return access.Object{}
	}
	return o
}
