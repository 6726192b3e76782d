package token

import (
	"strings"

	"stepup/sidecar/access"
)

// readScopes reads a scope claim: scope-tokens with one space between any two (RFC 6749,
// section 3.3; RFC 8693, section 4.2). An absent or empty one grants none.
func readScopes(claims access.Object, name string) ([]string, *Error) {
	text, err := textClaim(claims, name)
	if err != nil || text == "" {
		return []string{}, err
	}
	scopes := strings.Split(text, " ")
	for _, s := range scopes {
		if s == "" || strings.ContainsFunc(s, notOfScope) {
			return nil, refuse(access.TokenClaimInvalid, "%s is not a list of scopes with single spaces", name)
		}
	}
	return scopes, nil
}

// notOfScope is the complement of RFC 6749's NQCHAR without the space: what is left may
// stand in a quoted string of a challenge as it is.
func notOfScope(r rune) bool {
	return r < 0x21 || r > 0x7e || r == '"' || r == '\\'
}
