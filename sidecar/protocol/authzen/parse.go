package authzen

import (
	"net/http"
	"slices"
	"strings"

	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
)

// Name is the door's name in the record.
const Name = "authzen"

// HeaderToken carries the user's token, where it is not in the context.
const HeaderToken = "X-Subject-Token"

type (
	decoder  = protocol.Decoder
	fragment = protocol.Fragment
)

// question is what a request said, member by member; a nil or empty one was not given.
type question struct {
	subject  *access.Subject
	action   *access.Action
	resource *access.Resource
	context  access.Object
	// Of the context, and nowhere else: a context that takes the place of another one takes
	// its token's place too.
	token, idToken string
}

// questionMembers are the members of a question. Those that the specification does not know
// are read over, but for what would mean something at our other doors.
var questionMembers = protocol.Members[question]{
	"subject":  func(d *decoder, q *question) error { return d.Subject(&q.subject) },
	"action":   func(d *decoder, q *question) error { return d.Action(&q.action) },
	"resource": func(d *decoder, q *question) error { return d.Resource(&q.resource) },
	"context":  readContext,
	"token":    misplaced,
	"id_token": misplaced,
	"dpop":     protocol.NotYet[question],
	"request":  refuseRequest,
}

func misplaced(d *decoder, _ *question) error {
	return d.Refuse("stands in the wrong place: give it in context, or the token in the header " + HeaderToken)
}

func refuseRequest(d *decoder, _ *question) error {
	return d.Refuse("is not taken at this door: give in context what the policy has to know of an HTTP request")
}

// readContext takes the tokens out of the context.
func readContext(d *decoder, q *question) error {
	var whole fragment
	if err := d.Fragment(&whole); err != nil {
		return err
	}
	if err := protocol.Decode(whole, func(d *decoder) error { return d.Free(&q.context) }); err != nil {
		return err
	}
	for name := range q.context {
		if slices.Contains([]string{"token", "id_token"}, strings.ToLower(name)) && name != strings.ToLower(name) {
			return &protocol.Malformed{Pointer: whole.Pointer, Problem: "must name tokens in lower case: token, id_token"}
		}
		if slices.Contains(otherNames(), strings.ToLower(name)) {
			return &protocol.Malformed{Pointer: whole.Pointer, Problem: "must have the token as token, or in the header " + HeaderToken + ": under another name it would not be verified, and shown to policies"}
		}
	}
	if err := take(whole.Pointer, q.context, "token", &q.token); err != nil {
		return err
	}
	return take(whole.Pointer, q.context, "id_token", &q.idToken)
}

// otherNames are what others call a token, in lower case.
func otherNames() []string {
	return []string{"access_token", "accesstoken", "jwt", "idtoken", "authorization", "refresh_token", "subject_token"}
}

// take moves a token out of a context.
func take(pointer string, context access.Object, name string, into *string) error {
	value, given := context[name]
	if !given {
		return nil
	}
	text, isText := value.(string)
	if !isText || text == "" {
		return &protocol.Malformed{Pointer: pointer + "/" + name, Problem: "must be the text of a token: give it or leave it out"}
	}
	*into = text
	delete(context, name)
	return nil
}

// readHeaderToken returns the token in the header; empty: there is none.
func readHeaderToken(h http.Header) (string, error) {
	fields := h.Values(HeaderToken)
	switch {
	case len(fields) == 0:
		return "", nil
	case len(fields) > 1 || fields[0] == "":
		return "", wrongRequest("The header " + HeaderToken + " must be sent once, with a token.")
	}
	return fields[0], nil
}

func wrongRequest(detail string) error {
	return &protocol.Problem{
		Status: http.StatusBadRequest, Detail: detail,
		Reasons: []access.Reason{access.Because(access.RequestMalformed)},
	}
}

