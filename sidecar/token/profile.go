package token

import "stepup/sidecar/access"

// A profile says how the tokens of one kind of provider are verified. Profiles are part
// of the program and never data of a bundle: what a bundle may change is what a login is
// worth, not whether a token is genuine.
type profile struct {
	// strict asks for RFC 9068 in full: typ at+jwt, and iat, jti and client_id. A
	// provider that does not type its tokens is held to not being in conflict, and
	// then to what no access token has (see [notAccessToken]).
	strict bool
	// clients are the names under which the client is told, the first first.
	clients []string
	// scopes is the claim with the scopes: one string (RFC 8693, section 4.2), or a list
	// where scopeList is set.
	scopes    string
	scopeList bool
	// kinds is the claim by which the provider itself tells its kinds of token apart;
	// without a name for it, aud tells.
	kinds kindClaim
	// standIn is the claim that is read for a missing aud of an access token. Only a
	// profile whose provider tells kinds apart may have one: the same client can then be
	// among the issuer's audiences and its clients.
	standIn string
	// mark tells machines from people; nil: the tokens carry no mark.
	mark func(claims access.Object) (Mark, *Error)
}

// A kindClaim is a claim with the values that access tokens and ID tokens have.
type kindClaim struct{ name, access, id string }

// rfc9068 is the profile of every vocabulary that has none of its own.
var rfc9068 = profile{strict: true, clients: []string{"client_id"}, scopes: "scope"}

// profileOf returns the verification part of a vocabulary.
func profileOf(vocabulary string) profile {
	switch vocabulary {
	case "auth0", "auth0-rule":
		// Auth0 has two dialects of access tokens: its own (typ JWT, azp) and RFC 9068
		// (typ at+jwt, client_id).
		return profile{clients: []string{"client_id", "azp"}, scopes: "scope", mark: markOfAuth0}
	case "okta":
		return profile{clients: []string{"cid"}, scopes: "scp", scopeList: true, mark: markOfOkta}
	case "keycloak":
		return profile{clients: []string{"azp"}, scopes: "scope", kinds: kindClaim{"typ", "Bearer", "ID"}, mark: markOfKeycloak}
	case "entra":
		// azp in tokens of version 2.0, appid in those of 1.0.
		return profile{clients: []string{"azp", "appid"}, scopes: "scp", mark: markOfEntra}
	case "cognito":
		return profile{
			clients: []string{"client_id"}, scopes: "scope", kinds: kindClaim{"token_use", "access", "id"},
			standIn: "client_id", mark: markOfCognito,
		}
	case "logto":
		p := rfc9068
		p.mark = markOfSubject
		return p
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
