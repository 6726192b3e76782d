package httpreq

import "strings"

// Bearer returns the token of a user's Authorization fields (RFC 6750, section 2.1); empty: none
// was presented, also where the scheme is none of tokens. The error is an [*Unacceptable]: of
// several fields, or of several values in one, nobody knows which the application reads, and a
// token that is bound to a key is not one without its proof.
func Bearer(fields []string) (string, error) {
	if len(fields) == 0 {
		return "", nil
	}
	refuse := func(problem string) (string, error) { return "", &Unacceptable{"Authorization header", problem} }
	scheme, token, _ := strings.Cut(fields[0], " ")
	switch {
	case len(fields) > 1:
		return refuse("must be sent once")
	case strings.Contains(fields[0], ","):
		return refuse("must have one value")
	case strings.EqualFold(scheme, "DPoP"):
		return refuse("has a token that is bound to a key, whose proof is not checked yet")
	case scheme != "" && !strings.EqualFold(scheme, "Bearer"):
		return "", nil
	case !isToken68(token):
		return refuse("must be Bearer, one space and the token")
	}
	return token, nil
}

// isToken68 reports whether s is a token68 (RFC 9110, section 11.2).
func isToken68(s string) bool {
	body := strings.TrimRight(s, "=")
	return body != "" && !strings.ContainsFunc(body, func(r rune) bool {
		alphanumeric := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !alphanumeric && !strings.ContainsRune("-._~+/", r)
	})
}
