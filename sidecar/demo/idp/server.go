package idp

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// server is the provider as the op package knows one: it parses requests, finds the
// client and checks redirect_uri before these methods are called.
type server struct {
	op.UnimplementedServer
	p *Provider
}

// discovery adds to the library's document what it has no name for.
type discovery struct {
	*oidc.DiscoveryConfiguration
	ACRValues     []string `json:"acr_values_supported"`
	IssInResponse bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207
	PromptValues  []string `json:"prompt_values_supported"`
	ClaimsParam   bool     `json:"claims_parameter_supported"`
}

// Discovery is OpenID Connect Discovery 1.0, section 3. That acr_values_supported is there
// says that acr_values and max_age are honoured (RFC 9470, section 7).
func (s *server) Discovery(context.Context, *op.Request[struct{}]) (*op.Response, error) {
	e, issuer := endpoints(), s.p.origin
	secrets := []oidc.AuthMethod{oidc.AuthMethodBasic, oidc.AuthMethodPost}
	return op.NewResponse(discovery{
		DiscoveryConfiguration: &oidc.DiscoveryConfiguration{
			Issuer:                                    s.p.config.Issuer,
			AuthorizationEndpoint:                     e.Authorization.Absolute(issuer),
			TokenEndpoint:                             e.Token.Absolute(issuer),
			IntrospectionEndpoint:                     e.Introspection.Absolute(issuer),
			UserinfoEndpoint:                          e.Userinfo.Absolute(issuer),
			RevocationEndpoint:                        e.Revocation.Absolute(issuer),
			EndSessionEndpoint:                        issuer + "/end_session",
			JwksURI:                                   e.JwksURI.Absolute(issuer),
			ScopesSupported:                           scopesSupported(),
			ResponseTypesSupported:                    []string{string(oidc.ResponseTypeCode)},
			ResponseModesSupported:                    []string{string(oidc.ResponseModeQuery)},
			GrantTypesSupported:                       []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken},
			SubjectTypesSupported:                     []string{"public"},
			IDTokenSigningAlgValuesSupported:          []string{string(signatureAlgorithm)},
			TokenEndpointAuthMethodsSupported:         append(secrets, oidc.AuthMethodNone),
			IntrospectionEndpointAuthMethodsSupported: secrets,
			RevocationEndpointAuthMethodsSupported:    append(secrets, oidc.AuthMethodNone),
			CodeChallengeMethodsSupported:             []oidc.CodeChallengeMethod{oidc.CodeChallengeMethodS256},
			ClaimsSupported: []string{
				"sub", "iss", "aud", "exp", "iat", "nonce", "auth_time", "acr", "amr", "sid", "at_hash",
				"authentication_level", "name", "preferred_username", "email",
			},
		},
		ACRValues: acrValuesSupported(), IssInResponse: true, ClaimsParam: true,
		PromptValues: []string{"none", "login", "select_account"},
	}), nil
}

func acrValuesSupported() []string { return []string{"normal", "mfa", "phr"} }

// scopesSupported are granted exactly as asked; any other is left out.
func scopesSupported() []string {
	return []string{
		oidc.ScopeOpenID, oidc.ScopeProfile, oidc.ScopeEmail, oidc.ScopeOfflineAccess,
		"read:customers", "read:employees", "write:payroll", "step_up",
	}
}

// Keys is the JWK Set (RFC 7517, section 5).
func (s *server) Keys(context.Context, *op.Request[struct{}]) (*op.Response, error) {
	response := op.NewResponse(s.p.keys.published())
	response.Header.Set("Cache-Control", "public, max-age=300")
	return response, nil
}

// VerifyAuthRequest finds the client.
func (s *server) VerifyAuthRequest(_ context.Context, r *op.Request[oidc.AuthRequest]) (*op.ClientRequest[oidc.AuthRequest], error) {
	client, there := s.p.client(r.Data.ClientID)
	if !there {
		return nil, oidc.ErrInvalidRequestRedirectURI().WithDescription("client_id is not known here")
	}
	return &op.ClientRequest[oidc.AuthRequest]{Request: r, Client: relyingParty{client}}, nil
}

