package navigation

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// How often a browser is sent for one page before it gets the 401 itself, for how many pages that
// is remembered, and for how many seconds. Somebody may go back and try again; a login that
// returns by itself and has not helped must not go round for ever.
const (
	maxTimes  = 3
	maxPages  = 4
	remembers = 300
)

// A page is one that this browser was sent to sign in for.
type page struct {
	digest string
	times  int
}

// sent are the pages in a browser's cookie, the latest last.
type sent []page

// readSent returns what a request's cookies tell. Whatever is not of our making is not there.
func readSent(v Visit, name string) sent {
	var all sent
	r := http.Request{Header: http.Header{"Cookie": v.fields("Cookie")}}
	for _, cookie := range r.CookiesNamed(name) {
		all = append(all, parseSent(cookie.Value)...)
	}
	return all[max(0, len(all)-maxPages):]
}

func parseSent(value string) sent {
	var all sent
	for item := range strings.SplitSeq(value, "-") {
		digest, times, _ := strings.Cut(item, ".")
		n, err := strconv.Atoi(times)
		if _, wrong := hex.DecodeString(digest); wrong != nil || len(digest) != digestLength || err != nil || n < 1 || n > maxTimes {
			continue
		}
		all = append(all, page{digest, n})
	}
	return all
}

// digestLength is that of a page's digest, which tells a few pages of one browser apart.
const digestLength = 16

func digestOf(path string) string {
	sum := sha256.Sum256([]byte(path))
	return hex.EncodeToString(sum[:])[:digestLength]
}

// times is how often the browser was sent for a page.
func (all sent) times(path string) int {
	most, digest := 0, digestOf(path)
	for _, p := range all {
		if p.digest == digest {
			most = max(most, p.times)
		}
	}
	return most
}

// without forgets a page.
func (all sent) without(path string) sent {
	digest := digestOf(path)
	return slices.DeleteFunc(slices.Clone(all), func(p page) bool { return p.digest == digest })
}

// with counts a page once more, and forgets the oldest beyond the limit.
func (all sent) with(path string) sent {
	more := append(all.without(path), page{digestOf(path), all.times(path) + 1})
	return more[max(0, len(more)-maxPages):]
}

func (all sent) String() string {
	items := make([]string, len(all))
	for i, p := range all {
		items[i] = p.digest + "." + strconv.Itoa(p.times)
	}
	return strings.Join(items, "-")
}

// cookieName is one that only this very host can set, where browsers know that (__Host-).
func (s *SignIn) cookieName() string {
	if s.secure() {
		return "__Host-stepup-sent"
	}
	return "stepup-sent"
}

func (s *SignIn) secure() bool { return s.origin.Scheme == "https" }

// cookie is the value of Set-Cookie by which a browser remembers; nothing to remember takes the
// cookie back.
func (s *SignIn) cookie(all sent) string {
	cookie := http.Cookie{
		Name: s.cookieName(), Value: all.String(), Path: "/", MaxAge: remembers,
		Secure: s.secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if len(all) == 0 {
		cookie.MaxAge = -1
	}
	return cookie.String()
}
