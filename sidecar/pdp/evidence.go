package pdp

import (
	"context"
	"fmt"
	"maps"

	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
	"stepup/sidecar/input"
	"stepup/sidecar/token"
)

// attach verifies an ID token that was given beside an access token and attaches it, for
// providers whose access tokens tell nothing of the login. It must be of the same issuer,
// about the same person, and of the same session where both name one (OpenID Connect
// Front-Channel Logout, section 3: sid). One that does not hold is never treated as none.
func (q *question) attach(ctx context.Context, claims *token.Claims) (*token.Claims, error) {
	if claims.Kind != token.AccessToken {
		return nil, unfit(access.TokenKindMismatch, "an ID token beside what is no access token")
	}
	evidence, err := q.Verifier.Verify(ctx, q.now, q.req.Evidence)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the ID token beside the access token: %w", err)
	case evidence.Kind != token.IDToken:
		return nil, unfit(access.TokenKindMismatch, "what stands beside the access token is no ID token")
	case evidence.Issuer != claims.Issuer || evidence.Subject != claims.Subject:
		return nil, unfit(access.TokenClaimInvalid, "the ID token is of another issuer or subject than the access token")
	case evidence.Session != "" && claims.Session != "" && evidence.Session != claims.Session:
		return nil, unfit(access.TokenClaimInvalid, "the ID token is of another session than the access token")
	}
	both := *claims
	both.Evidence = evidence
	if both.Mark == token.Unmarked {
		both.Mark = token.Person // a machine has no ID token
	}
	return &both, nil
}

func unfit(code access.Code, detail string) error { return &token.Error{Code: code, Detail: detail} }

// read reads assurance from the token and, where there is one, the ID token beside it: once
// with each having the last word about a claim that both have, and what they agree on
// counts. A claim that only one of them has contradicts nothing.
func (q *question) read(ctx context.Context) (assurance.Reading, error) {
	evidence := q.claims.Evidence
	if evidence == nil {
		return q.policy.Assure(ctx, q.doc)
	}
	first, err := q.policy.Assure(ctx, q.readAs(q.claims.All, evidence.All))
	if err != nil {
		return first, err
	}
	second, err := q.policy.Assure(ctx, q.readAs(evidence.All, q.claims.All))
	return assurance.Agree(first, second, q.policy.Order()), err
}

// readAs is the document with the claims of the login of one token, and those of the
// other that it lacks.
func (q *question) readAs(last, other access.Object) input.Document {
	claims := *q.claims
	claims.All = maps.Clone(q.claims.All)
	for _, name := range q.policy.Vocabulary(q.claims.Issuer).Reads() {
		delete(claims.All, name)
		for _, from := range []access.Object{other, last} {
			if value := from[name]; told(value) {
				claims.All[name] = value
			}
		}
	}
	doc := q.doc
	doc.Token = &claims
	return doc
}

// told reports whether a claim says anything: null, "" and [] count as absent.
func told(value any) bool {
	list, isList := value.([]any)
	return value != nil && value != "" && (!isList || len(list) > 0)
}

// issuedAt is when the newest of the tokens was issued; 0 if none tells.
func (q *question) issuedAt() int64 {
	if q.claims.Evidence == nil {
		return q.claims.IssuedAt
	}
	return max(q.claims.IssuedAt, q.claims.Evidence.IssuedAt)
}

// expiresAt is when the first of the tokens expires.
func (q *question) expiresAt() int64 {
	if q.claims.Evidence == nil {
		return q.claims.ExpiresAt
	}
	return min(q.claims.ExpiresAt, q.claims.Evidence.ExpiresAt)
}
