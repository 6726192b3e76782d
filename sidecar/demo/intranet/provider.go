package intranet

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"stepup/sidecar/client"
)

// tokens are what a sign-in, or its renewal, gave. The zero value is nobody's.
type tokens struct {
	subject, name       string
	access, id, refresh string
	ends                time.Time // of the token that the sidecar reads
	claims              []byte    // of the ID token, as JSON
}

// A provider is the OpenID provider as the intranet knows it. It is discovered when it is
// first needed, and again until that works.
type provider struct {
	config Config

	mu    sync.Mutex
	known *discovered
}

type discovered struct {
	oauth      oauth2.Config
	verifier   *oidc.IDTokenVerifier
	endSession string
}

func newProvider(c Config) *provider { return &provider{config: c} }

// discover is OpenID Connect Discovery 1.0, section 4.
func (p *provider) discover(ctx context.Context) (*discovered, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known != nil {
		return p.known, nil
	}
	// The library keeps the context for fetching keys later.
	found, err := oidc.NewProvider(p.context(context.WithoutCancel(ctx)), p.config.Issuer)
	if err != nil {
		return nil, fmt.Errorf("discovering %q: %w", p.config.Issuer, err)
	}
	var more struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := found.Claims(&more); err != nil {
		return nil, fmt.Errorf("reading the discovery document of %q: %w", p.config.Issuer, err)
	}
	p.known = &discovered{
		oauth: oauth2.Config{
			ClientID: p.config.ClientID, ClientSecret: p.config.ClientSecret,
			Endpoint: found.Endpoint(), RedirectURL: p.config.URL + CallbackPath,
		},
		verifier:   found.Verifier(&oidc.Config{ClientID: p.config.ClientID, Now: p.config.Now}),
		endSession: more.EndSession,
	}
	return p.known, nil
}

func (p *provider) context(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, p.config.HTTP)
}

// authorization is the address of an authorization request (OpenID Connect Core, section
// 3.1.2.1): the intranet's own, with what the sidecar asks for.
func (p *provider) authorization(ctx context.Context, l leaving, wanted map[string]string, hint string) (string, error) {
	d, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	merged := client.MergeAuthorization(url.Values{"scope": {scopes}}, wanted)
	o := d.oauth
	o.Scopes = strings.Fields(merged.Get("scope"))
	options := []oauth2.AuthCodeOption{oidc.Nonce(l.nonce), oauth2.S256ChallengeOption(l.verifier)}
	for _, name := range []string{"acr_values", "max_age", "prompt", "claims"} {
		if value := merged.Get(name); value != "" {
			options = append(options, oauth2.SetAuthURLParam(name, value))
		}
	}
	if hint != "" { // the person who leaves is the one who has to come back
		options = append(options, oauth2.SetAuthURLParam("id_token_hint", hint))
	}
	return o.AuthCodeURL(l.state, options...), nil
}

// exchange gives a code for tokens, whose ID token has to be of this very request.
func (p *provider) exchange(ctx context.Context, code string, l leaving) (tokens, error) {
	d, err := p.discover(ctx)
	if err != nil {
		return tokens{}, err
	}
	got, err := d.oauth.Exchange(p.context(ctx), code, oauth2.VerifierOption(l.verifier))
	if err != nil {
		return tokens{}, fmt.Errorf("giving the code for tokens: %w", err)
	}
	t, nonce, err := p.read(ctx, d, got)
	if err == nil && nonce != l.nonce {
		err = errors.New("the ID token answers another request: its nonce differs")
	}
	return t, err
}

// renew is RFC 6749, section 6. The person stays the same (OpenID Connect Core, section
// 12.2).
func (p *provider) renew(ctx context.Context, old tokens, subject string) (tokens, error) {
	if old.refresh == "" {
		return tokens{}, errRefused
	}
	d, err := p.discover(ctx)
	if err != nil {
		return tokens{}, err
	}
	got, err := d.oauth.TokenSource(p.context(ctx), &oauth2.Token{RefreshToken: old.refresh}).Token()
	if err != nil {
		return tokens{}, fmt.Errorf("renewing tokens: %w", err)
	}
	t, _, err := p.read(ctx, d, got)
	if err == nil && t.subject != subject {
		err = errors.New("renewing tokens: they are somebody else's")
	}
	return t, err
}

// read verifies the ID token (OpenID Connect Core, section 3.1.3.7).
func (p *provider) read(ctx context.Context, d *discovered, got *oauth2.Token) (tokens, string, error) {
	text, _ := got.Extra("id_token").(string)
	id, err := d.verifier.Verify(p.context(ctx), text)
	if err != nil {
		return tokens{}, "", fmt.Errorf("reading the ID token: %w", err)
	}
	if err := id.VerifyAccessToken(got.AccessToken); err != nil {
		return tokens{}, "", fmt.Errorf("reading the access token: %w", err)
	}
	var raw rawClaims
	var person struct {
		Name string `json:"name"`
	}
	if err := errors.Join(id.Claims(&raw), id.Claims(&person)); err != nil {
		return tokens{}, "", fmt.Errorf("reading the ID token: %w", err)
	}
	t := tokens{
		subject: id.Subject, name: person.Name, access: got.AccessToken, id: text, refresh: got.RefreshToken, claims: raw,
		ends: p.config.Now().Add(time.Duration(got.ExpiresIn) * time.Second),
	}
	if p.config.Reads == IDToken || got.ExpiresIn <= 0 || p.config.Reads == BothTokens && id.Expiry.Before(t.ends) {
		t.ends = id.Expiry
	}
	if t.name == "" {
		t.name = t.subject
	}
	return t, id.Nonce, nil
}

type rawClaims []byte

// UnmarshalJSON keeps the claims as they came.
func (c *rawClaims) UnmarshalJSON(text []byte) error {
	*c = append([]byte(nil), text...)
	return nil
}

// endSession is where to sign out (OpenID Connect RP-Initiated Logout 1.0, section 2);
// empty: the provider has no such place, or cannot be reached.
func (p *provider) endSession(ctx context.Context, hint string) string {
	d, err := p.discover(ctx)
	if err != nil || d.endSession == "" {
		return ""
	}
	query := url.Values{"client_id": {p.config.ClientID}, "post_logout_redirect_uri": {p.config.URL + SignedOutPath}}
	if hint != "" {
		query.Set("id_token_hint", hint)
	}
	return d.endSession + "?" + query.Encode()
}

// errRefused says that there is nothing to renew with.
var errRefused = errors.New("there is no refresh token")

// isRefused reports whether the provider answered, and said no.
func isRefused(err error) bool {
	var answered *oauth2.RetrieveError
	return errors.Is(err, errRefused) ||
		errors.As(err, &answered) && answered.Response.StatusCode == http.StatusBadRequest && answered.ErrorCode == "invalid_grant"
}
