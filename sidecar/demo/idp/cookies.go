package idp

import (
	"net/http"
	"strings"
	"time"
)

// The cookies. Their names say whose they are, because browsers tell hosts apart and not
// ports: the demonstration's other programs get them too, and must not mistake them.
const (
	cookieBrowser  = "fabrikam_idp_browser"  // this browser, for CSRF tokens and interactions
	cookieSession  = "fabrikam_idp_session"  // finds the session; another one after every proof
	cookieRemember = "fabrikam_idp_remember" // fills in a name, and never stands for a factor
)

func (p *Provider) cookie(name, value string, lasts time.Duration) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(p.origin, "https:"), MaxAge: int(lasts / time.Second),
	}
}

// browserOf names the browser; the cookie is nil if it has its name already.
func (p *Provider) browserOf(h http.Header) (string, *http.Cookie) {
	if c, err := (&http.Request{Header: h}).Cookie(cookieBrowser); err == nil && len(c.Value) == 32 {
		return c.Value, nil
	}
	name := randomText(24)
	return name, p.cookie(cookieBrowser, name, 0)
}

// sessionOf returns the browser's session, nil if it has none that lives.
func (p *Provider) sessionOf(r *http.Request) *session {
	c, err := r.Cookie(cookieSession)
	if err != nil {
		return nil
	}
	now := p.now()
	s, there := p.sessions.get(c.Value, now)
	if !there || !s.live(now) {
		return nil
	}
	return s
}

// bind gives the browser a new cookie for the session, so that one that was known before
// the proof is worth nothing. Another person's session ends.
func (p *Provider) bind(w http.ResponseWriter, r *http.Request, s *session) {
	if c, err := r.Cookie(cookieSession); err == nil {
		if before := p.sessionOf(r); before != nil && before != s {
			before.end()
		}
		p.sessions.drop(c.Value)
	}
	text := randomText(32)
	p.sessions.put(text, s, p.now(), s.ends)
	http.SetCookie(w, p.cookie(cookieSession, text, 0))
}

// remembered is how long a device keeps a name.
const remembered = 30 * 24 * time.Hour

// remember keeps the name on a device whose person asked for it.
func (p *Provider) remember(w http.ResponseWriter, r *http.Request, a *account) {
	if r.PostFormValue("remember") == "yes" {
		http.SetCookie(w, p.cookie(cookieRemember, a.user.Name, remembered))
	}
}

func (p *Provider) rememberedName(r *http.Request) string {
	if c, err := r.Cookie(cookieRemember); err == nil && p.accounts[c.Value] != nil {
		return c.Value
	}
	return ""
}

// csrf is the token of forms shown to this browser.
func (p *Provider) csrf(browser string) string { return mac(p.secret, "form "+browser) }

// checkForm reports whether a form comes from one of our pages in this browser.
func (p *Provider) checkForm(r *http.Request) bool {
	c, err := r.Cookie(cookieBrowser)
	return err == nil && sameSecret(r.PostFormValue("csrf"), p.csrf(c.Value))
}
