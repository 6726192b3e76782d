package pdp

import (
	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
	"stepup/sidecar/derive"
	"stepup/sidecar/input"
)

// An imagination builds the documents of logins that did not happen, each once.
type imagination struct {
	library    library
	vocabulary *assurance.Vocabulary
	from       input.Document // the document of the login that did happen, or of anybody
	imagined   map[place]input.Document
}

// library reads assurance. A [Policy] has one.
type library interface {
	AssureLogin(issuer string, login, member int, moment int64) access.Assurance
}

// A place is where the vocabulary has a member claim set: the login, and in it the member.
type place struct{ login, member int }

func newImagination(l library, v *assurance.Vocabulary, from input.Document) imagination {
	return imagination{library: l, vocabulary: v, from: from, imagined: map[place]input.Document{}}
}

// document builds the document of a candidate who signed in just now.
func (i imagination) document(c derive.Candidate) input.Document {
	at := place{c.Number, c.Member}
	if doc, known := i.imagined[at]; known {
		return doc
	}
	doc := i.from.Imagine(i.vocabulary, c.Login, c.Member)
	doc = doc.Assured(i.library.AssureLogin(doc.Token.Issuer, c.Number, c.Member, doc.Now))
	i.imagined[at] = doc
	return doc
}

// timeless reports that these logins have no age, because the provider never tells it.
func (i imagination) timeless() bool { return len(i.vocabulary.AuthTime) == 0 }
