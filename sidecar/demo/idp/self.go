package idp

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/zitadel/oidc/v3/pkg/oidc"
)

// self is the account page, which signs people in like any application does.
var self = Client{ID: "account", Name: "your account"}

// showAccount shows a person what is set up.
func (p *Provider) showAccount(w http.ResponseWriter, r *http.Request) {
	s := p.sessionOf(r)
	if s == nil {
		p.beginSelf(w, r, request{client: self, asked: AuthorizationRequest{Scope: oidc.ScopeOpenID}})
		return
	}
	v := view{Page: "account", Title: "Your account", Person: s.account.user.fullName()}
	for _, m := range []string{methodPassword, methodTOTP, methodPasskey, methodDuo, methodCustom} {
		ready := slices.Contains(p.methodsOf(s.account), m) && s.account.ready(m)
		if canAdd := p.enrolment(m) != nil; ready || canAdd {
			v.Factors = append(v.Factors, factorView{m, labels[m], ready, canAdd})
		}
	}
	p.show(w, r, v, "")
}

// postAccount sets a factor up: after a login that is recent, and that has a second
// factor if the person has one, lest a stolen password bring its own.
func (p *Provider) postAccount(w http.ResponseWriter, r *http.Request) {
	s := p.sessionOf(r)
	method := r.PostFormValue("method")
	if s == nil || !p.checkForm(r) || p.enrolment(method) == nil {
		p.showGone(w, r)
		return
	}
	asked := AuthorizationRequest{Scope: oidc.ScopeOpenID, MaxAge: seconds(fresh)}
	if p.hasSecond(s.account) {
		asked.ACRValues = "mfa"
	}
	p.beginSelf(w, r, request{client: self, asked: asked, subject: s.account.user.id(), enrol: method})
}

func (p *Provider) hasSecond(a *account) bool {
	return slices.ContainsFunc(p.methodsOf(a), func(m string) bool { return m != methodPassword && a.ready(m) })
}

func (p *Provider) beginSelf(w http.ResponseWriter, r *http.Request, asked request) {
	now := p.now()
	browser, cookie := p.browserOf(r.Header)
	if cookie != nil {
		http.SetCookie(w, cookie)
	}
	it := &interaction{id: randomText(24), browser: digest(browser), request: asked, began: now}
	p.interactions.put(it.id, it, now, now.Add(interactionLifetime))
	http.Redirect(w, r, it.address(), http.StatusSeeOther)
}

// endSession is OpenID Connect RP-Initiated Logout 1.0. A hint that is this session's
// ends it at once; otherwise the person is asked.
func (p *Provider) endSession(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		p.showGone(w, r)
		return
	}
	s := p.sessionOf(r)
	client, sid := p.readLogoutHint(r.Form)
	back := logoutTarget(client, r.Form)
	confirmed := r.PostFormValue("do") == "confirm" && p.checkForm(r)
	switch {
	case s != nil && s.id != sid && !confirmed:
		p.show(w, r, view{Page: "logout", Title: "Sign out?", Person: s.account.user.fullName(), Client: client.name(), Hidden: logoutFields(r.Form)}, back)
		return
	case s != nil:
		p.end(w, r, s)
	}
	if back == "" {
		p.show(w, r, view{Page: "message", Title: "Signed out", Message: "You are signed out here. You can close this page."}, "")
		return
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

// readLogoutHint returns whose ID token the hint is, and of which session.
func (p *Provider) readLogoutHint(form url.Values) (Client, string) {
	claims, err := p.keys.verify(form.Get("id_token_hint"), typeID)
	if err != nil {
		client, _ := p.client(form.Get("client_id"))
		return client, ""
	}
	audience, _ := claims["aud"].(string)
	sid, _ := claims["sid"].(string)
	client, _ := p.client(audience)
	if asked := form.Get("client_id"); asked != "" && asked != client.ID {
		return Client{}, ""
	}
	return client, sid
}

// logoutTarget is where the client wants the browser, if it registered that; else "".
func logoutTarget(client Client, form url.Values) string {
	target := form.Get("post_logout_redirect_uri")
	u, err := url.Parse(target)
	if err != nil || target == "" || !slices.Contains(client.PostLogoutRedirectURIs, target) {
		return ""
	}
	if state := form.Get("state"); state != "" {
		query := u.Query()
		query.Set("state", state)
		u.RawQuery = query.Encode()
	}
	return u.String()
}

// logoutFields are carried through the question.
func logoutFields(form url.Values) url.Values {
	kept := url.Values{}
	for _, name := range []string{"id_token_hint", "client_id", "post_logout_redirect_uri", "state"} {
		if v := form.Get(name); v != "" {
			kept.Set(name, v)
		}
	}
	return kept
}

// end ends a session, and what clients could renew because of it.
func (p *Provider) end(w http.ResponseWriter, r *http.Request, s *session) {
	s.end()
	p.sessions.dropIf(func(other *session) bool { return other == s })
	p.refreshes.dropIf(func(t *refresh) bool { return t.grant.sid == s.id })
	p.codes.dropIf(func(c *code) bool { return c.grant.sid == s.id })
	http.SetCookie(w, p.cookie(cookieSession, "", -1e9))
	p.config.Logger.InfoContext(r.Context(), "signed out", "user", s.account.user.id())
}
