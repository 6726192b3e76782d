package intranet

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"stepup/sidecar/client"
)

// An Intranet is the application, to be served at its URL. It is safe for concurrent use.
type Intranet struct {
	config   Config
	sidecar  *client.Client
	guard    *client.StepUp
	provider *provider
	sessions *shelf[*session]
	leaving  *shelf[leaving]
	handler  http.Handler
}

// New makes an intranet. It reaches neither provider nor sidecar yet.
func New(c Config) (*Intranet, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("the intranet's configuration: %w", err)
	}
	i := &Intranet{
		config:   c,
		sidecar:  &client.Client{URL: c.Sidecar, HTTP: c.HTTP},
		provider: newProvider(c),
		sessions: newShelf[*session](),
		leaving:  newShelf[leaving](),
	}
	var err error
	if i.guard, err = i.newGuard(); err != nil {
		return nil, err
	}
	i.handler = http.NewCrossOriginProtection().Handler(i.routes())
	return i, nil
}

// newGuard puts the sidecar before pages.
func (i *Intranet) newGuard() (*client.StepUp, error) {
	return client.New(client.Config{
		Client:     i.sidecar,
		Issuer:     i.config.Issuer,
		Token:      i.token,
		SignIn:     signInAddress,
		Question:   i.question,
		Session:    func(r *http.Request) string { return i.sessionOf(r).subjectOrNone() },
		Login:      func(r *http.Request) string { return i.sessionOf(r).loginOrNone() },
		Tickets:    &client.MemoryTickets{Now: i.config.Now},
		Secret:     newSecret(),
		Insecure:   !i.config.secure(),
		CookieName: i.cookieName("fabrikam_intranet_tries"),
		Page:       i.showTold,
		Now:        i.config.Now,
		Logger:     i.config.Logger,
	})
}

func (i *Intranet) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", i.showHome)
	mux.Handle("GET /customers", i.guarded(i.showCustomers))
	mux.Handle("GET /employees", i.guarded(i.showEmployees))
	mux.Handle("GET /payroll", i.guarded(i.showPayroll))
	mux.Handle("/payroll/transfers", i.transfersOnly(i.guarded(i.postTransfer)))
	mux.HandleFunc("GET /session", i.showYours)
	mux.HandleFunc("GET /sign-in", i.startSignIn)
	mux.HandleFunc("GET "+CallbackPath, i.finishSignIn)
	mux.HandleFunc("POST /sign-out", i.signOut)
	mux.HandleFunc("GET "+SignedOutPath, i.showSignedOut)
	mux.HandleFunc("GET /style.css", serveAsset)
	mux.HandleFunc("GET /ask.js", serveAsset)
	mux.HandleFunc("/", i.showMissing)
	return mux
}

func (i *Intranet) guarded(h http.HandlerFunc) http.Handler { return i.guard.RequireStepUp(h) }

// ServeHTTP answers every request for the intranet.
func (i *Intranet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Content-Security-Policy", i.contentPolicy())
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	i.handler.ServeHTTP(w, r)
}

// contentPolicy lets pages use what is served here. Browsers hold the redirects that follow
// a form to form-action too, so the provider is named there: a transfer may lead to it.
func (i *Intranet) contentPolicy() string {
	return "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; " +
		"frame-ancestors 'none'; form-action 'self' " + originOf(i.config.Issuer)
}

func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// question is what a request wants to do, and by whose ID token.
func (i *Intranet) question(r *http.Request) client.Question {
	q := question(r.Method, r.URL.Path)
	q.IDToken = i.evidence(i.sessionOf(r))
	return q
}

// question is what a method at a path wants to do. The form for transfers asks what sending
// it would need, so that nobody fills it in for nothing.
func question(method, path string) client.Question {
	if path == "/payroll" {
		method, path = http.MethodPost, "/payroll/transfers"
	}
	return client.Question{Action: client.Action{Name: method}, Resource: client.Resource{Type: "route", ID: path}}
}

// evidence is the ID token beside the access token; empty: none.
func (i *Intranet) evidence(s *session) string {
	if s == nil || i.config.Reads != BothTokens {
		return ""
	}
	return s.idToken()
}

// errNoPerson says that a page behind the guard has nobody's session: the session ended
// between the decision and the page.
var errNoPerson = errors.New("the session ended meanwhile")
