package client

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// maxTries is how many requirements a browser's cookie remembers, and maxSame how often a
// browser is sent for one of them with the same login: somebody may go back and click
// again, but a callback that returns without a login must not go round for ever.
const (
	maxTries = 8
	maxSame  = 3
)

// A try is one requirement that this browser was sent to the provider for.
type try struct {
	Requirement string `json:"r"`
	Login       string `json:"l"` // which login it had then
	Times       int    `json:"n"`
	At          int64  `json:"t"`
}

// tries are what a browser brings in its cookie. They are signed, not secret: digests.
type tries []try

// readTries returns the tries of a request that are not too old. A cookie that was not
// signed here is none.
func (s *StepUp) readTries(r *http.Request) tries {
	cookie, err := r.Cookie(s.config.CookieName)
	if err != nil {
		return nil
	}
	text, mac, _ := strings.Cut(cookie.Value, ".")
	if !signed(s.config.Secret, mac, "tries", text) {
		return nil
	}
	plain, err := encoding.DecodeString(text)
	if err != nil {
		return nil
	}
	var all tries
	if json.Unmarshal(plain, &all) != nil {
		return nil
	}
	since := s.config.Now().Add(-s.config.Remember).Unix()
	return slices.DeleteFunc(all, func(t try) bool { return t.At <= since })
}

// writeTries replaces the cookie, or takes it back when there is nothing to remember.
func (s *StepUp) writeTries(w http.ResponseWriter, all tries) {
	cookie := &http.Cookie{
		Name: s.config.CookieName, Path: "/", HttpOnly: true, Secure: !s.config.Insecure,
		SameSite: http.SameSiteLaxMode, // sent when the provider sends the browser back, by no other site's form
		MaxAge:   -1,
	}
	if len(all) > 0 {
		plain, _ := json.Marshal(all) // texts and numbers
		text := encoding.EncodeToString(plain)
		cookie.Value = text + "." + sign(s.config.Secret, "tries", text)
		cookie.MaxAge = int(s.config.Remember / time.Second)
	}
	http.SetCookie(w, cookie)
}

// find returns the try of a requirement.
func (all tries) find(requirement string) (try, bool) {
	i := slices.IndexFunc(all, func(t try) bool { return t.Requirement == requirement })
	if i < 0 {
		return try{}, false
	}
	return all[i], true
}

// without returns the tries of other requirements.
func (all tries) without(requirement string) tries {
	return slices.DeleteFunc(slices.Clone(all), func(t try) bool { return t.Requirement == requirement })
}

// with adds a try as the latest, and forgets the oldest beyond the limit.
func (all tries) with(t try) tries {
	all = append(all.without(t.Requirement), t)
	return all[max(0, len(all)-maxTries):]
}

// spent reports whether this browser was sent already and it did not help: it is back with
// another login, or was sent too often with the same.
func (t try) spent(login string) bool { return t.Login != login || t.Times >= maxSame }
