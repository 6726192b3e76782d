package token

import (
	"slices"

	"stepup/sidecar/access"
)

// conclude checks for whom, about whom and as what the token was issued, and sums up.
func (i *issuer) conclude(p parsed) (*Claims, *Error) {
	var err *Error
	if p.audiences, err = i.readAudiences(p.claims); err != nil {
		return nil, err
	}
	kind, err := i.kindOf(p)
	if err != nil {
		return nil, err
	}
	c := &Claims{
		Issuer: i.URL, Audiences: p.audiences, Kind: kind, Binding: BindingNone,
		ExpiresAt: *p.times.exp, IssuedAt: p.times.issuedAt(),
		Vocabulary: i.vocabulary, All: i.signed(p.raw, i.rename(p.claims)),
	}
	if err := i.readParties(c, &p); err != nil {
		return nil, err
	}
	if err := i.checkKind(kind, p); err != nil {
		return nil, err
	}
	// Whatever cnf holds (RFC 7800), the token is not a bearer's, and the proof that it
	// asks for is not one we can check. No setting ignores it.
	if _, bound := p.claims["cnf"]; bound {
		return nil, refuse(access.BindingFailed, "bound to a key (cnf), and no proof was checked")
	}
	return c, i.readRest(c, p)
}

// readParties reads who the token is about and which client it was issued to.
func (i *issuer) readParties(c *Claims, p *parsed) *Error {
	const longest = 255 // OpenID Connect Core, section 2
	sub, ok := p.claims["sub"].(string)
	if !ok || sub == "" || len(sub) > longest {
		return refuse(access.TokenClaimInvalid, "sub is not a string of 1 to %d bytes", longest)
	}
	c.Subject = sub
	client, err := i.readClient(c.Kind, *p)
	c.ClientID, p.client = client, client
	return err
}

// readClient reads the client under the names of the profile. When two of them are there
// they must agree; an ID token's client is its azp, or else its audience.
func (i *issuer) readClient(kind Kind, p parsed) (string, *Error) {
	names := i.profile.clients
	if kind == IDToken {
		names = []string{"azp"}
	}
	client := ""
	for _, name := range names {
		v, there := p.claims[name]
		if !there {
			continue
		}
		s, ok := v.(string)
		if !ok || s == "" || client != "" && client != s {
			return "", refuse(access.TokenClaimInvalid, "%s is not a client's name, or not the same as another", name)
		}
		client = s
	}
	switch {
	case client != "":
		return client, nil
	case kind == IDToken:
		return p.audiences[slices.IndexFunc(p.audiences, i.isClient)], nil
	}
	return "", refuse(access.TokenClaimInvalid, "no %s", i.profile.clients[0])
}

// readRest reads scopes, mark and what may be missing.
func (i *issuer) readRest(c *Claims, p parsed) *Error {
	var err *Error
	if c.Scopes, err = i.profile.readScopes(p.claims); err != nil {
		return err
	}
	if c.Mark, err = i.markOf(c.Kind, p.claims); err != nil {
		return err
	}
	if c.ID, err = textClaim(p.claims, "jti"); err != nil {
		return err
	}
	c.Session, err = textClaim(p.claims, "sid")
	return err
}

// markOf tells machines from people. An ID token is about a person's login, whoever
// issued it: that is what it is for.
func (i *issuer) markOf(kind Kind, claims access.Object) (Mark, *Error) {
	switch {
	case kind == IDToken:
		return Person, nil
	case i.profile.mark == nil:
		return Unmarked, nil
	}
	return i.profile.mark(claims)
}

// textClaim reads an optional claim that must be a string where it is there.
func textClaim(claims access.Object, name string) (string, *Error) {
	v, there := claims[name]
	if !there {
		return "", nil
	}
	s, ok := v.(string)
	if !ok {
		return "", refuse(access.TokenClaimInvalid, "%s is not a string", name)
	}
	return s, nil
}
