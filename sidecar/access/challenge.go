package access

import "strings"

// RefusalChallenges returns what a resource server sends in WWW-Authenticate when it
// refuses with one of our codes and no login would mend it: the bare scheme when
// nothing was presented (RFC 6750, section 3), invalid_token for every way in which a
// token fails (section 3.1), and nothing with a 403, a fault or a policy's own code.
//
// The description is the code's fixed sentence, so that a challenge never tells which
// check failed. The codes of a step-up give nothing here: their challenge is made from
// the login that would do.
func RefusalChallenges(c Code) []Challenge {
	row, ours := Lookup(c)
	switch {
	case !ours:
		return nil
	case c == NoCredentials:
		return []Challenge{{Scheme: SchemeBearer}}
	case row.Bearer == invalidToken, row.Bearer == invalidRequest:
		return []Challenge{{Scheme: SchemeBearer, Error: row.Bearer, Description: row.Message}}
	}
	return nil
}

// StepUpChallenges returns what a resource server sends in WWW-Authenticate to ask for a
// login (RFC 9470, section 3): any of the acr values and an age are asked for together,
// with every scope that is wanted after it.
func StepUpChallenges(s StepUpAdvice) []Challenge {
	return []Challenge{{
		Scheme:    SchemeBearer,
		Error:     insufficientUser,
		ACRValues: s.ACRValues,
		MaxAge:    s.MaxAge,
		Scope:     strings.Fields(s.AuthorizationRequest["scope"]),
	}}
}

// The authentication schemes of a Challenge.
const (
	SchemeBearer = "Bearer" // RFC 6750
	SchemeDPoP   = "DPoP"   // RFC 9449
)
