package token

import (
	"strings"

	"stepup/sidecar/access"
)

// readScopes reads the claim with the scopes: scope-tokens (RFC 6749, section 3.3) with one
// space between any two (RFC 8693, section 4.2), or a list of them. An absent or empty one
// grants none.
func (p profile) readScopes(claims access.Object) ([]string, *Error) {
	scopes, err := p.scopeTokens(claims)
	if err != nil {
		return nil, err
	}
	for _, s := range scopes {
		if s == "" || strings.ContainsFunc(s, notOfScope) {
			return nil, refuse(access.TokenClaimInvalid, "%s has something in it that is no scope", p.scopes)
		}
	}
	return scopes, nil
}

func (p profile) scopeTokens(claims access.Object) ([]string, *Error) {
	if p.scopeList {
		return textListClaim(claims, p.scopes)
	}
	text, err := textClaim(claims, p.scopes)
	if err != nil || text == "" {
		return []string{}, err
	}
	return strings.Split(text, " "), nil
}

// textListClaim reads an optional claim that must be a list of strings where it is there.
func textListClaim(claims access.Object, name string) ([]string, *Error) {
	v, there := claims[name]
	if !there {
		return []string{}, nil
	}
	_, one := v.(string)
	list, ok := textOrList(v)
	if one || !ok {
		return nil, refuse(access.TokenClaimInvalid, "%s is not a list of strings", name)
	}
	return list, nil
}

// notOfScope is the complement of RFC 6749's NQCHAR without the space: what is left may
// stand in a quoted string of a challenge as it is.
func notOfScope(r rune) bool {
	return r < 0x21 || r > 0x7e || r == '"' || r == '\\'
}
