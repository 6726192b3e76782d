package input

import (
	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
	"stepup/sidecar/token"
)

// Unknown says what of a document is not known. The zero value: everything is known.
type Unknown struct {
	// Members are paths into the document, each with all that is below.
	Members [][]string
	// Data is the policy's own data: all base documents but those of the library.
	Data bool
}

// Anybody builds the document of a question that is asked before it is known by whom. Its
// token tells nothing but its issuer, which every token will tell; the document is made to
// be completed by [Document.Imagine]. What of it is not known: [Untold]. Now is the moment
// of the question; the token will come at that or at any later one.
func Anybody(q access.RequirementQuestion, issuer string, v *assurance.Vocabulary, now int64) Document {
	somebody := &token.Claims{
		Issuer:     issuer,
		Vocabulary: token.Vocabulary{Name: v.Name, Levels: v.Words, MaxLevel: v.MaxLevel},
		All:        token.ClaimsOf(access.Object{}),
	}
	return Document{
		Subject:  access.Subject{Type: access.SubjectUser, Properties: access.Object{"issuer": issuer}},
		Action:   q.Action,
		Resource: q.Resource,
		Context:  q.Context,
		Request:  q.HTTP,
		Token:    somebody,
		Now:      now,
	}
}

// Untold lists what a question does not tell. It is never taken for absent: a rule may
// let small amounts pass more easily, and the amount is not told yet.
func Untold(q access.RequirementQuestion) Unknown {
	u := Unknown{Members: [][]string{
		{"subject", "id"},
		{"token", "subject"}, {"token", "client_id"}, {"token", "audiences"}, {"token", "scopes"},
		{"token", "kind"}, {"token", "binding"}, {"token", "expires_at"}, {"token", "claims"},
	}}
	u.unless(q.Action.Properties != nil, "action", "properties")
	u.unless(q.Resource.Properties != nil, "resource", "properties")
	u.unless(q.Context != nil, "context")
	u.unless(q.HTTP != nil, "request")
	if q.HTTP != nil {
		u.untoldOfRequest(*q.HTTP)
	}
	return u
}

func (u *Unknown) untoldOfRequest(r access.HTTPRequest) {
	u.unless(r.Method != "", "request", "method")
	u.unless(r.Scheme != "", "request", "scheme")
	u.unless(r.Host != "", "request", "host")
	u.unless(r.Path != "", "request", "path")
	u.unless(r.Path != "", "request", "segments")
	u.unless(r.Query != nil, "request", "query")
	u.unless(len(r.Arrived) > 0, "request", "headers")
	u.unless(r.ClientIP != "", "request", "client_ip")
}

func (u *Unknown) unless(told bool, path ...string) {
	if !told {
		u.Members = append(u.Members, path)
	}
}
