package token

import (
	"slices"

	"stepup/sidecar/access"
)

// Kind is what a token was issued as.
type Kind string

// The kinds of token that are accepted.
const (
	AccessToken Kind = "access_token" // its aud is in the issuer's audiences (RFC 9068)
	IDToken     Kind = "id_token"     // its aud is in the issuer's clients (OpenID Connect Core, section 2)
)

// BindingNone is the binding of a bearer token. Bound tokens (cnf) are refused until
// their proofs can be checked.
const BindingNone = "none"

// Claims is what a Verifier proved about one token. Only a Verifier makes one; its
// maps and slices are shared between requests and must not be written to.
type Claims struct {
	Issuer    string
	Subject   string
	ClientID  string // empty if the token names none and its profile allows that
	Audiences []string
	Scopes    []string
	Kind      Kind
	Binding   string

	ExpiresAt int64  // exp in whole seconds, rounded down
	IssuedAt  int64  // iat in whole seconds; 0 if the token has none
	ID        string // jti; may be empty
	Session   string // sid; may be empty

	// Mark tells machines from people, where the issuer's profile knows how.
	Mark Mark

	// Vocabulary says how to read the claims that tell of the login.
	Vocabulary Vocabulary

	// Evidence is the ID token that was given beside an access token, verified; nil: none.
	Evidence *Claims

	// All holds every claim of the payload.
	All ClaimsSet
}

// Mark is what the token itself says about being a machine's.
type Mark uint8

// The marks.
const (
	Unmarked Mark = iota // the profile knows no mark: assurance decides
	Person
	Machine
)

// Vocabulary is the issuer's part in reading claims: which vocabulary, this tenant's
// own words for its levels, and the ceiling of what the issuer may assert.
type Vocabulary struct {
	Name     string
	Levels   map[string]string // level to the tenant's word for it; may be nil
	MaxLevel string            // empty: no ceiling
}

// Properties are those of the subject: of which issuer. They are shared, and must not be written to.
func (c *Claims) Properties() access.Object {
	if c.All.text == nil {
		return properties(c.Issuer)
	}
	return c.All.text.issuer.properties
}

func properties(issuer string) access.Object { return access.Object{"issuer": issuer} }

// HasScope reports whether the token was granted a scope.
func (c *Claims) HasScope(scope string) bool { return slices.Contains(c.Scopes, scope) }
