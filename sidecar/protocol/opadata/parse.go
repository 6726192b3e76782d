package opadata

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"stepup/sidecar/access"
	"stepup/sidecar/httpreq"
	"stepup/sidecar/protocol"
)

// Name is the door's name in the record and in the configuration of callers.
const Name = "opadata"

// question is what an input said, with the HTTP request as it came.
type question struct {
	protocol.Question
	request access.Object
	rest    access.Object // members that are not known
}

type (
	decoder  = protocol.Decoder
	fragment = protocol.Fragment
)

// The members of an input. Package-level tables cost nothing per request.
var inputMembers = protocol.Members[question]{
	"token":     readToken,
	"id_token":  func(d *decoder, q *question) error { return d.Filled(&q.IDToken) },
	"subject":   func(d *decoder, q *question) error { return d.Subject(&q.Subject) },
	"action":    func(d *decoder, q *question) error { return d.Action(&q.Action) },
	"resource":  func(d *decoder, q *question) error { return d.Resource(&q.Resource) },
	"context":   func(d *decoder, q *question) error { return d.Free(&q.Context) },
	"request":   func(d *decoder, q *question) error { return d.Free(&q.request) },
	"dpop":      protocol.NotYet[question],
	"assurance": refuseVerified,
	"now":       refuseVerified,
}

func refuseVerified(d *decoder, _ *question) error {
	return d.Refuse("is not taken from the caller: it follows from the token and the clock here, leave it out")
}

// readToken takes the text alone: what stands in it is verified here.
func readToken(d *decoder, q *question) error {
	var v any
	if err := d.Value(&v); err != nil {
		return err
	}
	text, ok := v.(string)
	if !ok || text == "" {
		return d.Refuse("must be the token as a string: what is in it is verified here, never taken from the caller")
	}
	q.Token = text
	return nil
}

// maxRest is how many members that are not known are kept: each is held against the known
// ones twice, and a body of nothing else would take half a second of that.
const maxRest = 256

// readRest keeps a member that is not known, unless it is probably a token, or one of ours in
// another spelling: Subject would reach policies as context.
func readRest(d *decoder, name string, q *question) error {
	if protocol.IsTokenName(name) || strings.HasSuffix(protocol.Nearest(inputMembers, name), "token") {
		return d.Refuse(`is not a known member: send the token as the string "token"`)
	}
	if meant := spelt(name, inputMembers); meant != "" {
		return d.Refuse("must be spelt " + meant)
	}
	if len(q.rest) >= maxRest {
		return d.Refuse(fmt.Sprintf("is one too many: at most %d members are taken beside those that are known, give others in context", maxRest))
	}
	var v any
	if err := d.Value(&v); err != nil {
		return err
	}
	if q.rest == nil {
		q.rest = access.Object{}
	}
	q.rest[name] = v
	return nil
}

// spelt returns the known name that a name is, but for case and punctuation; empty: none.
func spelt[T any](name string, known map[string]T) string {
	for _, ours := range slices.Sorted(maps.Keys(known)) {
		if protocol.Letters(ours) == protocol.Letters(name) {
			return ours
		}
	}
	return ""
}

func readInput(d *decoder, q *question) error {
	return protocol.Open(d, inputMembers, q, readRest)
}

// envelope is the body of a POST to /v1/data.
type envelope struct {
	given bool
	input question
}

var envelopeMembers = protocol.Members[envelope]{
	"input": func(d *decoder, e *envelope) error {
		e.given = true
		return readInput(d, &e.input)
	},
}

// skipMetadata passes over a member beside input whose name has a dot or a slash: OPA asks
// those who wrap it to name theirs so. Any other is a mistake that nobody would notice.
func skipMetadata(d *decoder, name string, _ *envelope) error {
	if !strings.ContainsAny(name, "./") {
		if meant := protocol.Nearest(envelopeMembers, name); meant != "" {
			return d.Refuse(`is not a known member: did you mean "input"?`)
		}
		return d.Refuse("is not a known member: everything stands in input")
	}
	var skipped fragment
	return d.Fragment(&skipped)
}

