package pdp

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
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
func (q *question) attach(ctx context.Context, p *proof) (*proof, error) {
	claims := p.claims
	if claims.Kind != token.AccessToken {
		return nil, unfit(access.TokenKindMismatch, "an ID token beside what is no access token")
	}
	evidence, standing, err := q.proveOne(ctx, q.req.Evidence)
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
	return &proof{claims: &both, standing: p.standing, evidence: standing}, nil
}

func unfit(code access.Code, detail string) error { return &token.Error{Code: code, Detail: detail} }

// read reads assurance from the token and, where there is one, the ID token beside it.
//
// Only an ID token that names this very access token (at_hash, OpenID Connect Core, section
// 3.1.3.6) is about the same login for certain: then each may tell what the other leaves
// out, and a claim that both have counts as far as they agree. Otherwise the two may be of
// different logins, even in one session, and a level of the one with the time of the other
// would be a login that never was. Then one of them has to prove it all, and the other can
// only take away from that.
func (q *question) read(ctx context.Context) (assurance.Reading, error) {
	evidence := q.claims.Evidence
	if evidence == nil {
		return q.policy.Assure(ctx, q.doc)
	}
	own, other := q.claims.All.Object(), evidence.All.Object()
	if named(evidence, q.req.Credential) {
		own, other = q.united(own, other), q.united(other, own)
	}
	first, err := q.readOf(ctx, own)
	if err != nil {
		return first, err
	}
	second, err := q.readOf(ctx, other)
	return assurance.Agree(second, first, q.policy.Order()), err
}

// readOf reads what some claims tell about the login.
func (q *question) readOf(ctx context.Context, claims access.Object) (assurance.Reading, error) {
	reading, err := q.policy.Assure(ctx, q.readAs(claims))
	for name := range q.policy.Vocabulary(q.claims.Issuer).Claims {
		reading.Graded = reading.Graded || told(claims[name])
	}
	return reading, err
}

// readAs is the document with other claims about the login.
func (q *question) readAs(from access.Object) input.Document {
	claims, all := *q.claims, maps.Clone(q.claims.All.Object())
	for _, name := range q.policy.Vocabulary(q.claims.Issuer).Reads() {
		delete(all, name)
		if value := from[name]; told(value) {
			all[name] = value
		}
	}
	claims.All = token.ClaimsOf(all)
	doc := q.doc
	doc.Token = &claims
	return doc
}

// united are the claims of one token about the login, and those that it lacks of another.
func (q *question) united(last, other access.Object) access.Object {
	all := access.Object{}
	for _, name := range q.policy.Vocabulary(q.claims.Issuer).Reads() {
		for _, from := range []access.Object{other, last} {
			if value := from[name]; told(value) {
				all[name] = value
			}
		}
	}
	return all
}

// named reports whether an ID token was issued with this access token: at_hash is the left
// half of its digest, by the hash of the ID token's own algorithm, of which there are three.
func named(evidence *token.Claims, c access.Credential) bool {
	want, _ := evidence.All.Object()["at_hash"].(string)
	text := []byte(c.Reveal())
	for _, h := range []hash.Hash{sha256.New(), sha512.New384(), sha512.New()} {
		h.Write(text)
		sum := h.Sum(nil)
		if want == base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2]) {
			return true
		}
	}
	return false
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