// readQuestion reads one question from an object with more members.
func readQuestion[T any](from fragment, members protocol.Members[T], into *T) error {
	from.Lenient = true
	return protocol.Decode(from, func(d *decoder) error { return protocol.Object(d, members, into) })
}

// or returns the question with the defaults in place of what it does not give: whole
// members, never parts of one.
func (q question) or(defaults question) question {
	if q.subject == nil {
		q.subject = defaults.subject
	}
	if q.action == nil {
		q.action = defaults.action
	}
	if q.resource == nil {
		q.resource = defaults.resource
	}
	if q.context == nil {
		q.context, q.token, q.idToken = defaults.context, defaults.token, defaults.idToken
	}
	return q
}

// complete checks that everything required was given and returns the request, with the
// token of the header where the context has none.
func (q question) complete(pointer, headerToken string) (access.Request, error) {
	if missing := q.missing(); missing != "" {
		return access.Request{}, &protocol.Malformed{Pointer: pointer + missing, Problem: "is required"}
	}
	token, err := q.credential(pointer, headerToken)
	if err != nil {
		return access.Request{}, err
	}
	if err := q.checkSubject(pointer, token != ""); err != nil {
		return access.Request{}, err
	}
	return access.Request{
		Door:       Name,
		Credential: access.NewCredential(token),
		Evidence:   access.NewCredential(q.idToken),
		Asserted:   asserted(*q.subject),
		Action:     *q.action,
		Resource:   *q.resource,
		Context:    q.context,
	}, nil
}

// missing points at the first required member that was not given.
func (q question) missing() string {
	switch {
	case q.subject == nil:
		return "/subject"
	case q.subject.Type == "":
		return "/subject/type"
	case q.subject.ID == "":
		return "/subject/id"
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

// credential returns the token from either place. Two that differ are refused: which of
// them is meant is a guess.
func (q question) credential(pointer, headerToken string) (string, error) {
	switch {
	case q.token == "":
		q.token = headerToken
	case headerToken != "" && headerToken != q.token:
		return "", &protocol.Malformed{Pointer: pointer + "/context/token", Problem: "must be the one in the header " + HeaderToken + ", or only one of them given"}
	}
	if q.token == "" && q.idToken != "" {
		return "", &protocol.Malformed{Pointer: pointer + "/context/token", Problem: "is required beside an ID token; alone, an ID token is the token"}
	}
	return q.token, nil
}

// checkSubject refuses what a caller cannot say of a subject. Beside a token its properties
// would be left out, and a rule that asks for one that is not there might allow.
func (q question) checkSubject(pointer string, hasToken bool) error {
	pointer += "/subject"
	_, issuer := q.subject.Properties["issuer"]
	switch {
	case hasToken && len(q.subject.Properties) > 0:
		return &protocol.Malformed{Pointer: pointer + "/properties", Problem: "is not taken beside a token, which tells who acts: leave it out, or give in context what the policy has to know"}
	case issuer:
		return &protocol.Malformed{Pointer: pointer + "/properties/issuer", Problem: "is told by tokens only: leave it out"}
	case !hasToken && !isSubjectType(q.subject.Type):
		return &protocol.Malformed{Pointer: pointer + "/type", Problem: "must be user, identity or client where there is no token"}
	}
	return nil
}

// identity is what AuthZEN's mapping of API gateways calls a user.
const identity = "identity"

// isSubjectType reports whether a subject may be of a type without a token. Policies know
// users and clients; to read another type as one of them could be to take one for another.
func isSubjectType(name string) bool {
	return name == access.SubjectUser || name == access.SubjectClient || name == identity
}

func asserted(s access.Subject) access.Subject {
	if s.Type == identity {
		s.Type = access.SubjectUser
	}
	return s
}

// supports reports whether the caller can fulfil a type of obligation (AuthZEN Obligations
// profile, draft 1: context.supported_obligations).
func supports(context access.Object, obligation string) bool {
	list, _ := context["supported_obligations"].([]any)
	return slices.Contains(list, any(obligation))
}
