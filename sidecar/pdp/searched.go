package pdp

import (
	"stepup/sidecar/assurance"
	"stepup/sidecar/derive"
	"stepup/sidecar/input"
)

// A Searched tells how the logins came out that were asked about after a refusal, and of
// which documents. It shows claims: it is for the policy's author, never for callers.
type Searched struct {
	Vocabulary *assurance.Vocabulary
	Tried      []derive.Trial // in the vocabulary's order

	imagined map[place]input.Document
}

// Documents are what the policy was shown of a login, as if it had happened just now: one
// for each of its members, up to the first that was refused.
func (s *Searched) Documents(login int) []input.Document {
	var list []input.Document
	for member := range s.Vocabulary.Logins[login].Claims {
		if doc, asked := s.imagined[place{login, member}]; asked {
			list = append(list, doc)
		}
	}
	return list
}

// tell gives what was searched; nil if nothing was.
func (o *oracle) tell() *Searched {
	if o == nil {
		return nil
	}
	return &Searched{Vocabulary: o.vocabulary, Tried: o.tried, imagined: o.imagined}
}
