package idp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
)

// interactionLifetime is how long a person may take to answer.
const interactionLifetime = 15 * time.Minute

// fresh is how recent a password has to be to set up a factor with it.
const fresh = 10 * time.Minute

// A request is what a client asked for. Our own account page asks too: it has no
// redirect URI, and may want a factor set up.
type request struct {
	client      Client
	redirectURI string
	state       string
	nonce       string
	challenge   *oidc.CodeChallenge
	scopes      []string
	loginHint   string
	subject     string // of id_token_hint
	asked       AuthorizationRequest
	enrol       string // factor to set up, from the account page
}

// An interaction is one request while a person answers it, in one browser.
type interaction struct {
	id      string
	browser key
	request request
	began   time.Time

	mu       sync.Mutex // held while a request of the browser is answered
	account  *account   // who signs in; nil until it is known
	session  *session
	proved   []Proof // since the request
	switched bool    // the person wants to be somebody else
	way      string  // the factor that the person prefers, or the client
	pending  *challenge
	enrols   bool // pending sets a factor up
	message  string
	name     string // as it was typed
}

func (it *interaction) address() string { return "/login?request=" + url.QueryEscape(it.id) }

// showLogin is the one page that leads on: to the next factor, or back to the client.
func (p *Provider) showLogin(w http.ResponseWriter, r *http.Request) {
	it, ok := p.interactionOf(r, r.URL.Query().Get("request"))
	if !ok {
		p.showGone(w, r)
		return
	}
	it.mu.Lock()
	defer it.mu.Unlock()
	p.advance(w, r, it)
}

// interactionOf finds an interaction, for the browser that it belongs to.
func (p *Provider) interactionOf(r *http.Request, id string) (*interaction, bool) {
	it, there := p.interactions.get(id, p.now())
	cookie, err := r.Cookie(cookieBrowser)
	if !there || err != nil || digest(cookie.Value) != it.browser {
		return nil, false
	}
	return it, true
}

// advance asks the login rule what comes next, and does it.
func (p *Provider) advance(w http.ResponseWriter, r *http.Request, it *interaction) {
	p.adopt(r, it)
	q := p.question(it)
	answer, err := p.ask(r.Context(), q)
	switch {
	case err != nil:
		p.fault(r.Context(), "signing in", err)
		p.refuse(w, r, it, "server_error")
	case answer.Error != "" && it.way != "":
		it.way, it.message = "", "That way does not reach what the application asks for."
		p.advance(w, r, it)
	case answer.Error != "":
		p.refuse(w, r, it, answer.Error)
	case answer.Claims != nil && it.request.enrol != "":
		p.enrol(w, r, it, it.request.enrol)
	case answer.Claims != nil:
		p.complete(w, r, it, q, *answer.Claims)
	default:
		p.demand(w, r, it, answer.Factors[0])
	}
}

// adopt lets the browser's session answer, unless the request or the person wants
// somebody else; and forgets a session that ended meanwhile.
func (p *Provider) adopt(r *http.Request, it *interaction) {
	now := p.now()
	if it.session != nil && !it.session.live(now) {
		it.session, it.proved = nil, nil
	}
	s := p.sessionOf(r)
	if it.account != nil || it.switched || s == nil || it.wants("select_account") {
		return
	}
	a := s.account
	hinted := it.request.loginHint == "" || it.request.loginHint == a.user.Name || it.request.loginHint == a.user.Email
	if hinted && it.mayBe(a) {
		it.account, it.session = a, s
	}
}

func (it *interaction) wants(prompt string) bool {
	return slices.Contains(strings.Split(it.request.asked.Prompt, " "), prompt)
}

// mayBe reports whether the request leaves it open who signs in, or means this person.
func (it *interaction) mayBe(a *account) bool {
	return it.request.subject == "" || it.request.subject == a.user.id()
}

