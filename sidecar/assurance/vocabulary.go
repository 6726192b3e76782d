package assurance

import (
	"slices"
	"strings"

	"stepup/sidecar/access"
)

// A Vocabulary is what one kind of provider says and can be asked, as one issuer uses
// it. It is made by [Catalog.For]; it is shared, and must not be written to.
type Vocabulary struct {
	Name     string
	Words    map[string]string // this tenant's words, level to word; nil: the shipped ones
	MaxLevel string            // the ceiling of what the issuer may assert; empty: none

	// Claims says which level each value of a claim means, [access.NoLevel] for a value
	// that is known to mean none. Tenant words are substituted.
	Claims map[string]map[string]string
	// Methods and AuthTime name the claims that tell the methods and the time of the
	// login; empty where the provider's tokens carry none.
	Methods  []string
	AuthTime []string
	// Absent is the level of a login of which no claim in Claims tells.
	Absent string
	// Logins are what the provider offers, weakest first: those that MaxLevel allows,
	// with the tenant's words.
	Logins []Login

	kinds      map[string]kind
	wordsClaim string // empty: no claim whose values a tenant may rename
	challenge  challenge
}

// A Login is a class of logins that a provider offers and that look alike to it.
type Login struct {
	Level string
	// Claims are the members of the class: what a token tells after such a login, apart
	// from its time. There is at least one; a member may be empty.
	Claims []access.Object
	// Scopes are granted with this login beyond those asked for.
	Scopes []string
	// Request holds the parameters of the authorization request that asks for it: scope,
	// acr_values, max_age, prompt (OpenID Connect Core, section 3.1.2.1), and claims
	// (section 5.5) where the vocabulary asks that way.
	Request map[string]string
}

// ACRValues returns the acr_values of the request, in its order.
func (l Login) ACRValues() []string { return strings.Fields(l.Request["acr_values"]) }

// Reads returns the names of all claims that the vocabulary reads, sorted: those that an
// imagined login replaces.
func (v *Vocabulary) Reads() []string {
	names := append(v.texts(), v.AuthTime...)
	slices.Sort(names)
	return slices.Compact(names)
}

// texts names the claims of levels and of methods, some of them twice.
func (v *Vocabulary) texts() []string {
	names := slices.Clone(v.Methods)
	for name := range v.Claims {
		names = append(names, name)
	}
	return names
}

// kind is the JSON type of a claim.
type kind string

const (
	stringKind       kind = "string"
	listKind         kind = "list"
	stringOrListKind kind = "string_or_list"
)

// kindOf gives methods lists and other claims strings, unless the vocabulary says
// otherwise.
func (v *Vocabulary) kindOf(claim string) kind {
	if k, said := v.kinds[claim]; said {
		return k
	}
	if slices.Contains(v.Methods, claim) {
		return listKind
	}
	return stringKind
}
