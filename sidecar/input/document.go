package input

import (
	"encoding/json"
	"strconv"

	"stepup/sidecar/access"
	"stepup/sidecar/token"
)

// A Document is the question as a policy sees it, at one moment. The zero value is
// nobody asking about nothing at the epoch.
type Document struct {
	Subject   access.Subject
	Action    access.Action
	Resource  access.Resource
	Context   access.Object
	Request   *access.HTTPRequest // nil: the document has no member request
	Token     *token.Claims       // nil: no verified token, and no member token
	Assurance access.Assurance
	Now       int64 // seconds since the epoch
}

// New builds the document for a request. Claims is nil when there is no verified token;
// the subject is then the one that the caller asserts, or an anonymous user without an id.
func New(req access.Request, claims *token.Claims, a access.Assurance, now int64) Document {
	subject := SubjectOf(claims, a)
	if claims == nil && req.Asserted.ID != "" {
		subject = req.Asserted
	}
	return About(subject, req, claims, a, now)
}

// About is New for a subject that is known already.
func About(subject access.Subject, req access.Request, claims *token.Claims, a access.Assurance, now int64) Document {
	return Document{
		Subject:   subject,
		Action:    req.Action,
		Resource:  req.Resource,
		Context:   req.Context,
		Request:   req.HTTP,
		Token:     claims,
		Assurance: a,
		Now:       now,
	}
}

// SubjectOf tells a person from a machine. The token's own mark decides; a token whose
// profile has none belongs to a machine when it tells nothing about a login.
func SubjectOf(claims *token.Claims, a access.Assurance) access.Subject {
	if claims == nil {
		return access.Subject{Type: access.SubjectUser}
	}
	s := access.Subject{
		Type:       access.SubjectUser,
		ID:         claims.Subject,
		Properties: claims.Properties(),
	}
	if claims.Mark == token.Machine || (claims.Mark == token.Unmarked && !a.Told) {
		s.Type = access.SubjectClient
	}
	return s
}

// Age is how long ago the person signed in, in whole seconds and without leeway. An
// unknown login time is as old as the epoch, so that "too old" is true however a rule
// says it; a login time within the clock skew of the future is 0 seconds old.
func (d Document) Age() int64 { return max(0, d.Now-d.Assurance.AuthTime) }

// Object returns the document as the JSON object that design and schema describe. The
// caller may keep it, but must not write below the free objects, which are shared.
func (d Document) Object() access.Object {
	o := access.Object{
		"subject":  entity(access.Object{"type": d.Subject.Type, "id": d.Subject.ID}, d.Subject.Properties),
		"action":   entity(access.Object{"name": d.Action.Name}, d.Action.Properties),
		"resource": entity(access.Object{"type": d.Resource.Type, "id": d.Resource.ID}, d.Resource.Properties),
		"context":  free(d.Context),
		"assurance": access.Object{
			"levels":    texts(d.Assurance.Levels),
			"methods":   texts(d.Assurance.Methods),
			"auth_time": number(d.Assurance.AuthTime),
			"age":       number(d.Age()),
		},
		"now": number(d.Now),
	}
	if d.Request != nil {
		o["request"] = requestObject(d.Request)
	}
	if d.Token != nil {
		o["token"] = TokenObject(d.Token)
	}
	return o
}

// TokenObject returns the member token of the document.
func TokenObject(c *token.Claims) access.Object {
	levels := access.Object{}
	for level, word := range c.Vocabulary.Levels {
		levels[level] = word
	}
	return access.Object{
		"issuer":     c.Issuer,
		"subject":    c.Subject,
		"client_id":  c.ClientID,
		"audiences":  texts(c.Audiences),
		"scopes":     texts(c.Scopes),
		"kind":       string(c.Kind),
		"binding":    c.Binding,
		"expires_at": number(c.ExpiresAt),
		"vocabulary": access.Object{"name": c.Vocabulary.Name, "levels": levels, "max_level": c.Vocabulary.MaxLevel},
		"claims":     free(c.All.Object()),
	}
}

func requestObject(r *access.HTTPRequest) access.Object {
	return access.Object{
		"method": r.Method, "scheme": r.Scheme, "host": r.Host, "path": r.Path,
		"segments": texts(r.Segments), "query": lists(r.Query), "headers": lists(r.Headers),
		"client_ip": r.ClientIP,
	}
}

func entity(o, properties access.Object) access.Object {
	o["properties"] = free(properties)
	return o
}

// free gives an absent free object its empty form, so that policies find an object.
func free(o access.Object) access.Object {
	if o == nil {
		return access.Object{}
	}
	return o
}

func texts(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

func lists(m map[string][]string) access.Object {
	o := make(access.Object, len(m))
	for k, v := range m {
		o[k] = texts(v)
	}
	return o
}

func number(n int64) json.Number { return json.Number(strconv.FormatInt(n, 10)) }
