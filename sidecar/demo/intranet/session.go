package intranet

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"sync"
	"time"
)

// sessionLifetime is how long a session lasts, whatever is done in it.
const sessionLifetime = 12 * time.Hour

// The cookies. Their names say whose they are: browsers tell hosts apart and not ports.
const (
	cookieSession = "fabrikam_intranet_session" // finds the session; another one after every sign-in
	cookieLeaving = "fabrikam_intranet_leaving" // the browser that left for the provider
)

// renewBefore is how much of a token's life is left to the sidecar's clock and the way.
const renewBefore = 15 * time.Second

// A session is one person's, in one browser, from one sign-in to the next.
type session struct {
	login   string // names this sign-in
	subject string
	name    string
	csrf    string // stays the same over the step-ups of one person

	mu        sync.Mutex // held while tokens are renewed: a refresh token works once
	tokens    tokens
	over      bool // the provider ended it
	transfers []transfer
}

// subjectOrNone names the person; empty: nobody is there.
func (s *session) subjectOrNone() string {
	if s == nil {
		return ""
	}
	return s.subject
}

// loginOrNone names the sign-in; empty: there is none.
func (s *session) loginOrNone() string {
	if s == nil {
		return ""
	}
	return s.login
}

// sessionOf returns the browser's session; nil: nobody is signed in.
func (i *Intranet) sessionOf(r *http.Request) *session {
	cookie, err := r.Cookie(i.cookieName(cookieSession))
	if err != nil {
		return nil
	}
	s, there := i.sessions.get(digest(cookie.Value), i.config.Now())
	if !there || s.isOver() {
		return nil
	}
	return s
}

func (s *session) isOver() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over
}

// token is what the sidecar is asked with; empty: nobody is signed in.
func (i *Intranet) token(r *http.Request) (string, error) {
	s := i.sessionOf(r)
	if s == nil {
		return "", nil
	}
	t, err := i.renewed(r.Context(), s)
	if err != nil || t.access == "" {
		return "", err
	}
	if i.config.Reads == IDToken {
		return t.id, nil
	}
	return t.access, nil
}

// renewed returns tokens that are valid now. A session that the provider does not renew is
// over; a provider that cannot be reached is a fault.
func (i *Intranet) renewed(ctx context.Context, s *session) (tokens, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return tokens{}, nil
	}
	if i.config.Now().Add(renewBefore).Before(s.tokens.ends) {
		return s.tokens, nil
	}
	// Somebody else may wait for these tokens too, so a browser that leaves stops nothing.
	fresh, err := i.provider.renew(context.WithoutCancel(ctx), s.tokens, s.subject)
	if isRefused(err) {
		i.config.Logger.InfoContext(ctx, "session ended by the provider", "error", err)
		s.over = true
		return tokens{}, nil
	}
	if err != nil {
		return tokens{}, err
	}
	s.tokens = fresh
	return fresh, nil
}

// begin gives the browser a session of its own for who has just signed in. What the same
// person had before goes with it, and another person's session ends.
func (i *Intranet) begin(w http.ResponseWriter, r *http.Request, t tokens) {
	s := &session{login: rand.Text(), subject: t.subject, name: t.name, csrf: rand.Text(), tokens: t}
	if before := i.sessionOf(r); before != nil && before.subject == s.subject {
		s.csrf, s.transfers = before.csrf, before.sent()
	}
	i.forget(r)
	id := rand.Text()
	now := i.config.Now()
	i.sessions.put(digest(id), s, now, now.Add(sessionLifetime))
	http.SetCookie(w, i.cookie(cookieSession, id, 0))
}

func (i *Intranet) forget(r *http.Request) {
	if cookie, err := r.Cookie(i.cookieName(cookieSession)); err == nil {
		i.sessions.drop(digest(cookie.Value))
	}
}

// isOurs reports whether a form was shown by us to this person.
func (s *session) isOurs(r *http.Request) bool {
	return s != nil && subtle.ConstantTimeCompare([]byte(r.PostFormValue("csrf")), []byte(s.csrf)) == 1
}

// cookie lives as long as the browser, or as told in seconds.
func (i *Intranet) cookie(name, value string, seconds int) *http.Cookie {
	return &http.Cookie{
		Name: i.cookieName(name), Value: value, Path: "/", MaxAge: seconds,
		HttpOnly: true, Secure: i.config.secure(), SameSite: http.SameSiteLaxMode,
	}
}

// cookieName binds a cookie to this host where browsers do that, which is over https.
func (i *Intranet) cookieName(name string) string {
	if i.config.secure() {
		return "__Host-" + name
	}
	return name
}

// digest stands for a secret that a browser has, so that memory holds none.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
