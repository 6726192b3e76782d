package authzen

import (
	"cmp"
	"slices"

	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
)

// Name is the door's name in the record.
const Name = "authzen"

type (
	decoder  = protocol.Decoder
	fragment = protocol.Fragment
)

// question is what a request said. Its tokens are those of its context, and of nowhere
// else: a context that takes the place of another one takes its tokens' place too.
type question struct{ protocol.Question }

// questionMembers are the members of a question. Those that the specification does not know
// are read over, but for what would mean something at our other doors.
var questionMembers = protocol.Members[question]{
	"subject":  func(d *decoder, q *question) error { return d.Subject(&q.Subject) },
	"action":   func(d *decoder, q *question) error { return d.Action(&q.Action) },
	"resource": func(d *decoder, q *question) error { return d.Resource(&q.Resource) },
	"context":  readContext,
	"token":    misplaced,
	"id_token": misplaced,
	"dpop":     protocol.NotYet[question],
	"request":  refuseRequest,
}

func misplaced(d *decoder, _ *question) error {
	return d.Refuse("stands in the wrong place: give it in context, or the token in the header " + protocol.HeaderToken)
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
	if err := protocol.Decode(whole, func(d *decoder) error { return d.Free(&q.Context) }); err != nil {
		return err
	}
	for name := range q.Context {
		if name != "token" && name != "id_token" && protocol.IsTokenName(name) {
			return &protocol.Malformed{Pointer: whole.Pointer, Problem: "must have the token as token, evidence as id_token, or the token in the header " + protocol.HeaderToken + ": under another name it would not be verified, and shown to policies"}
		}
	}
	if err := take(whole.Pointer, q.Context, "token", &q.Token); err != nil {
		return err
	}
	return take(whole.Pointer, q.Context, "id_token", &q.IDToken)
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

// readQuestion reads one question from an object with more members.
func readQuestion[T any](from fragment, members protocol.Members[T], into *T) error {
	from.Lenient = true
	return protocol.Decode(from, func(d *decoder) error { return protocol.Object(d, members, into) })
}

// or returns the question with the defaults in place of what it does not give. A context of
// its own leaves it without the tokens of the default one.
func (q question) or(defaults question) question {
	if q.Context != nil {
		defaults.Token, defaults.IDToken = "", ""
	}
	return question{q.Or(defaults.Question)}
}

// complete checks that everything required was given and returns the request, with the
// token of the header where the context has none.
func (q question) complete(pointer, headerToken string) (access.Request, error) {
	if missing := q.missingSubject(); missing != "" {
		return access.Request{}, &protocol.Malformed{Pointer: pointer + missing, Problem: "is required"}
	}
	var err error
	if q.Token, err = q.credential(pointer, headerToken); err != nil {
		return access.Request{}, err
	}
	if err := q.CheckSubject(pointer, subjectTypes()...); err != nil {
		return access.Request{}, err
	}
	subject := asserted(*q.Subject)
	q.Subject = &subject
	return q.Complete(Name, pointer)
}

// missingSubject points at what is missing of who acts, which is required here.
func (q question) missingSubject() string {
	switch {
	case q.Subject == nil:
		return "/subject"
	case q.Subject.Type == "":
		return "/subject/type"
	}
	return ""
}

// credential returns the token from either place. Two that differ are refused: which of
// them is meant is a guess.
func (q question) credential(pointer, headerToken string) (string, error) {
	if headerToken != "" && q.Token != "" && headerToken != q.Token {
		return "", &protocol.Malformed{Pointer: pointer + "/context/token", Problem: "must be the one in the header " + protocol.HeaderToken + ", or only one of them given"}
	}
	token := cmp.Or(q.Token, headerToken)
	if token == "" && q.IDToken != "" {
		return "", &protocol.Malformed{Pointer: pointer + "/context/token", Problem: "is required beside an ID token; alone, an ID token is the token"}
	}
	return token, nil
}

// identity is what AuthZEN's mapping of API gateways calls a user.
const identity = "identity"

// subjectTypes are those that a subject may be of without a token.
func subjectTypes() []string { return []string{access.SubjectUser, identity, access.SubjectClient} }

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
