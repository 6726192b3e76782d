package idp_test

import (
	"bytes"
	"encoding/base64"
	"image/png"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"stepup/sidecar/demo/idp"
)

func TestPagesAllowNothingThatTheyDoNotNeed(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	page := b.open(w.trip().url)
	want := "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self' " + w.app.URL
	if got := page.header.Get("Content-Security-Policy"); got != want {
		t.Errorf("policy %q, want %q", got, want)
	}
	for name, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin"} {
		if got := page.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := page.use("webauthn").header.Get("Content-Security-Policy"); !strings.Contains(got, "script-src 'self'") || strings.Contains(got, "img-src") {
		t.Errorf("policy of the passkey's page %q, want our script", got)
	}
	for _, path := range []string{"/style.css", "/passkey.js"} {
		response, err := http.Get(w.issuer + path)
		if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(response.Header.Get("Cache-Control"), "max-age") {
			t.Errorf("%s: %v %v", path, response, err)
		}
		response.Body.Close()
	}
}

func TestCookiesAreKeptFromScriptsAndOtherSites(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	page := b.open(w.trip().url)
	address, err := page.url.Parse(page.header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	cookies := page.header.Values("Set-Cookie")
	cookies = append(cookies, b.open(address.String()).answer("name", "alice", "password", password("alice"), "remember", "yes").header.Values("Set-Cookie")...)
	if len(cookies) != 3 {
		t.Errorf("%d cookies %q, want those of browser, session and name", len(cookies), cookies)
	}
	for _, c := range cookies {
		if !strings.Contains(c, "HttpOnly") || !strings.Contains(c, "SameSite=Lax") || !strings.HasPrefix(c, "fabrikam_idp_") {
			t.Errorf("cookie %q", c)
		}
	}
}

func TestAnAuthenticatorAppIsSetUpFromTheAccountPage(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	page := b.open(w.issuer+"/").want("Sign in").answer("name", "bob", "password", password("bob")).want("Your account")
	page = page.submit(page.form("", "method", "otp"), "").want("Set up an authenticator app")
	secret := secretOf(t, page)
	page = page.answer("code", "000000").want("Set up an authenticator app")
	if page.alert == "" || secretOf(t, page) != secret {
		t.Errorf("after a wrong code: alert %q, another secret %v; want an alert and the same secret", page.alert, secretOf(t, page) != secret)
	}
	page.answer("code", codeOf(t, secret, w.clock.Now())).want("Your account")

	w.clock.advance(time.Minute)
	trip := w.trip("scope", "step_up")
	page = b.open(trip.url)
	if page.url.Path != "/callback" {
		page = page.want("Enter your code").answer("code", codeOf(t, secret, w.clock.Now()))
	}
	if got := trip.tokens(page).login.Level; got != "mfa" {
		t.Errorf("level %q with the new app, want mfa", got)
	}
}

var groups = regexp.MustCompile(`[A-Z2-7]{4}( [A-Z2-7]{4}){7}`)

func secretOf(t *testing.T, p *page) string {
	t.Helper()
	if got := p.header.Get("Content-Security-Policy"); !strings.Contains(got, "img-src data:") {
		t.Errorf("policy %q, want the picture allowed", got)
	}
	secret := groups.FindString(p.text)
	if secret == "" {
		t.Fatalf("no secret on the page %q", p.title)
	}
	return secret
}

func TestTheQRCodeIsAPicture(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	page := b.open(w.issuer+"/account").answer("name", "bob", "password", password("bob"))
	page = page.submit(page.form("", "method", "otp"), "")
	picture, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(page.picture, "data:image/png;base64,"))
	if err != nil {
		t.Fatal(err)
	}
	if image, err := png.Decode(bytes.NewReader(picture)); err != nil || image.Bounds().Dx() < 200 {
		t.Errorf("the picture does not decode: %v", err)
	}
}

func TestWhoHasASecondFactorProvesItToSetUpAnother(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	page := b.open(w.issuer+"/account").answer("name", "alice", "password", password("alice")).want("Your account")
	page = page.submit(page.form("", "method", "otp"), "").want("Enter your code")
	page = page.answer("code", w.code()).want("Set up an authenticator app")
	w.clock.advance(time.Minute)
	secret := secretOf(t, page)
	page = page.answer("code", codeOf(t, secret, w.clock.Now())).want("Your account")
	w.clock.advance(10*time.Minute + time.Second)
	page = page.submit(page.form("", "method", "webauthn"), "").want("Enter your code")
	if page = page.answer("code", w.code()); page.alert == "" {
		t.Error("a code of the app that was replaced still counts")
	}
}

func TestTheAccountPageTakesNoFormFromElsewhere(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	page := b.open(w.issuer+"/account").answer("name", "bob", "password", password("bob"))
	f := page.form("", "method", "otp")
	f.fields.Set("csrf", "made up")
	page.submit(f, "").want("This page has expired")
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	good := func() idp.Config {
		return idp.Config{
			Issuer: "http://localhost:9000", Audience: audience, Users: idp.DemoUsers(), Rule: newLoginRule(t),
			Clients: []idp.Client{{ID: "app", RedirectURIs: []string{"http://localhost:9001/callback"}}},
		}
	}
	if _, err := idp.New(good()); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(c *idp.Config){
		"neither https nor http on loopback": func(c *idp.Config) { c.Issuer = "http://idp.example" },
		"a scheme and a host alone":          func(c *idp.Config) { c.Issuer = "http://localhost:9000/tenant" },
		"audience is empty":                  func(c *idp.Config) { c.Audience = "" },
		"no login rule":                      func(c *idp.Config) { c.Rule = nil },
		"no clients or no users":             func(c *idp.Config) { c.Users = nil },
		"has no redirect URIs":               func(c *idp.Config) { c.Clients[0].RedirectURIs = nil },
		"neither a secret nor PKCE":          func(c *idp.Config) { c.Clients[0].WithoutPKCE = true },
		"a client without an ID":             func(c *idp.Config) { c.Clients[0].ID = "" },
		"is there twice":                     func(c *idp.Config) { c.Users = append(c.Users, c.Users[0]) },
		`factor "sms" is not one of`:         func(c *idp.Config) { c.Users[0].Factors = []string{"sms"} },
		"no password":                        func(c *idp.Config) { c.Users[0].Password = "" },
		"duo: the client ID is empty":        func(c *idp.Config) { c.Duo = &idp.Duo{API: "https://api.example", ClientSecret: "short"} },
		"duo: issuer":                        func(c *idp.Config) { c.Duo = &idp.Duo{API: "http://api.example"} },
		"custom: the key has less than 32":   func(c *idp.Config) { c.Custom = &idp.Custom{URL: "https://badge.example/ask", Key: []byte("short")} },
	} {
		config := good()
		change(&config)
		if _, err := idp.New(config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New: %v, want %q in it", err, want)
		}
	}
}
