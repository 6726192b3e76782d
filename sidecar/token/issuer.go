package token

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"stepup/sidecar/access"
)

// An Issuer is one whose tokens are accepted, and how. Everything in it is configuration.
type Issuer struct {
	URL       string   // compared with iss byte for byte
	Audiences []string // aud of access tokens; empty: this issuer's are refused
	Clients   []string // aud of ID tokens; empty: this issuer's are refused

	// Vocabulary names the kind of provider. The shipped ones bring rules of their own
	// for verifying; any other is held to RFC 9068 strictly.
	Vocabulary string
	Claims     map[string]string // vocabulary's name to the claim's name in the token; may be nil
	Levels     map[string]string // level to this tenant's word for it; may be nil
	MaxLevel   string            // empty: no ceiling

	Algorithms []string // empty: [DefaultAlgorithms]
	// Typ lists the typ values of access tokens, "" for an absent one; empty: the
	// vocabulary's. ID tokens are not concerned: theirs is absent or JWT.
	Typ  []string
	Keys Keys
}

// Development is the issuer of development, which a flag alone brings in. Its address leads
// nowhere (RFC 6761, section 6.4).
const Development = "https://dev.stepup.invalid/"

// DefaultAlgorithms returns the signature algorithms of an issuer that lists none.
func DefaultAlgorithms() []string { return []string{"ES256", "ES384", "EdDSA", "PS256", "RS256"} }

// optInAlgorithms are sound but rare: an issuer must list them.
func optInAlgorithms() []string { return []string{"RS384", "RS512", "PS384", "PS512", "ES512"} }

// issuer is an Issuer whose configuration was checked, with what follows from it.
type issuer struct {
	Issuer
	profile    profile
	types      []string // normalised typ values of access tokens
	algorithms []jose.SignatureAlgorithm
	vocabulary Vocabulary
	properties access.Object // of the subjects of its tokens
	number     int           // of no other of the same Verifier
}

func newIssuer(c Issuer) (*issuer, error) {
	i := &issuer{Issuer: c, profile: profileOf(c.Vocabulary), properties: properties(c.URL)}
	i.vocabulary = Vocabulary{Name: c.Vocabulary, Levels: c.Levels, MaxLevel: c.MaxLevel}
	var algorithmsErr, typesErr error
	i.algorithms, algorithmsErr = algorithmsOf(c.Algorithms)
	i.types, typesErr = typesOf(c.Typ, i.profile)
	return i, errors.Join(c.checkNames(), c.checkReceivers(), checkRenames(c.Claims), algorithmsErr, typesErr)
}

func (c Issuer) checkNames() error {
	switch {
	case c.URL == "":
		return errors.New("issuer is empty")
	case c.Vocabulary == "":
		return errors.New("vocabulary is empty: name the kind of provider, or oidc")
	case c.Keys == nil:
		return errors.New("no source of keys")
	}
	return nil
}

// checkReceivers refuses lists with which every token would be refused, or which leave
// open as what a token was issued.
func (c Issuer) checkReceivers() error {
	if len(c.Audiences)+len(c.Clients) == 0 {
		return errors.New("neither audiences (access tokens) nor clients (ID tokens): every token would be refused")
	}
	if slices.Contains(c.Audiences, "") || slices.Contains(c.Clients, "") {
		return errors.New("an empty value in audiences or clients")
	}
	for _, a := range c.Audiences {
		if profileOf(c.Vocabulary).standIn == "" && slices.Contains(c.Clients, a) {
			return fmt.Errorf("%q is in both audiences and clients: its tokens could be of either kind", a)
		}
	}
	return nil
}

func algorithmsOf(names []string) ([]jose.SignatureAlgorithm, error) {
	if len(names) == 0 {
		names = DefaultAlgorithms()
	}
	known := append(DefaultAlgorithms(), optInAlgorithms()...)
	algorithms := make([]jose.SignatureAlgorithm, len(names))
	for i, name := range names {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("algorithm %q is not one of %s", name, strings.Join(known, ", "))
		}
		algorithms[i] = jose.SignatureAlgorithm(name)
	}
	return algorithms, nil
}

// otherTypes are the typ values that name another kind of token: to accept one as an
// access token is what typ exists to prevent (RFC 8725, section 3.11).
var otherTypes = [...]string{
	"secevent+jwt", "logout+jwt", "dpop+jwt", "token-introspection+jwt", "oauth-authz-req+jwt",
	"client-authentication+jwt", "txntoken+jwt", "wit+jwt", "wpt+jwt", "statuslist+jwt", "entity-statement+jwt",
}

func typesOf(configured []string, p profile) ([]string, error) {
	if len(configured) == 0 {
		return p.types(), nil
	}
	types := make([]string, len(configured))
	for i, typ := range configured {
		types[i] = normaliseType(typ)
		if slices.Contains(otherTypes[:], types[i]) {
			return nil, fmt.Errorf("typ %q names another kind of token", typ)
		}
	}
	return types, nil
}

// typed reports whether typ alone tells this issuer's access tokens from others.
func (i *issuer) typed() bool {
	return !slices.ContainsFunc(i.types, func(t string) bool { return t != typeAccess })
}

// registered are the claims that verification reads. None of them can be renamed, nor
// can another claim take the place of one: a policy would see what was not checked.
var registered = [...]string{
	"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "cnf", "client_id", "azp", "cid", "appid", "scope", "scp",
	"gty", "nonce", "at_hash", "c_hash", "s_hash", "events", "token_use", "typ", "sid",
}

func checkRenames(claims map[string]string) error {
	from := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		source := claims[name]
		if name == "" || source == "" {
			return errors.New("claims: an empty name")
		}
		for _, r := range registered {
			if name == r || source == r {
				return fmt.Errorf("claims: %q is read when tokens are verified and cannot be renamed", r)
			}
		}
		if other, twice := from[source]; twice {
			return fmt.Errorf("claims: %q and %q are both read from %q", other, name, source)
		}
		from[source] = name
	}
	return nil
}

// rename gives the claims the vocabulary's names. Only the renamed claim counts: a plain
// one beside it, or instead of it, means nothing and goes.
func (i *issuer) rename(claims access.Object) access.Object {
	if len(i.Claims) == 0 {
		return claims
	}
	all := maps.Clone(claims)
	for name, source := range i.Claims {
		delete(all, name)
		delete(all, source)
	}
	for name, source := range i.Claims {
		if v, there := claims[source]; there {
			all[name] = v
		}
	}
	return all
}