// question tells the rule what was asked and what was proved.
func (p *Provider) question(it *interaction) Question {
	q := Question{
		AuthorizationRequest: it.request.asked,
		User:                 Person{Factors: p.beginners()},
		Session:              Proved{Completed: []Proof{}, RequestedAt: it.began.Unix(), Claims: map[string]any{}},
		Client:               it.request.client.application(),
		Now:                  p.now().Unix(),
	}
	if it.account != nil {
		q.User = Person{ID: it.account.user.id(), Factors: p.methodsOf(it.account)}
	}
	if done := it.completed(); len(done) > 0 {
		q.Session.Completed = done
	}
	q.User.Factors = it.preferred(q.User.Factors, q.Session.Completed)
	p.misbehaviour().ignore(&q.AuthorizationRequest)
	return q
}

// completed are the proofs that count: with prompt=login only those made for it.
func (it *interaction) completed() []Proof {
	if it.session == nil || it.wants(oidc.PromptLogin) {
		return slices.Clone(it.proved)
	}
	return it.session.completed()
}

// preferred leaves out what the person, or the client's connection parameter, does not want
// to use, except for what it takes to get there.
func (it *interaction) preferred(methods []string, completed []Proof) []string {
	if it.way == "" {
		return methods
	}
	return slices.DeleteFunc(slices.Clone(methods), func(m string) bool {
		first := m == methodPassword && it.way != methodPasskey
		done := slices.ContainsFunc(completed, func(p Proof) bool { return p.Factor == m })
		return m != it.way && !first && !done
	})
}

// ignore is how a provider misbehaves before the rule is asked.
func (m Misbehave) ignore(asked *AuthorizationRequest) {
	if m.IgnoreACRValues {
		kept := slices.DeleteFunc(strings.Split(asked.Scope, " "), func(s string) bool { return s == "step_up" })
		asked.Scope, asked.ACRValues, asked.Claims = strings.Join(kept, " "), "", nil
	}
	if m.IgnoreMaxAge {
		asked.MaxAge = ""
	}
}

// demand asks for a factor. One that is not set up is set up first, by somebody who has
// just given the password.
func (p *Provider) demand(w http.ResponseWriter, r *http.Request, it *interaction, method string) {
	switch {
	case it.wants(oidc.PromptNone):
		p.refuse(w, r, it, errorInteractionRequired)
	case slices.ContainsFunc(it.proved, func(p Proof) bool { return p.Factor == method }):
		p.fault(r.Context(), "signing in", fmt.Errorf("the login rule asks again for %s, which was just proved", method))
		p.refuse(w, r, it, "server_error")
	case it.account == nil || it.account.ready(method):
		p.challenge(w, r, it, method)
	case it.isFresh(p.now()):
		p.enrol(w, r, it, method)
	default:
		p.challenge(w, r, it, methodPassword)
	}
}

func (it *interaction) isFresh(now time.Time) bool {
	return slices.ContainsFunc(it.completed(), func(p Proof) bool {
		return p.Factor == methodPassword && now.Sub(time.Unix(p.Time, 0)) < fresh
	})
}

// challenge opens a challenge and shows it.
func (p *Provider) challenge(w http.ResponseWriter, r *http.Request, it *interaction, method string) {
	c := p.newChallenge(it, method)
	shown, err := p.factors[method].begin(r.Context(), c)
	if err != nil {
		p.fault(r.Context(), "asking for "+method, err)
		p.showUnavailable(w, r, it, method)
		return
	}
	it.pending, it.enrols = c, false
	if shown.redirect != "" {
		http.Redirect(w, r, shown.redirect, http.StatusFound)
		return
	}
	p.showPrompt(w, r, it, shown)
}

func (p *Provider) newChallenge(it *interaction, method string) *challenge {
	return &challenge{
		method: method, account: it.account, now: p.now(),
		state: it.id + "." + randomText(16), returnTo: p.origin + "/login/return",
	}
}