// Authorize begins an interaction, and sends the browser to it.
func (s *server) Authorize(_ context.Context, r *op.ClientRequest[oidc.AuthRequest]) (*op.Redirect, error) {
	asked, err := s.readAuthRequest(r)
	if err != nil {
		return nil, err
	}
	now := s.p.now()
	browser, cookie := s.p.browserOf(r.Header)
	it := &interaction{id: randomText(24), browser: digest(browser), request: asked, began: now, way: r.Form.Get("connection")}
	s.p.interactions.put(it.id, it, now, now.Add(interactionLifetime))
	redirect := op.NewRedirect(it.address())
	if cookie != nil {
		redirect.Header.Add("Set-Cookie", cookie.String())
	}
	return redirect, nil
}

// readAuthRequest checks what the library leaves to us.
func (s *server) readAuthRequest(r *op.ClientRequest[oidc.AuthRequest]) (request, error) {
	d := r.Data
	client, _ := s.p.client(d.ClientID)
	if err := checkParameters(r.Form); err != nil {
		return request{}, err
	}
	pkce, err := readPKCE(d, client)
	switch {
	case err != nil:
		return request{}, err
	case !slices.Contains(d.Scopes, oidc.ScopeOpenID):
		return request{}, oidc.ErrInvalidScope().WithDescription("scope openid is missing")
	case d.ResponseMode != "" && d.ResponseMode != oidc.ResponseModeQuery:
		return request{}, oidc.ErrInvalidRequest().WithDescription("response_mode is not supported")
	}
	claims, err := readClaims(r.Form.Get("claims"))
	if err != nil {
		return request{}, err
	}
	hint, err := s.p.subjectOfHint(d.IDTokenHint, d.ClientID)
	if err != nil {
		return request{}, err
	}
	if c := r.Form.Get("connection"); c != "" && s.p.factors[c] == nil {
		return request{}, oidc.ErrInvalidRequest().WithDescription("connection is not one of this provider's")
	}
	return request{
		client: client, redirectURI: d.RedirectURI, state: d.State, nonce: d.Nonce, challenge: pkce,
		scopes: distinct(d.Scopes), loginHint: d.LoginHint, subject: hint,
		asked: AuthorizationRequest{
			Scope: strings.Join(distinct(d.Scopes), " "), ACRValues: strings.Join(d.ACRValues, " "),
			MaxAge: r.Form.Get("max_age"), Prompt: strings.Join(d.Prompt, " "), Claims: claims,
		},
	}, nil
}

// maxRequest bounds what is kept of an authorization request.
const maxRequest = 8 << 10

// checkParameters refuses what is ambiguous, too much, or not built.
func checkParameters(form url.Values) error {
	size := 0
	for name, values := range form {
		switch {
		case len(values) > 1: // RFC 6749, section 3.1
			return oidc.ErrInvalidRequest().WithDescription("a parameter is there twice")
		case name == "request" || name == "request_uri":
			return oidc.ErrRequestNotSupported()
		}
		size += len(values[0])
	}
	if size > maxRequest {
		return oidc.ErrInvalidRequest().WithDescription("the request is too large")
	}
	return nil
}

// readPKCE takes S256 alone (RFC 9700, section 2.1.1), and nothing only from a client that
// is known to send none.
func readPKCE(d *oidc.AuthRequest, client Client) (*oidc.CodeChallenge, error) {
	switch {
	case d.CodeChallenge == "" && client.WithoutPKCE && d.Nonce != "":
		return nil, nil
	case d.CodeChallenge == "" || d.CodeChallengeMethod != oidc.CodeChallengeMethodS256:
		return nil, oidc.ErrInvalidRequest().WithDescription("PKCE with code_challenge_method S256 is required")
	}
	return &oidc.CodeChallenge{Challenge: d.CodeChallenge, Method: d.CodeChallengeMethod}, nil
}

func readClaims(text string) (map[string]any, error) {
	if text == "" {
		return nil, nil
	}
	var claims map[string]any
	if err := json.Unmarshal([]byte(text), &claims); err != nil || claims == nil {
		return nil, oidc.ErrInvalidRequest().WithDescription("claims is not a JSON object")
	}
	return claims, nil
}

// distinct drops empty and repeated scopes.
func distinct(scopes []string) []string {
	var kept []string
	for _, s := range scopes {
		if s != "" && !slices.Contains(kept, s) {
			kept = append(kept, s)
		}
	}
	return kept
}

