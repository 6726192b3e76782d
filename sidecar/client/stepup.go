package client

import (
	"context"
	"crypto/hmac"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// ResumeParameter is the query parameter by which a browser brings a ticket back.
const ResumeParameter = "stepup_resume"

// Bounds of what a StepUp remembers where its Config does not say.
const (
	DefaultRemember = 10 * time.Minute
	DefaultMaxBody  = 64 << 10
	minSecret       = 32
)

// Config says how an application works. Client, Token, SignIn and Secret are required.
type Config struct {
	Client *Client
	// Token returns the token of the application's session; empty: nobody is signed in.
	// An error is answered with 503.
	Token func(*http.Request) (string, error)
	// SignIn returns where to send the browser to sign in: the application's own start of a
	// login, or the provider's authorization endpoint with [MergeAuthorization]. After it
	// the browser must come back to returnTo, a path on this site.
	SignIn func(r *http.Request, authorizationRequest map[string]string, returnTo string) (string, error)
	// Secret signs cookies and tickets: at least 32 random bytes, the same in every
	// instance of the application.
	Secret []byte

	// Question says what a request wants to do; nil: its method on the route that is its
	// path. The token is filled in.
	Question func(*http.Request) Question
	// Issuer is whose logins somebody is sent to who is not signed in.
	Issuer string
	// Session names the session, by something that stays the same over a step-up, such as
	// the subject; empty: no session. It is needed for tickets; nil: there are none.
	Session func(*http.Request) string
	// Login names the present login, by something that every sign-in changes and a renewed
	// token does not, such as a random name of the application's session; empty: nobody is
	// signed in. By it a browser that comes back without a new login is told from one that
	// comes back with one. nil: the token, where a token that is renewed while somebody is
	// away reads as another login.
	Login func(*http.Request) string
	// Tickets keep forms that were posted; nil: they are not kept, and the person is told.
	Tickets TicketStore
	// MaxBody is how large a form may be that is kept; 0: [DefaultMaxBody].
	MaxBody int64
	// Remember is how long it is remembered what a browser was sent for, and how long forms
	// are kept; 0: [DefaultRemember].
	Remember time.Duration
	// CookieName of the memory; empty: __Host-stepup, or stepup where Insecure.
	CookieName string
	// Insecure lets the cookie go over plain http, for tests on one machine.
	Insecure bool
	// Page shows what a person is told; nil: a plain page.
	Page func(w http.ResponseWriter, r *http.Request, p Page)
	// Now tells the time; nil: the system's clock.
	Now func() time.Time
	// Logger is told why something was unavailable; nil: nobody is.
	Logger *slog.Logger
}

// A StepUp guards handlers. It is safe for concurrent use. Make one with [New].
type StepUp struct{ config Config }

// New returns a StepUp, or says what its configuration lacks.
func New(c Config) (*StepUp, error) {
	switch {
	case c.Client == nil || c.Client.URL == "":
		return nil, errors.New("client: Config.Client has no URL of a sidecar")
	case c.Token == nil:
		return nil, errors.New("client: Config.Token is required: it returns the token of the session")
	case c.SignIn == nil:
		return nil, errors.New("client: Config.SignIn is required: it returns where to sign in")
	case len(c.Secret) < minSecret:
		return nil, errors.New("client: Config.Secret must have at least 32 random bytes")
	case c.Tickets != nil && c.Session == nil:
		return nil, errors.New("client: Config.Tickets needs Config.Session, to bind tickets to it")
	}
	return &StepUp{c.withDefaults()}, nil
}

func (c Config) withDefaults() Config {
	if c.Question == nil {
		c.Question = routeQuestion
	}
	if c.Session == nil {
		c.Session = func(*http.Request) string { return "" }
	}
	if c.MaxBody <= 0 {
		c.MaxBody = DefaultMaxBody
	}
	if c.Remember <= 0 {
		c.Remember = DefaultRemember
	}
	if c.Page == nil {
		c.Page = writePage
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.CookieName == "" {
		c.CookieName = map[bool]string{false: "__Host-stepup", true: "stepup"}[c.Insecure]
	}
	return c
}

func routeQuestion(r *http.Request) Question {
	return Question{Action: Action{Name: r.Method}, Resource: Resource{Type: "route", ID: r.URL.Path}}
}

type contextKey struct{}

// Decided returns the answer by which a handler behind [StepUp.RequireStepUp] was reached,
// with the policy's obligations and headers.
func Decided(ctx context.Context) (Answer, bool) {
	a, there := ctx.Value(contextKey{}).(Answer)
	return a, there
}

// RequireStepUp puts the sidecar's decision before a handler. The handler is reached on an
// allow and on nothing else.
func (s *StepUp) RequireStepUp(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := visit{StepUp: s, w: w, r: r, wanted: r, returnTo: r.URL.RequestURI()}
		if name := r.URL.Query().Get(ResumeParameter); name != "" && s.config.Tickets != nil && reads(r) {
			if !v.resume(name) {
				return
			}
		}
		v.serve(next)
	})
}

