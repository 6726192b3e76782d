package idp

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const (
	typeAccess = "at+jwt" // RFC 9068, section 2.1
	typeID     = "JWT"

	idTokenLifetime = 10 * time.Minute
	codeLifetime    = time.Minute
)

// issue makes the tokens of a grant.
func (p *Provider) issue(g *grant, scopes []string, nonce string, now time.Time) (*op.Response, error) {
	access, err := p.keys.sign(now, typeAccess, p.accessClaims(g, scopes, now))
	if err != nil {
		return nil, err
	}
	id, err := p.keys.sign(now, typeID, p.idClaims(g, scopes, nonce, access, now))
	if err != nil {
		return nil, err
	}
	return op.NewResponse(&oidc.AccessTokenResponse{
		AccessToken: access, IDToken: id, RefreshToken: p.refreshToken(g, now), TokenType: oidc.BearerToken,
		ExpiresIn: uint64(p.config.AccessTokenLifetime / time.Second), Scope: scopes,
	}), nil
}

// refreshToken makes the next refresh token of a grant that asked for one; "" otherwise.
func (p *Provider) refreshToken(g *grant, now time.Time) string {
	if !slices.Contains(g.scopes, oidc.ScopeOfflineAccess) {
		return ""
	}
	text := randomText(32)
	p.refreshes.put(text, &refresh{grant: g}, now, g.ends)
	return text
}

// accessClaims are those of RFC 9068, section 2.2, and of the login.
func (p *Provider) accessClaims(g *grant, scopes []string, now time.Time) map[string]any {
	claims := map[string]any{
		"iss": p.config.Issuer, "sub": g.account.user.id(), "aud": p.config.Audience, "client_id": g.client.ID,
		"iat": now.Unix(), "exp": now.Add(p.config.AccessTokenLifetime).Unix(), "jti": randomText(16),
		"scope": strings.Join(scopes, " "), "sid": g.sid,
	}
	p.tellLogin(claims, g.claims)
	return claims
}

// idClaims are those of OpenID Connect Core, section 2, and of the login.
func (p *Provider) idClaims(g *grant, scopes []string, nonce, access string, now time.Time) map[string]any {
	claims := map[string]any{
		"iss": p.config.Issuer, "sub": g.account.user.id(), "aud": g.client.ID,
		"iat": now.Unix(), "exp": now.Add(idTokenLifetime).Unix(), "sid": g.sid, "at_hash": hashOf(access),
	}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	g.account.tell(claims, scopes)
	p.tellLogin(claims, g.claims)
	return claims
}

// tellLogin adds what the login rule said; here the provider may misbehave.
func (p *Provider) tellLogin(claims map[string]any, login Claims) {
	m := p.misbehaviour()
	claims["authentication_level"] = login.AuthenticationLevel
	claims["acr"] = login.ACR
	if !m.DropAMR && len(login.AMR) > 0 {
		claims["amr"] = login.AMR
	}
	if !m.NoAuthTime {
		claims["auth_time"] = login.AuthTime - int64(m.OldAuthTime/time.Second)
	}
}

// tell adds the claims that the scopes ask for (OpenID Connect Core, section 5.4).
func (a *account) tell(claims map[string]any, scopes []string) {
	if slices.Contains(scopes, oidc.ScopeProfile) {
		claims["name"], claims["preferred_username"] = a.user.fullName(), a.user.Name
	}
	if slices.Contains(scopes, oidc.ScopeEmail) && a.user.Email != "" {
		claims["email"] = a.user.Email
	}
}

// hashOf is at_hash: the left half of SHA-256, as RS256 has it (OpenID Connect Core,
// section 3.1.3.6).
func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// errSignInAgain is the rule's word that nothing bears the login any more.
var errSignInAgain = errors.New("the login rule wants a new login")

// askForRefresh asks the rule, which has to repeat the claims of the login.
func (p *Provider) askForRefresh(ctx context.Context, g *grant, now time.Time) error {
	answer, err := p.ask(ctx, Question{
		AuthorizationRequest: g.asked,
		User:                 Person{ID: g.account.user.id(), Factors: p.methodsOf(g.account)},
		Session:              Proved{Completed: g.proofs, RequestedAt: g.requestedAt, Refresh: true, Claims: g.claims.object()},
		Client:               g.client.application(),
		Now:                  now.Unix(),
	})
	switch {
	case err != nil:
		return err
	case answer.Error != "":
		return errSignInAgain
	case !answer.Claims.equal(g.claims):
		return errors.New("the login rule moves the claims of a login on a refresh")
	}
	return nil
}

func (c Claims) object() map[string]any {
	return map[string]any{"authentication_level": c.AuthenticationLevel, "acr": c.ACR, "amr": c.AMR, "auth_time": c.AuthTime}
}

func (c Claims) equal(other Claims) bool {
	return c.AuthenticationLevel == other.AuthenticationLevel && c.ACR == other.ACR &&
		slices.Equal(c.AMR, other.AMR) && c.AuthTime == other.AuthTime
}

func (c Client) application() Application {
	return Application{ID: c.ID, Properties: map[string]any{}}
}
