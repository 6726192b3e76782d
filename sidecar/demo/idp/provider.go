package idp

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// A Provider is an OpenID provider, to be served at its issuer's address. Its methods may
// be called from any goroutine while it serves.
type Provider struct {
	config   Config
	handler  http.Handler
	origin   string // the issuer without a slash at its end
	secret   []byte // of CSRF tokens
	keys     *ring
	accounts map[string]*account // by name
	factors  map[string]factor   // by method
	passkeys *webauthn.WebAuthn  // nil where browsers offer none
	unknown  passwordHash        // compared with when nobody has the name
	hashing  chan struct{}       // as many passwords are hashed at a time

	wrong        *limiter
	sessions     *shelf[*session]
	interactions *shelf[*interaction]
	codes        *shelf[*code]
	refreshes    *shelf[*refresh]
	revokedIDs   *shelf[bool]

	mu        sync.Mutex
	misbehave Misbehave
	offset    time.Duration
}

// New makes a provider. It checks its configuration and hashes the passwords.
func New(config Config) (*Provider, error) {
	config = config.withDefaults()
	if err := config.check(); err != nil {
		return nil, fmt.Errorf("the provider's configuration: %w", err)
	}
	keys, err := newRing(config.Now(), config.KeyLifetime)
	if err != nil {
		return nil, err
	}
	p := &Provider{
		config: config, origin: strings.TrimSuffix(config.Issuer, "/"), secret: make([]byte, 32), keys: keys,
		accounts: map[string]*account{}, unknown: hashPassword("nobody's"), hashing: make(chan struct{}, 2),
		wrong:    newLimiter(5 * time.Minute),
		sessions: newShelf[*session](), interactions: newShelf[*interaction](), codes: newShelf[*code](),
		refreshes: newShelf[*refresh](), revokedIDs: newShelf[bool](),
		misbehave: config.Misbehave,
	}
	rand.Read(p.secret)
	if err := p.addAccounts(); err != nil {
		return nil, err
	}
	if err := p.addFactors(); err != nil {
		return nil, err
	}
	p.handler = p.routes()
	return p, nil
}

func (p *Provider) addAccounts() error {
	ids := map[string]bool{}
	for _, u := range p.config.Users {
		if p.accounts[u.Name] != nil || ids[u.id()] {
			return fmt.Errorf("user %q is there twice", u.Name)
		}
		ids[u.id()] = true
		p.accounts[u.Name] = newAccount(u)
	}
	return nil
}

func (p *Provider) accountByID(id string) *account {
	for a := range maps.Values(p.accounts) {
		if a.user.id() == id {
			return a
		}
	}
	return nil
}

// Issuer returns the provider's name.
func (p *Provider) Issuer() string { return p.config.Issuer }

// Misbehave sets what the provider does wrong from now on; the zero value is nothing.
func (p *Provider) Misbehave(m Misbehave) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.misbehave = m
}

func (p *Provider) misbehaviour() Misbehave {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.misbehave
}

// SetClock lets the provider's clock be off: ahead, or behind if negative. A session that
// was proved before the clock went ahead is that much older. A login rule that has a clock
// of its own has to follow: what was proved in its future has not happened.
func (p *Provider) SetClock(offset time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.offset = offset
}

func (p *Provider) now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.config.Now().Add(p.offset)
}

// RotateKeys lets the announced key sign and announces another; the present one stays
// published until the next rotation.
func (p *Provider) RotateKeys() error { return p.keys.rotate(p.now()) }

// ReplaceKeys forgets every key without notice, as providers do in an emergency: tokens
// signed before no longer verify.
func (p *Provider) ReplaceKeys() error { return p.keys.replace(p.now()) }

// ServeHTTP answers everything below the issuer.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.misbehaviour().Down {
		http.Error(w, "down on purpose", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	p.handler.ServeHTTP(w, r)
}

func (p *Provider) routes() http.Handler {
	pages := http.NewServeMux()
	pages.HandleFunc("GET /login", p.showLogin)
	pages.HandleFunc("POST /login", p.postLogin)
	pages.HandleFunc("GET /login/return", p.returnToLogin)
	pages.HandleFunc("GET /account", p.showAccount)
	pages.HandleFunc("POST /account", p.postAccount)
	pages.HandleFunc("/end_session", p.endSession)
	pages.HandleFunc("GET /style.css", serveAsset)
	pages.HandleFunc("GET /passkey.js", serveAsset)
	pages.Handle("GET /{$}", http.RedirectHandler("/account", http.StatusSeeOther))
	pages.Handle("/", op.RegisterServer(&server{p: p}, endpoints(), op.WithServerCORSOptions(nil)))
	return pages
}

// endpoints leaves out what the library offers and we do not: the device flow; and what
// we serve ourselves, because it shows pages: the end of a session.
func endpoints() op.Endpoints {
	return op.Endpoints{
		Authorization: op.NewEndpoint("authorize"),
		Token:         op.NewEndpoint("oauth/token"),
		Introspection: op.NewEndpoint("oauth/introspect"),
		Userinfo:      op.NewEndpoint("userinfo"),
		Revocation:    op.NewEndpoint("revoke"),
		JwksURI:       op.NewEndpoint("keys"),
	}
}

func (p *Provider) client(id string) (Client, bool) {
	i := slices.IndexFunc(p.config.Clients, func(c Client) bool { return c.ID == id })
	if i < 0 {
		return Client{}, false
	}
	return p.config.Clients[i], true
}

// fault logs what went wrong inside; people are told that it did, and no more.
func (p *Provider) fault(ctx context.Context, doing string, err error) {
	p.config.Logger.ErrorContext(ctx, "provider fault", "doing", doing, "error", err)
}

// originOf returns scheme and host of an address, as a content security policy names them.
func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
