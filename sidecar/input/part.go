package input

import (
	"stepup/sidecar/access"
)

// A Part is one place of the document that a policy can look at. Of its value depends all
// that a policy sees there and below, as [Document.Object] shows it. The two members that
// move with the clock, now and assurance.age, are no parts.
type Part struct {
	leaf
	below []string // the way on into a free object
}

// A leaf is a member that the document itself knows; everything below it is free.
type leaf struct {
	path []string
	of   func(Document) any
}

// PartsAt returns the parts at a path, below it, or of which it is a place below. None: the
// document never has anything there, but for what moves with the clock.
func PartsAt(path []string) []Part {
	var parts []Part
	for _, l := range leaves() {
		switch {
		case startsWith(path, l.path):
			parts = append(parts, Part{l, path[len(l.path):]})
		case startsWith(l.path, path):
			parts = append(parts, Part{l, nil})
		}
	}
	return parts
}

func startsWith(path, beginning []string) bool {
	if len(path) < len(beginning) {
		return false
	}
	for i, name := range beginning {
		if path[i] != name {
			return false
		}
	}
	return true
}

// Path is where the part stands.
func (p Part) Path() []string { return append(p.path[:len(p.path):len(p.path)], p.below...) }

// Of returns the part's value in a document; false if there is none: a policy that looks
// there finds nothing. Values are those of [access.Object], texts, lists of texts,
// numbers as int64, and maps of them.
func (p Part) Of(d Document) (any, bool) {
	v := p.of(d)
	for _, name := range p.below {
		member, there := memberOf(v, name)
		if !there {
			return nil, false
		}
		v = member
	}
	_, none := v.(absent)
	return v, !none
}

// memberOf follows a name, which leads into objects only.
func memberOf(v any, name string) (member any, there bool) {
	switch at := v.(type) {
	case map[string]any:
		member, there = at[name]
	case map[string][]string:
		member, there = at[name]
	case map[string]string:
		member, there = at[name]
	}
	return member, there
}

// absent is what is no member of a document without a token or without a request.
type absent struct{}

// leaves are the members of [Document.Object], which a test compares with them.
func leaves() []leaf {
	at := func(path ...string) []string { return path }
	return []leaf{
		{at("subject", "type"), func(d Document) any { return d.Subject.Type }},
		{at("subject", "id"), func(d Document) any { return d.Subject.ID }},
		{at("subject", "properties"), func(d Document) any { return free(d.Subject.Properties) }},
		{at("action", "name"), func(d Document) any { return d.Action.Name }},
		{at("action", "properties"), func(d Document) any { return free(d.Action.Properties) }},
		{at("resource", "type"), func(d Document) any { return d.Resource.Type }},
		{at("resource", "id"), func(d Document) any { return d.Resource.ID }},
		{at("resource", "properties"), func(d Document) any { return free(d.Resource.Properties) }},
		{at("context"), func(d Document) any { return free(d.Context) }},
		{at("assurance", "levels"), func(d Document) any { return d.Assurance.Levels }},
		{at("assurance", "methods"), func(d Document) any { return d.Assurance.Methods }},
		{at("assurance", "auth_time"), func(d Document) any { return d.Assurance.AuthTime }},
		ofRequest("method", func(r *access.HTTPRequest) any { return r.Method }),
		ofRequest("scheme", func(r *access.HTTPRequest) any { return r.Scheme }),
		ofRequest("host", func(r *access.HTTPRequest) any { return r.Host }),
		ofRequest("path", func(r *access.HTTPRequest) any { return r.Path }),
		ofRequest("segments", func(r *access.HTTPRequest) any { return r.Segments }),
		ofRequest("query", func(r *access.HTTPRequest) any { return r.Query }),
		ofRequest("headers", func(r *access.HTTPRequest) any { return r.Headers }),
		ofRequest("client_ip", func(r *access.HTTPRequest) any { return r.ClientIP }),
		ofToken("issuer", func(d Document) any { return d.Token.Issuer }),
		ofToken("subject", func(d Document) any { return d.Token.Subject }),
		ofToken("client_id", func(d Document) any { return d.Token.ClientID }),
		ofToken("audiences", func(d Document) any { return d.Token.Audiences }),
		ofToken("scopes", func(d Document) any { return d.Token.Scopes }),
		ofToken("kind", func(d Document) any { return string(d.Token.Kind) }),
		ofToken("binding", func(d Document) any { return d.Token.Binding }),
		ofToken("expires_at", func(d Document) any { return d.Token.ExpiresAt }),
		ofVocabulary("name", func(d Document) any { return d.Token.Vocabulary.Name }),
		ofVocabulary("levels", func(d Document) any { return d.Token.Vocabulary.Levels }),
		ofVocabulary("max_level", func(d Document) any { return d.Token.Vocabulary.MaxLevel }),
		ofToken("claims", func(d Document) any { return free(d.Token.All.Object()) }),
	}
}

func ofRequest(name string, of func(*access.HTTPRequest) any) leaf {
	return leaf{[]string{"request", name}, func(d Document) any {
		if d.Request == nil {
			return absent{}
		}
		return of(d.Request)
	}}
}

func ofToken(name string, of func(Document) any) leaf {
	return leaf{[]string{"token", name}, func(d Document) any {
		if d.Token == nil {
			return absent{}
		}
		return of(d)
	}}
}

func ofVocabulary(name string, of func(Document) any) leaf {
	l := ofToken("vocabulary", of)
	return leaf{[]string{"token", "vocabulary", name}, l.of}
}
