package token

import (
	"fmt"
	"slices"

	"stepup/sidecar/access"
)

// The values of typ that name an access token (RFC 9068, section 2.1) and any JWT.
const (
	typeAccess = "at+jwt"
	typeJWT    = "jwt"
)

// maxAudiences bounds the list in aud.
const maxAudiences = 64

// readAudiences reads aud: a string, or a list of 1 to 64 strings. Access tokens of a
// provider that sends them without have another claim stand in.
func (i *issuer) readAudiences(claims access.Object) ([]string, *Error) {
	v, there := claims["aud"]
	if !there && i.profile.standIn != "" && claims[i.profile.kinds.name] == i.profile.kinds.access {
		v, there = claims[i.profile.standIn]
	}
	if !there {
		return nil, refuse(access.TokenClaimInvalid, "no aud")
	}
	list, ok := textOrList(v)
	if !ok || len(list) == 0 || len(list) > maxAudiences {
		return nil, refuse(access.TokenClaimInvalid, "aud is not a string or a list of 1 to %d strings", maxAudiences)
	}
	return list, nil
}

// kindOf says as what a token was issued to us: the provider's own word for it, where it
// has one, and aud decide. An empty list of the issuer's refuses that kind.
func (i *issuer) kindOf(p parsed) (Kind, *Error) {
	told, err := i.toldKind(p)
	switch {
	case err != nil:
		return "", err
	case told != IDToken && slices.ContainsFunc(p.audiences, i.isAudience):
		return AccessToken, nil
	case told != AccessToken && slices.ContainsFunc(p.audiences, i.isClient):
		return IDToken, nil
	}
	return "", refuse(access.AudienceMismatch, "aud has none of the issuer's audiences or clients for this kind of token")
}

// toldKind reads the provider's own word for the kind of the token: empty from providers
// that have none. Any kind but two is not for us (Keycloak's Refresh, Offline, Logout).
func (i *issuer) toldKind(p parsed) (Kind, *Error) {
	switch k := i.profile.kinds; {
	case k.name == "":
		return "", nil
	case p.says(k.name, k.access):
		return AccessToken, nil
	case p.says(k.name, k.id):
		return IDToken, nil
	default:
		return "", refuse(access.TokenKindMismatch, "%s tells neither an access token nor an ID token", k.name)
	}
}

func (i *issuer) isAudience(a string) bool { return slices.Contains(i.Audiences, a) }
func (i *issuer) isClient(a string) bool   { return slices.Contains(i.Clients, a) }

// mayHaveType reports whether any kind of token that the issuer's configuration accepts
// may have this typ. It is asked before the signature, when the kind is not yet known.
func (i *issuer) mayHaveType(typ string) bool {
	return len(i.Audiences) > 0 && slices.Contains(i.types, typ) || len(i.Clients) > 0 && isTypeOfID(typ)
}

// taken lists the types of tokens that are accepted.
func (i *issuer) taken() string {
	types := []string{}
	if len(i.Audiences) > 0 {
		types = append(types, i.types...)
	}
	if len(i.Clients) > 0 {
		types = append(types, "", typeJWT)
	}
	slices.Sort(types)
	return fmt.Sprintf("%q", slices.Compact(types))
}

func isTypeOfID(typ string) bool { return typ == "" || typ == typeJWT }

// checkKind holds a verified token to the rules of its kind.
func (i *issuer) checkKind(kind Kind, p parsed) *Error {
	if kind == IDToken {
		return i.checkIDToken(p)
	}
	return i.checkAccessToken(p)
}

func (i *issuer) checkAccessToken(p parsed) *Error {
	if !slices.Contains(i.types, p.typ) {
		return refuse(access.TypMismatch, "typ %s is not that of an access token here", Quote(p.typ))
	}
	if i.profile.strict {
		// RFC 9068, section 2.2. The client was asked for before.
		if jti, _ := p.claims["jti"].(string); jti == "" {
			return refuse(access.TokenClaimInvalid, "no jti")
		}
	}
	if !i.typed() {
		return i.notAccessToken(p)
	}
	return nil
}

// notAccessToken refuses what only other kinds of token have: with an issuer that does
// not type its access tokens, these are all there is to tell them apart.
func (i *issuer) notAccessToken(p parsed) *Error {
	for _, name := range []string{"nonce", "at_hash", "c_hash", "s_hash", "events"} {
		if _, there := p.claims[name]; there {
			return refuse(access.TokenKindMismatch, "no access token has %q", name)
		}
	}
	if p.says("token_use", "id") || p.says("typ", "ID", "Refresh", "Offline", "Logout") {
		return refuse(access.TokenKindMismatch, "its claims say that it is no access token")
	}
	if i.profile.kinds.name == "" && !slices.ContainsFunc(p.audiences, func(a string) bool { return a != p.client }) {
		return refuse(access.TokenKindMismatch, "meant for its own client only")
	}
	return nil
}

// notIDToken refuses what only other kinds of token have. A logout token (OpenID Connect
// Back-Channel Logout, section 2.4) and a security event token are told by events.
func notIDToken(p parsed) *Error {
	if _, there := p.claims["events"]; there {
		return refuse(access.TokenKindMismatch, "no ID token has %q", "events")
	}
	if p.says("token_use", "access") || p.says("typ", "Bearer", "Refresh", "Offline", "Logout") {
		return refuse(access.TokenKindMismatch, "its claims say that it is no ID token")
	}
	return nil
}

// says reports whether a claim with which providers name the kind of a token (Cognito's
// token_use, Keycloak's typ) has one of these values.
func (p parsed) says(claim string, values ...string) bool {
	s, _ := p.claims[claim].(string)
	return slices.Contains(values, s)
}

// checkIDToken follows OpenID Connect Core, sections 2 and 3.1.3.7, as far as they
// concern somebody who was not there when the token was asked for.
func (i *issuer) checkIDToken(p parsed) *Error {
	if !isTypeOfID(p.typ) {
		return refuse(access.TokenKindMismatch, "aud is a client, but typ is %s", Quote(p.typ))
	}
	if p.times.iat == nil {
		return refuse(access.TokenClaimInvalid, "no iat")
	}
	if err := i.checkAuthorizedParty(p); err != nil {
		return err
	}
	return notIDToken(p)
}

// checkAuthorizedParty holds azp to the configured clients. With several audiences only
// azp says for which of them the token was made.
func (i *issuer) checkAuthorizedParty(p parsed) *Error {
	azp, there := p.claims["azp"]
	if !there && len(p.audiences) == 1 {
		return nil
	}
	client, ok := azp.(string)
	if !ok {
		return refuse(access.TokenClaimInvalid, "azp is missing or not a string")
	}
	if !i.isClient(client) {
		return refuse(access.AudienceMismatch, "azp is none of the issuer's clients")
	}
	return nil
}
