package access

import "sync/atomic"

// Object is a free JSON object. Numbers in it are [encoding/json.Number], so that
// large identifiers keep their digits; nested arrays are []any and nested objects
// map[string]any. A nil Object means an empty one.
type Object = map[string]any

// A Request is one question: may the login behind Credential do Action to Resource?
//
// A Request is made once by a door and never changed after. The zero value asks
// about nothing, without a credential, and is refused.
type Request struct {
	// Door names the protocol that carried the question, for the record only. It is
	// never an input to the policy, so the answer cannot depend on it.
	Door string

	// Credential is the access token or ID token. The zero value means that none
	// was presented, which is not the same as one that does not verify.
	Credential Credential

	// Evidence is an ID token beside an access token: it supplies level, methods and login
	// time, and nothing else. The zero value means that there is none.
	Evidence Credential

	// Asserted is who acts as the caller says; the zero value means that it does not say.
	// Beside a credential its id has to be the token's subject, and nothing else of it
	// counts. Without one it is who the policy is asked about, and never has any assurance.
	Asserted Subject

	Action   Action
	Resource Resource
	Context  Object

	// Unlisted says that no route lists the request where only listed ones are asked about. It is
	// denied, whoever asks, and the policy is not asked.
	Unlisted bool

	// HTTP is the HTTP request that a gateway forwarded or the caller described;
	// nil if there was none.
	HTTP *HTTPRequest

	// Note is for a door that keeps a request to ask it again; nil: nothing is noted. It is no
	// part of the question. Whoever makes another request of this one leaves it out.
	Note *Note
}

// A Note is where whoever decides writes down what follows from one request, to find it when
// that very request is asked again. The zero value is empty. It is safe for concurrent use.
type Note struct{ text atomic.Value }

// Read returns what was written last; nil: nothing was. A nil Note is empty.
func (n *Note) Read() any {
	if n == nil {
		return nil
	}
	return n.text.Load()
}

// Write puts something in place of what was written before: always of one type, and never
// changed after. A nil Note takes nothing.
func (n *Note) Write(text any) {
	if n != nil {
		n.text.Store(text)
	}
}

// A Subject is who acts: a person ("user") or a machine ("client").
type Subject struct {
	Type       string
	ID         string
	Properties Object
}

// The two types of subject. Machines are never asked to sign in.
const (
	SubjectUser   = "user"
	SubjectClient = "client"
)

// An Action is what is to be done.
type Action struct {
	Name       string
	Properties Object
}

// A Resource is what it is done to.
type Resource struct {
	Type       string
	ID         string
	Properties Object
}

// An HTTPRequest is a request to the protected application, as its gateway or the
// caller told it. Nothing in it was verified by the sidecar.
type HTTPRequest struct {
	Method   string
	Scheme   string
	Host     string
	Path     string // canonical, without the query
	Segments []string
	Query    map[string][]string
	Headers  map[string][]string // lower-case names; only those the configuration forwards
	ClientIP string

	// Arrived lists, in lower case, every header name that the request had, forwarded or
	// not. No policy sees it: it says which headers a client could have forged.
	Arrived []string
}
