package token

import (
	"slices"
	"strings"

	"stepup/sidecar/access"
)

// A profile says how the tokens of one kind of provider are verified. Profiles are part
// of the program and never data of a bundle: what a bundle may change is what a login is
// worth, not whether a token is genuine.
//
// The remaining providers differ in these members only: other client names (cid, appid),
// scopes in another claim or as a list, and what stands in for a missing aud.
type profile struct {
	// strict asks for RFC 9068 in full: typ at+jwt, and iat, jti and client_id. A
	// provider that does not type its tokens is held to not being in conflict, and
	// then to what no access token has (see [notAccessToken]).
	strict bool
	// clients are the names under which the client is told, the first first.
	clients []string
	// scopes is the claim with the scopes, as one string (RFC 8693, section 4.2).
	scopes string
	// mark tells machines from people; nil: the tokens carry no mark.
	mark func(claims access.Object) (Mark, *Error)
}

// rfc9068 is the profile of every vocabulary that has none of its own.
var rfc9068 = profile{strict: true, clients: []string{"client_id"}, scopes: "scope"}

// profileOf returns the verification part of a vocabulary.
func profileOf(vocabulary string) profile {
	switch vocabulary {
	case "auth0", "auth0-rule":
		// Auth0 has two dialects of access tokens: its own (typ JWT, azp) and RFC 9068
		// (typ at+jwt, client_id).
		return profile{clients: []string{"client_id", "azp"}, scopes: "scope", mark: markOfAuth0}
	case "stepup-demo":
		p := rfc9068
		p.mark = func(claims access.Object) (Mark, *Error) { return markOfGrant(claims, "client_credentials") }
		return p
	default: // oidc among them
		return rfc9068
	}
}

// types returns the typ values that an access token may have; "" stands for an absent one.
func (p profile) types() []string {
	if p.strict {
		return []string{typeAccess}
	}
	return []string{typeAccess, typeJWT, ""}
}

// markOfAuth0 knows machines by the grant or by the subject that Auth0 gives them.
func markOfAuth0(claims access.Object) (Mark, *Error) {
	mark, err := markOfGrant(claims, "client-credentials")
	if sub, _ := claims["sub"].(string); strings.HasSuffix(sub, "@clients") {
		mark = Machine
	}
	return mark, err
}

// markOfGrant reads gty, the grant type, as a string or a list. Any other shape is
// refused: to guess "person" would be to guess in favour.
func markOfGrant(claims access.Object, machine string) (Mark, *Error) {
	v, there := claims["gty"]
	if !there {
		return Person, nil
	}
	grants, ok := textOrList(v)
	if !ok {
		return Unmarked, refuse(access.TokenClaimInvalid, "gty is neither a string nor a list of strings")
	}
	if slices.Contains(grants, machine) {
		return Machine, nil
	}
	return Person, nil
}

// textOrList reads a string, or a list of strings.
func textOrList(v any) ([]string, bool) {
	if s, ok := v.(string); ok {
		return []string{s}, true
	}
	list, ok := v.([]any)
	if !ok {
		return nil, false
	}
	texts := make([]string, len(list))
	for i, e := range list {
		if texts[i], ok = e.(string); !ok {
			return nil, false
		}
	}
	return texts, true
}
