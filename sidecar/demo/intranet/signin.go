package intranet

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"stepup/sidecar/client"
)

// A leaving is one browser on its way to the provider and back.
type leaving struct {
	state, nonce string
	verifier     string // of PKCE
	browser      string // digest of its cookie
	returnTo     string
	subject      string // who has to come back; empty: anybody
}

// leavingLifetime is how long a person may take at the provider.
const leavingLifetime = 15 * time.Minute

// asked are the parameters that the guard hands to /sign-in. Whoever puts others there, or
// these by hand, asks the provider for another login of their own, and for nothing else.
var asked = []string{"scope", "acr_values", "max_age", "prompt", "claims"}

// signInAddress is where the guard sends somebody who has to sign in, or more strongly.
func signInAddress(_ *http.Request, wanted map[string]string, returnTo string) (string, error) {
	query := url.Values{"return_to": {returnTo}}
	for _, name := range asked {
		if value, there := wanted[name]; there {
			query.Set(name, value)
		}
	}
	return "/sign-in?" + query.Encode(), nil
}

// startSignIn sends the browser to the provider.
func (i *Intranet) startSignIn(w http.ResponseWriter, r *http.Request) {
	query, wanted := r.URL.Query(), map[string]string{}
	for _, name := range asked {
		if query.Has(name) {
			wanted[name] = query.Get(name)
		}
	}
	browser := i.leavingBrowser(w, r)
	l := leaving{
		state: rand.Text(), nonce: rand.Text(), verifier: oauth2.GenerateVerifier(), browser: digest(browser),
		returnTo: localOr(query.Get("return_to"), "/"),
	}
	hint := ""
	if s := i.sessionOf(r); s != nil {
		l.subject, hint = s.subject, s.idToken()
	}
	address, err := i.provider.authorization(r.Context(), l, wanted, hint)
	if err != nil {
		i.unreachable(w, r, err)
		return
	}
	now := i.config.Now()
	i.leaving.put(l.state, l, now, now.Add(leavingLifetime))
	http.Redirect(w, r, address, http.StatusSeeOther)
}

func (s *session) idToken() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tokens.id
}

// leavingBrowser names the browser, so that only it can come back. Several tabs have one
// name and a state each.
func (i *Intranet) leavingBrowser(w http.ResponseWriter, r *http.Request) string {
	if cookie, err := r.Cookie(i.cookieName(cookieLeaving)); err == nil && len(cookie.Value) >= 26 {
		return cookie.Value
	}
	name := rand.Text()
	http.SetCookie(w, i.cookie(cookieLeaving, name, 0))
	return name
}

// localOr is a place on this site.
func localOr(path, otherwise string) string {
	if local, ok := client.LocalPath(path); ok {
		return local
	}
	return otherwise
}

// finishSignIn takes what the provider answers (OpenID Connect Core, section 3.1.2.5).
func (i *Intranet) finishSignIn(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	// 1. It answers a request of this browser, once.
	l, there := i.leaving.take(query.Get("state"), i.config.Now())
	cookie, err := r.Cookie(i.cookieName(cookieLeaving))
	if !there || err != nil || digest(cookie.Value) != l.browser {
		i.tell(w, r, expiredSignIn())
		return
	}
	// 2. It comes from the provider that was asked (RFC 9207, section 2.4).
	if iss := query.Get("iss"); iss != "" && iss != i.config.Issuer {
		i.config.Logger.WarnContext(r.Context(), "answered by another issuer", "iss", iss)
		i.tell(w, r, expiredSignIn())
		return
	}
	// 3. It may be a no.
	if code := query.Get("error"); code != "" {
		i.config.Logger.InfoContext(r.Context(), "not signed in", "error", code)
		i.tell(w, r, refusedSignIn(code, l.returnTo, i.sessionOf(r) != nil))
		return
	}
	// 4. It gives tokens, of the person who left.
	t, err := i.provider.exchange(r.Context(), query.Get("code"), l)
	switch {
	case err != nil:
		i.unreachable(w, r, err)
	case l.subject != "" && l.subject != t.subject:
		i.tell(w, r, somebodyElse())
	default:
		i.begin(w, r, t)
		http.Redirect(w, r, l.returnTo, http.StatusSeeOther)
	}
}

func (i *Intranet) unreachable(w http.ResponseWriter, r *http.Request, err error) {
	i.config.Logger.ErrorContext(r.Context(), "signing in", "error", err)
	i.tell(w, r, notice{
		Status: http.StatusBadGateway, Title: "Sign-in is not available",
		Text: "Fabrikam's provider could not be reached, or did not answer as it should. Nothing has changed for you; please try again in a moment.",
	})
}

// signOut ends the session here and at the provider.
func (i *Intranet) signOut(w http.ResponseWriter, r *http.Request) {
	s := i.sessionOf(r)
	if s == nil {
		http.Redirect(w, r, SignedOutPath, http.StatusSeeOther)
		return
	}
	if !s.isOurs(r) {
		i.tell(w, r, forged())
		return
	}
	i.forget(r)
	http.SetCookie(w, i.cookie(cookieSession, "", -1))
	target := i.provider.endSession(r.Context(), s.idToken())
	if target == "" {
		target = SignedOutPath
	}
	http.Redirect(w, r, target, http.StatusSeeOther)
}
