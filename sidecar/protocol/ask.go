package protocol

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"stepup/sidecar/access"
)

// DefaultBatch is how many questions a batch may have where nothing else is said.
const DefaultBatch = 100

// DefaultPatience is how long a request with several questions may take as a whole where
// nothing else is said.
const DefaultPatience = 2 * time.Second

// InTime returns policy_timeout when a request with several questions has taken too long, so
// that no further one is begun. One request must not keep a core busy for long.
func InTime(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return &access.Fault{Code: access.PolicyTimeout, Err: err}
	}
	return nil
}

// A Question is what a text said, member by member; a nil or empty one was not given. It is
// what doors have in common before they know whether a question is complete.
type Question struct {
	Token    string
	IDToken  string
	Subject  *access.Subject // who acts, as the caller says
	Action   *access.Action
	Resource *access.Resource
	Context  access.Object
}

// Or returns the question with the defaults in place of what it does not give: whole
// members, never parts of one.
func (q Question) Or(defaults Question) Question {
	if q.Token == "" {
		q.Token = defaults.Token
	}
	if q.IDToken == "" {
		q.IDToken = defaults.IDToken
	}
	if q.Subject == nil {
		q.Subject = defaults.Subject
	}
	if q.Action == nil {
		q.Action = defaults.Action
	}
	if q.Resource == nil {
		q.Resource = defaults.Resource
	}
	if q.Context == nil {
		q.Context = defaults.Context
	}
	return q
}

// Complete checks that everything required was given and returns the request, as it is
// asked at a door. Pointer is where the question stands. Errors are [*Malformed].
func (q Question) Complete(door, pointer string) (access.Request, error) {
	if missing := q.missing(); missing != "" {
		return access.Request{}, &Malformed{Pointer: pointer + missing, Problem: "is required"}
	}
	r := access.Request{
		Door:       door,
		Credential: access.NewCredential(q.Token),
		Evidence:   access.NewCredential(q.IDToken),
		Action:     *q.Action,
		Resource:   *q.Resource,
		Context:    q.Context,
	}
	if q.Subject != nil {
		r.Asserted = *q.Subject
	}
	return r, nil
}

// missing points at the first required member that was not given.
func (q Question) missing() string {
	switch {
	case q.IDToken != "" && q.Token == "":
		return "/token" // an ID token is evidence beside one; alone it is the token
	case q.Action == nil:
		return "/action"
	case q.Action.Name == "":
		return "/action/name"
	case q.Resource == nil:
		return "/resource"
	case q.Resource.Type == "":
		return "/resource/type"
	case q.Resource.ID == "":
		return "/resource/id"
	}
	return ""
}

// CheckSubject refuses what a caller cannot say of a subject. Pointer is where the question
// stands. Beside a token only the id counts, which has to be the token's own: properties that
// are left out could be what a rule asks for in vain. Without one, types are those that a
// door knows: to read another as one of them could be to take one for another.
func (q Question) CheckSubject(pointer string, types ...string) error {
	if q.Subject == nil {
		return nil
	}
	pointer += "/subject"
	_, issuer := q.Subject.Properties["issuer"]
	switch {
	case q.Subject.ID == "":
		return &Malformed{pointer + "/id", "is required"}
	case q.Token != "" && len(q.Subject.Properties) > 0:
		return &Malformed{pointer + "/properties", "is not taken beside a token, which tells who acts: leave it out, or give in context what the policy has to know"}
	case issuer:
		return &Malformed{pointer + "/properties/issuer", "is told by tokens only: leave it out"}
	case q.Token == "" && !slices.Contains(types, q.Subject.Type):
		return &Malformed{pointer + "/type", "must be " + enumerated(types) + " where there is no token"}
	}
	return nil
}

// enumerated joins names for a sentence: "user, identity or client".
func enumerated(names []string) string {
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// Items reads an array of at most so many questions without looking into them: what is wrong
// inside one of them is that item's answer. Too many are refused while they are counted.
func (d *Decoder) Items(most int, into *[]Fragment) error {
	where := d.here()
	return d.Each(func(i int) error {
		if i == most {
			return &Malformed{where, fmt.Sprintf("must have at most %d items (limits.batch): ask in parts", most)}
		}
		var item Fragment
		err := d.Fragment(&item)
		*into = append(*into, item)
		return err
	})
}

// HeaderToken carries the user's token beside a body, at the doors whose protocol has no
// place for it.
const HeaderToken = "X-Subject-Token"

// SubjectToken returns the user's token that stands beside the body; empty: there is none.
func SubjectToken(header http.Header) (string, error) {
	fields := header.Values(HeaderToken)
	switch {
	case len(fields) == 0:
		return "", nil
	case len(fields) > 1 || fields[0] == "" || strings.ContainsAny(fields[0], " ,\t"):
		return "", Refused(http.StatusBadRequest, "The header "+HeaderToken+" must be one token, sent once and without a scheme.")
	}
	return fields[0], nil
}

// tokenNames are what others call a token, by their letters.
var tokenNames = []string{
	"accesstoken", "authorization", "bearer", "bearertoken", "idtoken", "jwt", "refreshtoken", "subjecttoken", "xsubjecttoken", "token",
}

// IsTokenName reports whether a member that a door does not know is probably a token: among
// what policies see it would not be verified, and be shown to them and to logs.
func IsTokenName(name string) bool { return slices.Contains(tokenNames, Letters(name)) }

// Letters are the letters and digits of a name, in lower case. Two names that have the same
// are one to somebody.
func Letters(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}