// enrol shows how to set a factor up. A wrong answer shows the same again.
func (p *Provider) enrol(w http.ResponseWriter, r *http.Request, it *interaction, method string) {
	e := p.enrolment(method)
	if e == nil {
		p.refuse(w, r, it, errorUnmet)
		return
	}
	c := p.newChallenge(it, method)
	if it.enrols && it.pending != nil && it.pending.method == method && it.pending.account == it.account {
		c.memory = it.pending.memory
	}
	shown, err := e.begin(c)
	if err != nil {
		p.fault(r.Context(), "setting up "+method, err)
		p.showUnavailable(w, r, it, method)
		return
	}
	it.pending, it.enrols = c, true
	p.showPrompt(w, r, it, shown)
}

// postLogin takes what a person answers. Every answer leads back to showLogin.
func (p *Provider) postLogin(w http.ResponseWriter, r *http.Request) {
	it, ok := p.interactionOf(r, r.PostFormValue("request"))
	if !ok || !p.checkForm(r) {
		p.showGone(w, r)
		return
	}
	it.mu.Lock()
	defer it.mu.Unlock()
	it.message = ""
	switch r.PostFormValue("do") {
	case "prove":
		p.prove(w, r, it, r.PostForm)
	case "way":
		it.way = r.PostFormValue("way")
	case "switch":
		it.account, it.session, it.proved, it.pending = nil, nil, nil, nil
		it.switched, it.way, it.name = true, "", ""
	case "cancel":
		p.refuse(w, r, it, "access_denied")
		return
	}
	http.Redirect(w, r, it.address(), http.StatusSeeOther)
}

// returnToLogin takes what another provider's page answers.
func (p *Provider) returnToLogin(w http.ResponseWriter, r *http.Request) {
	state := r.URL.Query().Get("state")
	id, _, _ := strings.Cut(state, ".")
	it, ok := p.interactionOf(r, id)
	if !ok {
		p.showGone(w, r)
		return
	}
	it.mu.Lock()
	defer it.mu.Unlock()
	it.message = ""
	if it.pending != nil && it.pending.state == state {
		p.prove(w, r, it, r.URL.Query())
	}
	http.Redirect(w, r, it.address(), http.StatusSeeOther)
}

// How often something wrong may be sent within five minutes.
const (
	wrongByPerson  = 5
	wrongByAddress = 20
)

// prove judges the answer to the pending challenge, once.
func (p *Provider) prove(w http.ResponseWriter, r *http.Request, it *interaction, answer url.Values) {
	c := it.pending
	if c == nil {
		return
	}
	c.now = p.now()
	if c.account == nil && c.method == methodPassword {
		it.name = strings.TrimSpace(answer.Get("name"))
		c.account = p.accounts[it.name]
	}
	person, address := c.method+" "+c.name(it.name), "address "+addressOf(r)
	if !p.wrong.take(person, wrongByPerson, c.now) || !p.wrong.take(address, wrongByAddress, c.now) {
		it.message = "Too many attempts. Please wait five minutes."
		return
	}
	if err := p.finish(r.Context(), it, c, answer); err != nil {
		p.takeWrong(r.Context(), it, c, err)
		return
	}
	p.wrong.clear(person)
	p.wrong.forgive(address)
	p.accept(w, r, it, c)
}

// name tells who is asked, for counting attempts; nobody knows yet with a passkey, whose
// attempts count by address alone.
func (c *challenge) name(typed string) string {
	if c.account != nil {
		return c.account.user.id()
	}
	return "unknown " + firstOf(typed, c.state)
}

func (p *Provider) finish(ctx context.Context, it *interaction, c *challenge, answer url.Values) error {
	if it.enrols {
		return p.enrolment(c.method).finish(c, answer)
	}
	it.pending = nil
	return p.factors[c.method].finish(ctx, c, answer)
}

func (p *Provider) takeWrong(ctx context.Context, it *interaction, c *challenge, err error) {
	if !errors.Is(err, errWrong) {
		p.fault(ctx, "judging "+c.method, err)
		it.message = "This could not be checked just now. Please try again."
		return
	}
	p.config.Logger.InfoContext(ctx, "wrong answer", "factor", c.method, "user", c.name(it.name), "error", err)
	it.message = messages[c.method]
}

