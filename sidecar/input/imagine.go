package input

import (
	"maps"

	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
	"stepup/sidecar/token"
)

// Imagine builds the document that the same request would have, had the person just signed
// in by a login of the vocabulary, as one of the login's member claim sets shows it.
//
// Every claim that the vocabulary reads is gone and the member's own stand in its place;
// the login time is now, where the vocabulary names a claim for it; the scopes are the
// present ones and the login's. Everything else stays as it is. Assurance is that of
// nobody until the library has read the new claims: see [Document.Assured].
func (d Document) Imagine(v *assurance.Vocabulary, login assurance.Login, member int) Document {
	claims := *d.Token
	claims.Mark = token.Person
	claims.All = token.ClaimsOf(imaginedClaims(d.Token.All.Object(), v, login.Claims[member]))
	claims.Scopes = assurance.UniteScopes(d.Token.Scopes, login.Scopes)
	d.Token = &claims
	d.Subject.Type = access.SubjectUser
	d.Assurance = access.NoAssurance()
	return d.signedInAt(v, d.Now)
}

func imaginedClaims(present access.Object, v *assurance.Vocabulary, own access.Object) access.Object {
	all := maps.Clone(present)
	for _, name := range v.Reads() {
		delete(all, name)
	}
	maps.Copy(all, own)
	return all
}

// Assured returns the document with the assurance that the library read in its claims.
func (d Document) Assured(a access.Assurance) Document {
	d.Assurance = a
	return d
}

// Aged returns an imagined document as it would be, had the login been so many seconds
// ago. Where the vocabulary names no claim for the login time it stays unknown.
func (d Document) Aged(v *assurance.Vocabulary, seconds int64) Document {
	if len(v.AuthTime) == 0 {
		return d
	}
	claims := *d.Token
	claims.All = token.ClaimsOf(maps.Clone(d.Token.All.Object()))
	d.Token = &claims
	d.Assurance.AuthTime = d.Now - seconds
	return d.signedInAt(v, d.Now-seconds)
}

// signedInAt writes the login time under the first name that the vocabulary has for it.
// The claims of the document must be its own.
func (d Document) signedInAt(v *assurance.Vocabulary, authTime int64) Document {
	if len(v.AuthTime) > 0 {
		d.Token.All.Object()[v.AuthTime[0]] = number(authTime)
	}
	return d
}
