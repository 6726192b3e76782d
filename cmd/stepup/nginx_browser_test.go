package main

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"

	"stepup/sidecar/demo/idp"
)

// TestNginxInBrowser is the way of TestNginxLoop by a real browser, over TLS: its rules of cookies,
// of sites and of content policies are those that people meet.
func TestNginxInBrowser(t *testing.T) {
	browser := newBrowser(t)
	g := newGuarded(t, idp.Misbehave{}, true)
	v := visitorOf(t, browser, g.demo, func() {})
	v.call("trusting the test's certificate", func() error {
		_, err := chromedp.Call(v.ctx, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true})
		return err
	})
	v.visit(g.origin + "/employees?by=name")
	v.signIn("alice")
	v.enterCode()
	v.sees("the application's /employees?by=name")
	v.atURL(g.origin + "/employees?by=name")
	v.went(2) // to sign in, and more strongly
	v.checkCookies(g.origin)

	v.visit(g.origin + "/elsewhere")
	v.sees("403 Forbidden") // no login opens it
	v.went(0)
	v.fromElsewhere(g)

	v.passTime(2 * time.Hour) // the token expires, the session at the provider does not
	if got, want := v.fetch("/customers"), "401 false Bearer"; !strings.HasPrefix(got, want) {
		t.Errorf("a script gets %q, want %q and no redirect", got, want)
	}
	v.went(0)
	v.visit(g.origin + "/customers")
	v.sees("the application's /customers")
	v.went(1)
}

// checkCookies wants both cookies as their names promise: of this host alone, over TLS, hidden from
// scripts and not sent along with other sites' forms.
func (v *visitor) checkCookies(origin string) {
	v.Helper()
	found := map[string]bool{}
	v.call("reading the cookies", func() error {
		got, err := chromedp.Call(v.ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{origin}})
		if err != nil {
			return err
		}
		for _, c := range got.Cookies {
			found[c.Name] = c.Secure && c.HTTPOnly && c.SameSite == network.CookieSameSiteLax && c.Path == "/" && c.Domain == "127.0.0.1"
		}
		return nil
	})
	if len(found) != 2 || !found["__Host-session"] || !found["__Host-stepup-sent"] {
		v.Errorf("the browser keeps %v, want the session and the count of trips, each as its name promises", found)
	}
}

// fromElsewhere comes from another site: a link is followed with the session, a form and a frame have
// none, and are sent nowhere.
func (v *visitor) fromElsewhere(g guarded) {
	v.Helper()
	other, _ := listenLocal(v.T)
	_, port, _ := strings.Cut(other.Addr().String(), ":")
	serveUntilEnd(v.T, other, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		target := html.EscapeString(g.origin + "/customers")
		_, _ = fmt.Fprintf(w, `<!doctype html><title>Elsewhere</title><h1>Elsewhere</h1><main><a href="%[1]s">Follow</a>
<form method="post" action="%[1]s"><button>Send</button></form><iframe src="%[1]s"></iframe></main>`, target)
	}))
	elsewhere := "http://localhost:" + port + "/"
	v.visit(elsewhere)
	v.sees("Elsewhere")
	v.press("Follow")
	v.sees("the application's /customers")
	v.visit(elsewhere)
	v.sees("Elsewhere")
	v.press("Send")
	v.sees("401 Authorization Required")
	v.atURL(g.origin + "/customers")
	v.went(0)
}

// fetch returns what a script of the page gets: the status, whether it was redirected, the challenge.
func (v *visitor) fetch(path string) string {
	v.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, endurance)
	defer cancel()
	got, err := chromedp.Run(ctx, chromedp.Evaluate[string](fmt.Sprintf(
		`fetch(%q, {headers: {Accept: "text/html"}}).then(r => r.status + " " + r.redirected + " " + r.headers.get("www-authenticate"), e => "failed: " + e)`, path), chromedp.EvalAwaitPromise))
	if err != nil {
		v.Fatalf("fetching %s: %v", path, err)
	}
	return got
}

// visit goes to any page, also one that answers with an error.
func (v *visitor) visit(url string) {
	v.Helper()
	v.call("going to "+url, func() error {
		ctx, cancel := context.WithTimeout(v.ctx, endurance)
		defer cancel()
		return chromedp.Do(ctx, chromedp.Navigate(url))
	})
}

func (v *visitor) atURL(want string) {
	v.Helper()
	if got, err := chromedp.Run(v.ctx, chromedp.Location()); err != nil || got != want {
		v.Errorf("at %s (%v), want %s", got, err, want)
	}
}

func (v *visitor) call(what string, do func() error) {
	v.Helper()
	if err := do(); err != nil {
		v.Fatalf("%s: %v", what, err)
	}
}