// parseEnvelope reads the body of /v1/data. Errors are [*protocol.Malformed].
func parseEnvelope(body []byte) (question, error) {
	var e envelope
	err := protocol.Decode(fragment{Text: body}, func(d *decoder) error {
		return protocol.Open(d, envelopeMembers, &e, skipMetadata)
	})
	if err == nil && !e.given {
		err = &protocol.Malformed{Pointer: "/input", Problem: "is required: without it nothing is asked"}
	}
	return e.input, err
}

// parseInput reads a text that is the input itself.
func parseInput(text []byte) (question, error) {
	var q question
	err := protocol.Decode(fragment{Text: text}, func(d *decoder) error { return readInput(d, &q) })
	return q, err
}

// complete makes a request of a question, with the token that stood in a header, if any.
// What the input leaves out of token, action and resource is taken from the HTTP request
// that it tells. Pointer is where the input stands in the body.
func (q question) complete(pointer, header string, routes *httpreq.Routes, forward access.HeaderNames) (access.Request, error) {
	told, err := q.httpRequest(pointer)
	if err != nil {
		return access.Request{}, err
	}
	if err := q.checkSpelling(pointer); err != nil {
		return access.Request{}, err
	}
	if q.Token, err = q.chooseToken(pointer, header, told); err != nil {
		return access.Request{}, err
	}
	if wrong := q.wrongRoute(told); wrong != "" {
		return access.Request{}, &protocol.Malformed{Pointer: pointer + "/request/path", Problem: wrong + ", for the resource is told by it: give resource, or refuse such paths at the gateway"}
	}
	listed := q.ask(told, routes)
	if err := q.CheckSubject(pointer, access.SubjectUser, access.SubjectClient); err != nil {
		return access.Request{}, err
	}
	if q.Context, err = q.about(pointer, told); err != nil {
		return access.Request{}, err
	}
	r, err := q.Complete(Name, pointer)
	if err != nil {
		return access.Request{}, err
	}
	r.HTTP = protocol.Forwarded(told.http, forward)
	r.Unlisted = !listed
	return r, nil
}

// wrongRoute says why a path is not taken for the resource: the application behind the
// gateway could read it as another one.
func (q question) wrongRoute(told told) string {
	if q.Resource != nil || told.http == nil || told.http.Path == "" {
		return ""
	}
	// As package httpreq has it: some cut the parameters of a segment, others do not.
	if strings.Contains(told.http.Path, ";") {
		return "must not have a semicolon"
	}
	return ""
}

// ask fills in what the HTTP request tells: its method is done to what its path is about. It
// reports whether that may be asked about at all.
func (q *question) ask(told told, routes *httpreq.Routes) (listed bool) {
	if told.http == nil {
		return true
	}
	if q.Action == nil && told.http.Method != "" {
		q.Action = &access.Action{Name: told.http.Method}
	}
	if q.Resource != nil || told.http.Path == "" {
		return true
	}
	resource, listed := routes.Resource(told.http.Method, told.http.Path)
	q.Resource = &resource
	return listed
}

// checkSpelling refuses a member that is nearly one of ours where that one is missing: it
// would be asked about something else than was meant.
func (q question) checkSpelling(pointer string) error {
	given := map[string]bool{
		"subject": q.Subject != nil, "action": q.Action != nil, "resource": q.Resource != nil, "context": q.Context != nil, "request": q.request != nil,
	}
	for _, name := range slices.Sorted(maps.Keys(q.rest)) {
		meant := protocol.Nearest(inputMembers, name)
		if here, ours := given[meant]; ours && !here {
			return &protocol.Malformed{Pointer: pointer, Problem: "has a member that is nearly \"" + meant + "\", which is missing: write it so, or give both"}
		}
	}
	return nil
}

// about is the context that policies see: the caller's own, and all members that are not
// known here.
func (q question) about(pointer string, told told) (access.Object, error) {
	rest := maps.Clone(q.rest)
	if len(told.rest) > 0 {
		if rest == nil {
			rest = access.Object{}
		}
		rest["request"] = told.rest
	}
	if len(rest) == 0 {
		return q.Context, nil
	}
	for name, v := range q.Context {
		if _, twice := rest[name]; twice {
			return nil, &protocol.Malformed{Pointer: pointer + "/context", Problem: "has a member that stands beside context too, where it would get: give it once"}
		}
		rest[name] = v
	}
	return rest, nil
}