// A visit is one request on its way.
type visit struct {
	*StepUp
	w        http.ResponseWriter
	r        *http.Request // that came in
	wanted   *http.Request // that is decided about: r, or what a ticket kept
	returnTo string
	ticket   string // the id of the ticket in r; empty: none
	token    string
}

func (v *visit) serve(next http.Handler) {
	answer, err := v.decide()
	switch {
	case err != nil:
		v.unavailable(err)
	case answer.Allowed():
		v.allow(next, answer)
	case answer.Outcome == NeedsStepUp:
		v.stepUp(answer, answer.StepUp.Level, answer.StepUp.AuthorizationRequest)
	case answer.HTTP.Status == http.StatusUnauthorized && navigates(v.r):
		v.signIn(answer) // nobody is signed in, or by a token that does not hold
	case navigates(v.r):
		v.tell(deniedPage(answer))
	default:
		answer.WriteChallenge(v.w)
	}
}

func (v *visit) decide() (answer Answer, err error) {
	if v.token, err = v.config.Token(v.r); err != nil {
		return Answer{}, err
	}
	q := v.config.Question(v.wanted)
	q.Token = v.token
	return v.config.Client.Decide(v.r.Context(), q)
}

// allow reaches the handler. A ticket is used up before, so that of two visits with it one
// does what was asked for.
func (v *visit) allow(next http.Handler, answer Answer) {
	if v.ticket != "" {
		_, there, err := v.config.Tickets.Take(v.r.Context(), v.ticket)
		if err != nil {
			v.unavailable(err)
			return
		}
		if !there {
			v.tell(spentPage())
			return
		}
	}
	if all, place := v.readTries(v.r), v.place(); hasPlace(all, place) {
		v.writeTries(v.w, withoutPlace(all, place))
	}
	next.ServeHTTP(v.w, v.wanted.WithContext(context.WithValue(v.wanted.Context(), contextKey{}, answer)))
}

// stepUp sends a page to the provider, once, and refuses everything else as a resource
// server would.
func (v *visit) stepUp(answer Answer, level string, request map[string]string) {
	if !navigates(v.r) {
		answer.WriteChallenge(v.w)
		return
	}
	v.send(v.place()+level, request)
}

// signIn sends somebody who is not signed in to the login that the page needs, so that it
// takes one trip and not two.
func (v *visit) signIn(answer Answer) {
	login, err := v.firstLogin()
	var told *Error
	switch {
	case errors.As(err, &told) && told.Status == http.StatusNotFound:
		login.AuthorizationRequest = nil // the sidecar does not tell: any login will do to begin with
	case err != nil:
		v.unavailable(err)
		return
	case login.Level == "":
		v.tell(deniedPage(answer))
		return
	}
	v.send(v.place()+"sign-in", login.AuthorizationRequest)
}

// firstLogin is the weakest login of the application's issuer that reaches the page; the
// zero value if there is none.
func (v *visit) firstLogin() (Login, error) {
	q := v.config.Question(v.wanted)
	requirements, err := v.config.Client.Requirements(v.r.Context(), RequirementQuestion{
		Action: q.Action.Name, ResourceType: q.Resource.Type, ResourceID: q.Resource.ID, Issuer: v.config.Issuer,
	})
	if err != nil {
		return Login{}, err
	}
	for _, requirement := range requirements.Requirements {
		if (v.config.Issuer == "" || requirement.Issuer == v.config.Issuer) && len(requirement.Logins) > 0 {
			return requirement.Logins[0], nil
		}
	}
	return Login{}, nil
}

