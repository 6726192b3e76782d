package intranet

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Reads says which token tells the sidecar how strongly somebody signed in.
type Reads int

// The tokens. A policy that asks for scopes needs the access token: ID tokens have none.
// With both, the ID token stands beside the access token as evidence of the login, for
// providers whose access tokens tell nothing of it.
const (
	AccessToken Reads = iota
	IDToken
	BothTokens
)

// words are how people are told.
func (r Reads) words() string {
	switch r {
	case IDToken:
		return "ID token"
	case BothTokens:
		return "access token, with the ID token beside it"
	}
	return "access token"
}

// Config says where the intranet is and whom it trusts. URL, Issuer, ClientID and Sidecar
// are required.
type Config struct {
	URL          string // where people reach it: a scheme and a host
	Issuer       string // the OpenID provider
	ClientID     string
	ClientSecret string // empty: a public client
	Sidecar      string // where the sidecar listens, such as http://127.0.0.1:8181

	Reads  Reads
	Now    func() time.Time // nil: time.Now
	Logger *slog.Logger     // nil: silent
	HTTP   *http.Client     // asks provider and sidecar; nil: one with a timeout of 10 s
}

// The paths that the provider has to know.
const (
	CallbackPath  = "/callback"
	SignedOutPath = "/signed-out"
)

// scopes are what the intranet's pages need; offline_access renews tokens without a trip.
const scopes = "openid profile email offline_access read:customers read:employees write:payroll"

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.HTTP == nil {
		c.HTTP = &http.Client{Timeout: 10 * time.Second}
	}
	c.URL = strings.TrimSuffix(c.URL, "/")
	return c
}

func (c Config) check() error {
	var problems []error
	for name, address := range map[string]string{"URL": c.URL, "Issuer": c.Issuer, "Sidecar": c.Sidecar} {
		if u, err := url.Parse(address); err != nil || u.Host == "" {
			problems = append(problems, fmt.Errorf("%s %q is not an address", name, address))
		}
	}
	if c.ClientID == "" {
		problems = append(problems, errors.New("ClientID is empty"))
	}
	return errors.Join(problems...)
}

// secure reports whether cookies may be kept to https.
func (c Config) secure() bool { return strings.HasPrefix(c.URL, "https:") }

func newSecret() []byte {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	return secret
}