// messages say that something was wrong, and not what.
var messages = map[string]string{
	methodPassword: "Name and password do not match.",
	methodTOTP:     "This code does not count. Each code works once; wait for the next one.",
	methodPasskey:  "This passkey could not be verified.",
	methodDuo:      "Duo did not confirm that it is you.",
	methodCustom:   "The other page did not confirm that it is you.",
}

// accept keeps a proof in the session of the person who made it. Another person gets
// another session, and nothing of the first.
func (p *Provider) accept(w http.ResponseWriter, r *http.Request, it *interaction, c *challenge) {
	if !it.mayBe(c.account) {
		it.message = "The application asks for somebody else to sign in here."
		return
	}
	enrolled := it.enrols
	it.pending, it.enrols = nil, false
	if enrolled {
		it.request.enrol = ""
		p.config.Logger.InfoContext(r.Context(), "factor set up", "factor", c.method, "user", c.account.user.id())
		if c.method == methodPasskey {
			return // it proves who is there when it is used
		}
	}
	p.join(r, it, c)
	it.account = c.account
	it.session.prove(c.method, c.now)
	it.proved = with(it.proved, c.method, c.now)
	p.bind(w, r, it.session)
	p.remember(w, r, c.account)
	p.config.Logger.InfoContext(r.Context(), "factor proved", "factor", c.method, "user", c.account.user.id())
}

// join finds the session that the proof belongs to: this interaction's or the browser's,
// if it is this person's, else a new one.
func (p *Provider) join(r *http.Request, it *interaction, c *challenge) {
	mine := func(s *session) bool { return s.live(c.now) && s.account == c.account }
	if mine(it.session) {
		return
	}
	it.proved = nil
	if it.session = p.sessionOf(r); !mine(it.session) {
		it.session = &session{id: randomText(16), account: c.account, ends: c.now.Add(p.config.SessionLifetime)}
	}
}

func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// complete ends the interaction with what was asked for: a code.
func (p *Provider) complete(w http.ResponseWriter, r *http.Request, it *interaction, q Question, claims Claims) {
	now := p.now()
	p.interactions.drop(it.id)
	if it.request.redirectURI == "" {
		http.Redirect(w, r, "/account", http.StatusSeeOther)
		return
	}
	text := randomText(32)
	p.codes.put(text, &code{
		redirectURI: it.request.redirectURI, challenge: it.request.challenge,
		grant: &grant{
			client: it.request.client, account: it.account, sid: it.session.id,
			scopes: it.request.scopes, nonce: it.request.nonce, claims: claims, ends: now.Add(p.config.RefreshTokenLifetime),
			asked: q.AuthorizationRequest, proofs: q.Session.Completed, requestedAt: q.Session.RequestedAt,
		},
	}, now, now.Add(codeLifetime))
	p.config.Logger.InfoContext(r.Context(), "signed in", "user", it.account.user.id(), "client", it.request.client.ID, "acr", claims.ACR)
	p.answer(w, r, it, url.Values{"code": {text}})
}

// refuse ends the interaction without it.
func (p *Provider) refuse(w http.ResponseWriter, r *http.Request, it *interaction, reason string) {
	p.interactions.drop(it.id)
	p.config.Logger.InfoContext(r.Context(), "not signed in", "client", it.request.client.ID, "error", reason)
	if it.request.redirectURI == "" {
		p.showRefused(w, r, reason)
		return
	}
	p.answer(w, r, it, url.Values{"error": {reason}})
}

// answer goes back to the client (RFC 6749, section 4.1.2; iss by RFC 9207).
func (p *Provider) answer(w http.ResponseWriter, r *http.Request, it *interaction, values url.Values) {
	u, err := url.Parse(it.request.redirectURI)
	if err != nil {
		p.fault(r.Context(), "reading a redirect URI", err)
		p.showGone(w, r)
		return
	}
	query := u.Query()
	values.Set("iss", p.config.Issuer)
	if it.request.state != "" {
		values.Set("state", it.request.state)
	}
	for name := range values {
		query.Set(name, values.Get(name))
	}
	u.RawQuery = query.Encode()
	http.Redirect(w, r, u.String(), http.StatusSeeOther)
}