// subjectOfHint reads an ID token of ours, which may have expired (OpenID Connect Core,
// section 3.1.2.1, id_token_hint).
func (p *Provider) subjectOfHint(hint, client string) (string, error) {
	if hint == "" {
		return "", nil
	}
	claims, err := p.keys.verify(hint, typeID)
	if err != nil || claims["iss"] != p.config.Issuer || claims["aud"] != client {
		return "", oidc.ErrLoginRequired().WithDescription("id_token_hint is not an ID token of this provider and client")
	}
	subject, _ := claims["sub"].(string)
	return subject, nil
}

// VerifyClient authenticates a client by its secret. A public client has none, and one
// that sends a secret is not that client.
func (s *server) VerifyClient(_ context.Context, r *op.Request[op.ClientCredentials]) (op.Client, error) {
	client, err := s.p.authenticate(r.Data)
	if err != nil {
		return nil, err
	}
	return relyingParty{client}, nil
}

func (p *Provider) authenticate(c *op.ClientCredentials) (Client, error) {
	client, there := p.client(c.ClientID)
	if !there || c.ClientAssertion != "" || !sameSecret(client.Secret, c.ClientSecret) {
		return Client{}, op.NewStatusError(oidc.ErrInvalidClient().WithDescription("the client is not known, or its secret is wrong"), http.StatusUnauthorized)
	}
	return client, nil
}

// A code stands for a grant, once.
type code struct {
	grant       *grant
	redirectURI string
	challenge   *oidc.CodeChallenge
	issued      bool // guarded by the grant's mu
}

// CodeExchange is RFC 6749, section 4.1.3, with RFC 7636, section 4.6. A code that comes
// a second time takes away what the first gave (RFC 6749, section 4.1.2).
func (s *server) CodeExchange(_ context.Context, r *op.ClientRequest[oidc.AccessTokenRequest]) (*op.Response, error) {
	now := s.p.now()
	c, there := s.p.codes.get(r.Data.Code, now)
	if !there || c.grant.client.ID != r.Client.GetID() {
		return nil, oidc.ErrInvalidGrant().WithDescription("the code is not known, or too old")
	}
	if r.Data.RedirectURI != c.redirectURI {
		return nil, oidc.ErrInvalidGrant().WithDescription("redirect_uri is not that of the authorization request")
	}
	if err := op.AuthorizeCodeChallenge(r.Data.CodeVerifier, c.challenge); err != nil {
		return nil, err
	}
	if !c.take() {
		c.grant.revoke()
		return nil, oidc.ErrInvalidGrant().WithDescription("the code was used before")
	}
	return s.p.issue(c.grant, c.grant.scopes, c.grant.nonce, now)
}

func (c *code) take() bool {
	c.grant.mu.Lock()
	defer c.grant.mu.Unlock()
	first := !c.issued
	c.issued = true
	return first
}

// A refresh token stands for a grant, once: the next one comes with its answer.
type refresh struct {
	grant *grant
	used  bool // guarded by the grant's mu
}

// RefreshToken is RFC 6749, section 6, with rotation (RFC 9700, section 4.14.2): a token
// that comes a second time was stolen from somebody, and ends the grant. The login rule
// is asked, and can only repeat what it said at the login: acr and auth_time never move.
func (s *server) RefreshToken(ctx context.Context, r *op.ClientRequest[oidc.RefreshTokenRequest]) (*op.Response, error) {
	now := s.p.now()
	t, there := s.p.refreshes.get(r.Data.RefreshToken, now)
	if !there || t.grant.client.ID != r.Client.GetID() || t.grant.isRevoked() {
		return nil, oidc.ErrInvalidGrant().WithDescription("the refresh token is not known, or too old")
	}
	scopes := distinct(r.Data.Scopes)
	if len(scopes) == 0 {
		scopes = t.grant.scopes
	}
	for _, scope := range scopes {
		if !slices.Contains(t.grant.scopes, scope) {
			return nil, oidc.ErrInvalidScope().WithDescription("scope is wider than what was granted")
		}
	}
	if err := s.p.askForRefresh(ctx, t.grant, now); errors.Is(err, errSignInAgain) {
		return nil, oidc.ErrInvalidGrant().WithDescription("sign in again")
	} else if err != nil {
		s.p.fault(ctx, "refreshing", err)
		return nil, oidc.ErrServerError().WithDescription("the login rule could not be asked")
	}
	if !t.take() { // last, so that after a fault it still works
		t.grant.revoke()
		return nil, oidc.ErrInvalidGrant().WithDescription("the refresh token was used before")
	}
	return s.p.issue(t.grant, scopes, "", now)
}

