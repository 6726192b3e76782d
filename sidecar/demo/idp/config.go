package idp

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Config says what a Provider is and whom it knows. Issuer, Audience, Clients, Users and
// Rule are required; everything else has a default.
type Config struct {
	// Issuer is the provider's name and where it is reached, http only on loopback. It
	// has no path. Browsers offer passkeys to a name and not to an address: with
	// http://127.0.0.1:9000 there are none, with http://localhost:9000 there are.
	Issuer   string
	Audience string // aud of access tokens: the API
	Clients  []Client
	Users    []User
	Rule     Rule

	Duo    *Duo    // nil: no such factor
	Custom *Custom // nil: no such factor

	AccessTokenLifetime  time.Duration // 0: 15 minutes
	RefreshTokenLifetime time.Duration // 0: 12 hours, from the login on
	SessionLifetime      time.Duration // 0: 12 hours, from the first proof on
	KeyLifetime          time.Duration // 0: 24 hours, after which a new key signs

	Misbehave Misbehave
	Now       func() time.Time // nil: time.Now
	Logger    *slog.Logger     // nil: silent
	HTTP      *http.Client     // asks Duo; nil: one with a timeout of 10 s
}

// A Client is an application that people sign in to.
type Client struct {
	ID                     string
	Name                   string // as people know it; empty: the ID
	Secret                 string // empty: a public client, which PKCE alone protects
	WithoutPKCE            bool   // its library has no PKCE: a secret and a nonce stand in (RFC 9700, section 2.1.1)
	RedirectURIs           []string
	PostLogoutRedirectURIs []string
}

// A User is a person with a password, and with what else they can prove.
type User struct {
	ID       string // sub; empty: the name
	Name     string // what is typed
	FullName string // how the person is called; empty: the name
	Email    string
	Password string // kept as an argon2id hash only

	// Factors are those beyond the password: otp, webauthn, duo, custom. An authenticator
	// app or a passkey that is not set up yet is set up when it is first asked for, by
	// someone who has just given the password.
	Factors    []string
	TOTPSecret string // base32; empty: not set up yet
}

// DemoUsers are the people of Fabrikam, one for each way a step-up can go. Their
// passwords are public.
func DemoUsers() []User {
	return []User{
		{ID: "fabrikam|alice", Name: "alice", FullName: "Alice Adams", Email: "alice@fabrikam.example", Password: "wonderland-tea-party", Factors: []string{methodTOTP}, TOTPSecret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"},
		{ID: "fabrikam|bob", Name: "bob", FullName: "Bob Baker", Email: "bob@fabrikam.example", Password: "can-we-fix-it"},
		{ID: "fabrikam|carol", Name: "carol", FullName: "Carol Clark", Email: "carol@fabrikam.example", Password: "a-christmas-song", Factors: []string{methodPasskey}},
	}
}

// Misbehave is what a provider may do wrong, so that those who depend on one can see what
// they do then. The zero value behaves. Rotating keys without notice is
// [Provider.ReplaceKeys].
type Misbehave struct {
	IgnoreACRValues bool          // ignores every wish for a level: acr_values, an essential acr, the scope step_up
	IgnoreMaxAge    bool          // ignores max_age
	OldAuthTime     time.Duration // tells an auth_time that is so much too old
	DropAMR         bool          // sends no amr
	NoAuthTime      bool          // sends no auth_time
	Down            bool          // answers 503 to everything
}

// The names by which the login rule knows the factors.
const (
	methodPassword = "pwd"
	methodTOTP     = "otp"
	methodPasskey  = "webauthn"
	methodDuo      = "duo"
	methodCustom   = "custom"
)

func (c Config) withDefaults() Config {
	orDuration(&c.AccessTokenLifetime, 15*time.Minute)
	orDuration(&c.RefreshTokenLifetime, 12*time.Hour)
	orDuration(&c.SessionLifetime, 12*time.Hour)
	orDuration(&c.KeyLifetime, 24*time.Hour)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.HTTP == nil {
		c.HTTP = &http.Client{Timeout: 10 * time.Second}
	}
	return c
}

func orDuration(d *time.Duration, otherwise time.Duration) {
	if *d == 0 {
		*d = otherwise
	}
}

func (c Config) check() error {
	problems := []error{checkIssuer(c.Issuer)}
	if c.Audience == "" {
		problems = append(problems, errors.New("audience is empty: name the API that access tokens are for"))
	}
	if c.Rule == nil {
		problems = append(problems, errors.New("no login rule"))
	}
	if len(c.Clients) == 0 || len(c.Users) == 0 {
		problems = append(problems, errors.New("no clients or no users: nobody could sign in"))
	}
	for _, client := range c.Clients {
		problems = append(problems, client.check())
	}
	for _, u := range c.Users {
		problems = append(problems, u.check())
	}
	return errors.Join(problems...)
}

// checkIssuer admits https, and http on loopback, without anything after the host.
func checkIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	switch {
	case u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/":
		return fmt.Errorf("issuer %q is not a scheme and a host alone", issuer)
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return fmt.Errorf("issuer %q is neither https nor http on loopback", issuer)
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (c Client) check() error {
	switch {
	case c.ID == "":
		return errors.New("a client without an ID")
	case len(c.RedirectURIs) == 0:
		return fmt.Errorf("client %q has no redirect URIs", c.ID)
	case c.WithoutPKCE && c.Secret == "":
		return fmt.Errorf("client %q has neither a secret nor PKCE", c.ID)
	}
	return nil
}

func (u User) check() error {
	if u.Name == "" || u.Password == "" {
		return fmt.Errorf("user %q has no name or no password", u.Name)
	}
	for _, f := range u.Factors {
		if !slices.Contains([]string{methodTOTP, methodPasskey, methodDuo, methodCustom}, f) {
			return fmt.Errorf("user %q: factor %q is not one of otp, webauthn, duo, custom", u.Name, f)
		}
	}
	return nil
}

func (u User) id() string       { return firstOf(u.ID, u.Name) }
func (u User) fullName() string { return firstOf(u.FullName, u.Name) }
func (c Client) name() string   { return firstOf(c.Name, c.ID) }

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t = strings.TrimSpace(t); t != "" {
			return t
		}
	}
	return ""
}
