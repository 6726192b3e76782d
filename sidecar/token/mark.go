package token

import (
	"slices"
	"strings"

	"stepup/sidecar/access"
)

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

// markOfOkta knows people by uid, which "isn't included in the access token if there is no
// user bound to it" (Okta, OpenID Connect & OAuth 2.0 API, access token payload).
func markOfOkta(claims access.Object) (Mark, *Error) {
	uid, err := textClaim(claims, "uid")
	if uid == "" {
		return Machine, err
	}
	return Person, nil
}

// markOfKeycloak knows machines by the claims of a service account, and people by a user
// session, which client credentials have none of (Keycloak, Server Administration Guide,
// "Using a service account"). It must know: a service account has an acr like a person.
func markOfKeycloak(claims access.Object) (Mark, *Error) {
	for _, name := range []string{"client_id", "clientId", "clientHost", "clientAddress"} {
		if _, there := claims[name]; there {
			return Machine, nil
		}
	}
	if name, _ := claims["preferred_username"].(string); strings.HasPrefix(name, "service-account-") {
		return Machine, nil
	}
	for _, name := range []string{"sid", "session_state"} { // the second before Keycloak 25
		if session, err := textClaim(claims, name); session != "" || err != nil {
			return Person, err
		}
	}
	return Machine, nil
}

// markOfEntra knows app-only tokens by idtyp, "the most accurate way" (Microsoft identity
// platform, optional claims reference). An API that did not ask for that claim tells by
// scp, "only included for user tokens" (access token claims reference).
func markOfEntra(claims access.Object) (Mark, *Error) {
	kind, err := textClaim(claims, "idtyp")
	if err != nil {
		return Unmarked, err
	}
	scopes, err := textClaim(claims, "scp")
	switch {
	case kind == "user", kind == "" && scopes != "":
		return Person, err
	}
	return Machine, err
}

// markOfCognito knows people by username; the subject of client credentials is the client.
func markOfCognito(claims access.Object) (Mark, *Error) {
	if username, err := textClaim(claims, "username"); username == "" {
		return Machine, err
	}
	return markOfSubject(claims)
}

// markOfSubject knows machines by a subject that is the client itself (RFC 9068, section
// 2.2).
func markOfSubject(claims access.Object) (Mark, *Error) {
	if claims["sub"] == claims["client_id"] {
		return Machine, nil
	}
	return Person, nil
}