// send sends the browser to the provider, unless it was there for the same requirement.
func (v *visit) send(requirement string, request map[string]string) {
	all, login := v.readTries(v.r), v.login()
	before, tried := all.find(requirement)
	if tried && before.spent(login) {
		v.writeTries(v.w, all.without(requirement))
		v.tell(unmetPage(v.local()))
		return
	}
	if err := v.keepForm(); err != nil {
		v.config.Logger.WarnContext(v.r.Context(), "a form was not kept over a step-up", "error", err)
		v.tell(unkeptPage())
		return
	}
	target, err := v.config.SignIn(v.r, request, v.local())
	if err != nil {
		v.unavailable(err)
		return
	}
	v.writeTries(v.w, all.with(try{requirement, login, before.Times + 1, v.config.Now().Unix()}))
	v.w.Header().Set("Cache-Control", "no-store")
	v.w.Header().Set("Location", target)
	v.w.WriteHeader(http.StatusSeeOther) // a form that was posted goes on as a GET
}

// login is the digest of the present login's name.
func (v *visit) login() string {
	if v.config.Login != nil {
		return digest(v.config.Login(v.r))
	}
	return digest(v.token)
}

// local is where to come back to: always a place on this site.
func (v *visit) local() string {
	if path, ok := LocalPath(v.returnTo); ok {
		return path
	}
	return "/"
}

// keepForm keeps what the request brings, if it brings anything, and changes where to come
// back to accordingly.
func (v *visit) keepForm() error {
	if reads(v.r) {
		return nil // a ticket that is there already stays in the address
	}
	name, err := v.keep(v.r)
	if err != nil {
		return err
	}
	query := v.r.URL.Query()
	query.Set(ResumeParameter, name)
	v.returnTo = (&url.URL{Path: v.r.URL.Path, RawPath: v.r.URL.RawPath, RawQuery: query.Encode()}).RequestURI()
	return nil
}

// resume takes up a request that was kept. It reports false if it has answered.
func (v *visit) resume(name string) bool {
	if !navigates(v.r) || v.r.Method == http.MethodHead {
		v.tell(spentPage())
		return false
	}
	id, mac, _ := strings.Cut(name, ".")
	t, there, err := v.config.Tickets.Get(v.r.Context(), id)
	if err != nil {
		v.unavailable(err)
		return false
	}
	if !there || !v.redeems(id, mac, t) {
		v.tell(spentPage())
		return false
	}
	if v.wanted, err = t.restore(v.r); err != nil {
		v.unavailable(err)
		return false
	}
	v.ticket = id
	return true
}

// redeems reports whether this visit may redeem a ticket: it is this session's, for this
// path, not expired, and what the store gives back is what was kept.
func (v *visit) redeems(id, mac string, t Ticket) bool {
	address, err := url.Parse(t.Path)
	return err == nil && address.Path == v.r.URL.Path && t.Session != "" && t.Session == v.config.Session(v.r) &&
		t.Expires.After(v.config.Now()) && hmac.Equal([]byte(mac), []byte(v.bind(id, t)))
}

// place is the digest of what is to be done, by which tries are told apart.
func (v *visit) place() string {
	q := v.config.Question(v.wanted)
	return digest(q.Action.Name, q.Resource.Type, q.Resource.ID) + "/"
}

func hasPlace(all tries, place string) bool { return len(withoutPlace(all, place)) != len(all) }

func withoutPlace(all tries, place string) tries {
	var others tries
	for _, t := range all {
		if !strings.HasPrefix(t.Requirement, place) {
			others = append(others, t)
		}
	}
	return others
}

func (v *visit) unavailable(err error) {
	v.config.Logger.ErrorContext(v.r.Context(), "no decision", "method", v.r.Method, "error", err)
	v.w.Header().Set("Retry-After", strconv.Itoa(2))
	retry := ""
	if reads(v.r) {
		retry = v.local()
	}
	v.tell(unavailablePage(retry))
}

// tell shows a page to a person, and JSON to a script.
func (v *visit) tell(p Page) {
	v.w.Header().Set("Cache-Control", "no-store")
	if navigates(v.r) {
		v.config.Page(v.w, v.r, p)
		return
	}
	writeJSON(v.w, p.Status, struct {
		Outcome string   `json:"outcome"`
		Reasons []Reason `json:"reasons"`
	}{Deny, []Reason{{p.Code, p.Text}}})
}
