package devissuer

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"stepup/sidecar/access"
	"stepup/sidecar/token"
)

// DefaultLifetime is how long a token is valid unless its Options say otherwise.
const DefaultLifetime = time.Hour

// Options say what a token is to tell. The zero value is an access token for [Audience],
// valid for an hour, of a person whose login it tells nothing about.
type Options struct {
	// Kind is what to mint; empty: an access token.
	Kind token.Kind

	Subject  string // empty: "alice"; of a machine, its client
	ClientID string // empty: [Client]
	Audience string // empty: [Audience], or the client for an ID token
	Scopes   []string

	// Level is the level of the login, with the claims that stepup-demo gives it;
	// empty or "none": no claim about a login at all.
	Level string
	// Age is how long ago the login was.
	Age time.Duration
	// Machine mints the token of a client without a person (RFC 6749, section 4.4).
	Machine bool

	Now      time.Time     // when the token is issued; zero: now
	Lifetime time.Duration // zero: [DefaultLifetime]; negative: expired

	// Claims are added last and replace what stands there by then.
	Claims access.Object
}

// login returns the claims that say how somebody signed in, as the logins of the
// vocabulary stepup-demo have them.
func login(level string) (access.Object, bool) {
	methods, known := map[string][]string{
		"normal": {"pwd"},
		"mfa":    {"pwd", "otp", "mfa"},
		"phr":    {"hwk", "user", "mfa"},
	}[level]
	return access.Object{"authentication_level": level, "acr": level, "amr": methods}, known
}

// Levels returns the levels that can be minted, weakest first.
func Levels() []string { return []string{"normal", "mfa", "phr"} }

// Mint signs a token.
func (i *Issuer) Mint(o Options) (string, error) {
	o = o.completed()
	if err := o.check(); err != nil {
		return "", fmt.Errorf("minting a token: %w", err)
	}
	return i.sign(o.headerType(), o.claims())
}

func (o Options) completed() Options {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	if o.Kind == "" {
		o.Kind = token.AccessToken
	}
	set(&o.ClientID, Client)
	set(&o.Audience, o.defaultAudience())
	set(&o.Subject, o.defaultSubject())
	set(&o.Level, access.NoLevel)
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	if o.Lifetime == 0 {
		o.Lifetime = DefaultLifetime
	}
	return o
}

func (o Options) defaultAudience() string {
	if o.Kind == token.IDToken {
		return o.ClientID
	}
	return Audience
}

func (o Options) defaultSubject() string {
	if o.Machine {
		return o.ClientID
	}
	return "alice"
}

func (o Options) check() error {
	_, known := login(o.Level)
	switch {
	case o.Kind != token.AccessToken && o.Kind != token.IDToken:
		return fmt.Errorf("kind %q is neither %s nor %s", o.Kind, token.AccessToken, token.IDToken)
	case !known && o.Level != access.NoLevel:
		return fmt.Errorf("level %q is not one of %s", o.Level, strings.Join(append(Levels(), access.NoLevel), ", "))
	case o.Machine && known:
		return errors.New("a machine does not sign in: it has no level")
	case o.Machine && o.Kind == token.IDToken:
		return errors.New("an ID token is about a person's login, never a machine's")
	case o.Age < 0:
		return errors.New("a login cannot be in the future")
	}
	return nil
}

func (o Options) headerType() jose.ContentType {
	if o.Kind == token.IDToken {
		return "JWT"
	}
	return "at+jwt"
}

// claims are those of RFC 9068, section 2.2, or OpenID Connect Core, section 2.
func (o Options) claims() access.Object {
	claims := access.Object{
		"iss": URL, "aud": o.Audience, "sub": o.Subject,
		"iat": o.issuedAt().Unix(), "exp": o.Now.Add(o.Lifetime).Unix(),
	}
	switch o.Kind {
	case token.IDToken:
		claims["azp"] = o.ClientID
	default:
		claims["client_id"], claims["jti"] = o.ClientID, uuid.NewString()
	}
	if len(o.Scopes) > 0 {
		claims["scope"] = strings.Join(o.Scopes, " ")
	}
	if o.Machine {
		claims["gty"] = "client_credentials"
	}
	if told, known := login(o.Level); known {
		maps.Copy(claims, told)
		claims["auth_time"] = o.Now.Add(-o.Age).Unix()
	}
	maps.Copy(claims, o.Claims)
	return claims
}

// issuedAt is now, or for a token that is to be expired as long before its end as usual.
func (o Options) issuedAt() time.Time {
	if o.Lifetime < 0 {
		return o.Now.Add(o.Lifetime - DefaultLifetime)
	}
	return o.Now
}

func (i *Issuer) sign(typ jose.ContentType, claims access.Object) (string, error) {
	payload, err := json.Marshal(claims, json.Deterministic(true))
	if err != nil {
		return "", fmt.Errorf("encoding the claims: %w", err)
	}
	key := jose.SigningKey{Algorithm: jose.ES256, Key: i.key}
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType(typ))
	if err != nil {
		return "", fmt.Errorf("signing the token: %w", err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("signing the token: %w", err)
	}
	return jws.CompactSerialize()
}