func (t *refresh) take() bool {
	t.grant.mu.Lock()
	defer t.grant.mu.Unlock()
	first := !t.used
	t.used = true
	return first
}

// Introspect is RFC 7662, for clients with a secret.
func (s *server) Introspect(_ context.Context, r *op.Request[op.IntrospectionRequest]) (*op.Response, error) {
	client, err := s.p.authenticate(r.Data.ClientCredentials)
	if err != nil || client.Secret == "" {
		return nil, op.NewStatusError(oidc.ErrInvalidClient(), http.StatusUnauthorized)
	}
	claims, active := s.p.activeToken(r.Data.Token)
	if !active {
		return op.NewResponse(map[string]any{"active": false}), nil
	}
	claims["active"], claims["token_type"] = true, oidc.BearerToken
	return op.NewResponse(claims), nil
}

// UserInfo is OpenID Connect Core, section 5.3.
func (s *server) UserInfo(_ context.Context, r *op.Request[oidc.UserInfoRequest]) (*op.Response, error) {
	claims, active := s.p.activeToken(r.Data.AccessToken)
	scope, _ := claims["scope"].(string)
	scopes := strings.Split(scope, " ")
	subject, _ := claims["sub"].(string)
	account := s.p.accountByID(subject)
	if !active || account == nil || !slices.Contains(scopes, oidc.ScopeOpenID) {
		return nil, op.NewStatusError(oidc.ErrAccessDenied().WithDescription("the access token is not valid here"), http.StatusUnauthorized)
	}
	info := map[string]any{"sub": subject}
	account.tell(info, scopes)
	return op.NewResponse(info), nil
}

// activeToken reads an access token of ours that is neither too old nor revoked.
func (p *Provider) activeToken(text string) (map[string]any, bool) {
	claims, err := p.keys.verify(text, typeAccess)
	if err != nil {
		return nil, false
	}
	now := p.now()
	expires, _ := claims["exp"].(float64)
	id, _ := claims["jti"].(string)
	if _, revoked := p.revokedIDs.get(id, now); revoked || float64(now.Unix()) >= expires {
		return nil, false
	}
	return claims, true
}

// Revocation is RFC 7009: a refresh token goes with its grant, an access token alone. A
// token that means nothing is no error (section 2.2).
func (s *server) Revocation(_ context.Context, r *op.ClientRequest[oidc.RevocationRequest]) (*op.Response, error) {
	now := s.p.now()
	if t, there := s.p.refreshes.get(r.Data.Token, now); there && t.grant.client.ID == r.Client.GetID() {
		t.grant.revoke()
	}
	if claims, active := s.p.activeToken(r.Data.Token); active && claims["client_id"] == r.Client.GetID() {
		s.p.revokedIDs.put(claims["jti"].(string), true, now, now.Add(s.p.config.AccessTokenLifetime))
	}
	return op.NewResponse(struct{}{}), nil
}

// relyingParty is a Client as the library asks for one.
type relyingParty struct{ Client }

func (c relyingParty) GetID() string                       { return c.ID }
func (c relyingParty) RedirectURIs() []string              { return c.Client.RedirectURIs }
func (c relyingParty) PostLogoutRedirectURIs() []string    { return c.Client.PostLogoutRedirectURIs }
func (c relyingParty) ApplicationType() op.ApplicationType { return op.ApplicationTypeWeb }
func (c relyingParty) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}
func (c relyingParty) LoginURL(id string) string           { return "/login?request=" + url.QueryEscape(id) }
func (c relyingParty) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }
func (c relyingParty) IDTokenLifetime() time.Duration      { return idTokenLifetime }
func (c relyingParty) DevMode() bool                       { return false }
func (c relyingParty) IsScopeAllowed(scope string) bool {
	return slices.Contains(scopesSupported(), scope)
}
func (c relyingParty) IDTokenUserinfoClaimsAssertion() bool          { return false }
func (c relyingParty) ClockSkew() time.Duration                      { return 0 }
func (c relyingParty) RestrictAdditionalIdTokenScopes() restrict     { return keepScopes }
func (c relyingParty) RestrictAdditionalAccessTokenScopes() restrict { return keepScopes }

func (c relyingParty) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken}
}

func (c relyingParty) AuthMethod() oidc.AuthMethod {
	if c.Secret == "" {
		return oidc.AuthMethodNone
	}
	return oidc.AuthMethodBasic
}

type restrict = func([]string) []string

func keepScopes(scopes []string) []string { return scopes }

func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }
