package main

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"stepup/sidecar/demo/idp"
)

// A surfer asks as a browser does, follows nothing by itself, and may lie.
type surfer struct {
	*testing.T
	client *http.Client
	demo   *demo
}

func newSurfer(t *testing.T, d *demo) *surfer {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &surfer{t, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, d}
}

// A page is what came back: Location is complete, if there is one.
type page struct {
	*http.Response
	text     string
	location string
}

func (s *surfer) send(r *http.Request, err error) page {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
	if r.Header.Get("Accept") == "" {
		r.Header.Set("Accept", "text/html")
	}
	resp, err := s.client.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatal(err)
	}
	p := page{Response: resp, text: string(text)}
	if to, err := resp.Location(); err == nil {
		p.location = to.String()
	}
	return p
}

func (s *surfer) get(address string) page {
	s.Helper()
	if strings.HasPrefix(address, "/") {
		address = s.demo.intranetURL + address
	}
	return s.send(http.NewRequest(http.MethodGet, address, nil))
}

func (s *surfer) post(address string, form url.Values, header ...string) page {
	s.Helper()
	r, err := http.NewRequest(http.MethodPost, address, strings.NewReader(form.Encode()))
	if err == nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for n := 0; n+1 < len(header); n += 2 {
			r.Header.Set(header[n], header[n+1])
		}
	}
	return s.send(r, err)
}

var hidden = regexp.MustCompile(`<input type="hidden" name="(csrf|request)" value="([^"]*)">`)

// fields are the hidden ones of the first form.
func (p page) fields() url.Values {
	form := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(p.text, -1) {
		form.Set(m[1], html.UnescapeString(m[2]))
	}
	return form
}

// leave begins a sign-in and returns the address of the authorization request.
func (s *surfer) leave(returnTo string) string {
	s.Helper()
	p := s.get("/sign-in?return_to=" + url.QueryEscape(returnTo))
	if !strings.HasPrefix(p.location, s.demo.providerURL+"/authorize?") {
		s.Fatalf("sign-in leads to %q: %s", p.location, p.Status)
	}
	return p.location
}

// prove signs in at the provider, by password, and returns the address of the callback.
func (s *surfer) prove(authorization, name string) string {
	s.Helper()
	p := s.get(s.get(authorization).location)
	if p.location != "" {
		return p.location // the provider knows who this is
	}
	form := p.fields()
	for _, u := range idp.DemoUsers() {
		if u.Name == name {
			form.Set("name", name)
			form.Set("password", u.Password)
		}
	}
	form.Set("do", "prove")
	back := s.get(s.post(s.demo.providerURL+"/login", form).location).location
	if !strings.HasPrefix(back, s.demo.intranetURL+"/callback?") {
		s.Fatalf("signing in as %s leads to %q", name, back)
	}
	return back
}

// person is who the intranet thinks this is; empty: nobody.
func (s *surfer) person() string {
	s.Helper()
	m := regexp.MustCompile(`<span>([^<]+)</span>\s*<form method="post" action="/sign-out">`).FindStringSubmatch(s.get("/").text)
	if m == nil {
		return ""
	}
	return m[1]
}

func (s *surfer) isPerson(want string) {
	s.Helper()
	if got := s.person(); got != want {
		s.Errorf("signed in as %q, want %q", got, want)
	}
}

func with(address, name, value string) string {
	u, _ := url.Parse(address)
	query := u.Query()
	query.Set(name, value)
	if value == "" {
		query.Del(name)
	}
	u.RawQuery = query.Encode()
	return u.String()
}

func TestDemoCallback(t *testing.T) {
	d, _ := newDemoFor(t, demoOptions{})
	for _, row := range []struct {
		name   string
		tamper func(s *surfer, callback string) page
		status int
	}{
		{"as it is", func(s *surfer, c string) page { return s.get(c) }, 303},
		{"twice", func(s *surfer, c string) page { s.get(c); return newSurfer(t, d).get(c) }, 400},
		{"in another browser", func(_ *surfer, c string) page { return newSurfer(t, d).get(c) }, 400},
		{"without a state", func(s *surfer, c string) page { return s.get(with(c, "state", "")) }, 400},
		{"with another state", func(s *surfer, c string) page { return s.get(with(c, "state", "AAAAAAAAAAAAAAAAAAAAAAAAAA")) }, 400},
		{"of another issuer", func(s *surfer, c string) page { return s.get(with(c, "iss", "https://evil.example")) }, 400},
		{"with another code", func(s *surfer, c string) page { return s.get(with(c, "code", "guessed")) }, 502},
		{"with an error that is markup", func(s *surfer, c string) page { return s.get(with(c, "error", `<b>"x`)) }, 502},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSurfer(t, d)
			got := row.tamper(s, s.prove(s.leave("/customers"), "bob"))
			if got.StatusCode != row.status || strings.Contains(got.text, "<b>") {
				t.Errorf("callback %s: %s\n%s\nwant %d", row.name, got.Status, got.text, row.status)
			}
			if in := got.Header.Values("Set-Cookie"); row.status != 303 && strings.Contains(strings.Join(in, " "), "session=") {
				t.Errorf("callback %s gives a session: %q", row.name, in)
			}
		})
	}
}

// TestDemoCodeOfAnother: a code that somebody else was given is of another nonce and
// another PKCE verifier.
func TestDemoCodeOfAnother(t *testing.T) {
	d, _ := newDemoFor(t, demoOptions{})
	thief, victim := newSurfer(t, d), newSurfer(t, d)
	stolen, _ := url.Parse(victim.prove(victim.leave("/"), "alice"))
	mine := thief.prove(thief.leave("/"), "bob")
	if got := thief.get(with(mine, "code", stolen.Query().Get("code"))); got.StatusCode != 502 {
		t.Errorf("a stolen code: %s, want 502", got.Status)
	}
	thief.isPerson("")
}

func TestDemoReturnsToThisSite(t *testing.T) {
	d, _ := newDemoFor(t, demoOptions{})
	for to, want := range map[string]string{
		"/customers?a=1": "/customers?a=1",
		"//evil.example": "/", "https://evil.example/": "/", `/\evil.example`: "/", "/\tevil": "/", "javascript:alert(1)": "/", "": "/",
	} {
		s := newSurfer(t, d)
		if got := s.get(s.prove(s.leave(to), "bob")).location; got != d.intranetURL+want {
			t.Errorf("return_to %q leads to %q, want %q", to, got, d.intranetURL+want)
		}
	}
}

// TestDemoSomebodyElse leaves as Bob, and comes back as Alice although the provider was
// asked for Bob: the hint is taken out of the request.
func TestDemoSomebodyElse(t *testing.T) {
	d, _ := newDemoFor(t, demoOptions{})
	s := newSurfer(t, d)
	s.get(s.prove(s.leave("/"), "bob"))
	s.isPerson("Bob Baker")
	left := s.leave("/employees")
	if !strings.Contains(left, "id_token_hint=") {
		t.Errorf("a step-up without a hint who it is for: %s", left)
	}
	back := s.prove(with(with(left, "id_token_hint", ""), "prompt", "select_account"), "alice")
	if got := s.get(back); got.StatusCode != 403 || !strings.Contains(got.text, "Somebody else signed in") {
		t.Errorf("somebody else came back: %s\n%s", got.Status, got.text)
	}
	s.isPerson("Bob Baker")
}

func TestDemoForgedForms(t *testing.T) {
	d, _ := newDemoFor(t, demoOptions{})
	s := newSurfer(t, d)
	s.get(s.prove(s.leave("/"), "bob"))
	form := s.get("/").fields()
	for name, got := range map[string]page{
		"no token":     s.post(d.intranetURL+"/sign-out", nil),
		"wrong token":  s.post(d.intranetURL+"/sign-out", url.Values{"csrf": {"AAAAAAAAAAAAAAAAAAAAAAAAAA"}}),
		"another site": s.post(d.intranetURL+"/sign-out", form, "Sec-Fetch-Site", "cross-site"),
		"its origin":   s.post(d.intranetURL+"/sign-out", form, "Origin", "https://evil.example"),
	} {
		if got.StatusCode != 403 {
			t.Errorf("sign-out with %s: %s, want 403", name, got.Status)
		}
	}
	s.isPerson("Bob Baker")
	if got := s.post(d.intranetURL+"/sign-out", form, "Sec-Fetch-Site", "same-origin"); !strings.HasPrefix(got.location, d.providerURL+"/end_session?") {
		t.Errorf("sign-out: %s to %q", got.Status, got.location)
	}
	s.isPerson("")
}

func TestDemoHeaders(t *testing.T) {
	d, _ := newDemoFor(t, demoOptions{})
	s := newSurfer(t, d)
	back := s.get(s.prove(s.leave("/"), "bob"))
	for _, c := range back.Cookies() {
		if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode {
			t.Errorf("cookie %s: HttpOnly %t, SameSite %v", c.Name, c.HttpOnly, c.SameSite)
		}
	}
	for _, path := range []string{"/", "/customers", "/employees", "/session", "/payroll", "/nowhere", "/callback"} {
		got := s.get(path)
		policy := got.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") || got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("GET %s: %s, content policy %q, cache control %q", path, got.Status, policy, got.Header.Get("Cache-Control"))
		}
	}
}

// TestDemoScripts asks without a browser's navigation: nobody is sent anywhere.
func TestDemoScripts(t *testing.T) {
	d, _ := newDemoFor(t, demoOptions{})
	s := newSurfer(t, d)
	asked := func() page {
		r, err := http.NewRequest(http.MethodGet, d.intranetURL+"/employees", nil)
		r.Header.Set("Accept", "application/json")
		return s.send(r, err)
	}
	if got := asked(); got.StatusCode != 401 || got.location != "" {
		t.Errorf("nobody's script: %s to %q", got.Status, got.location)
	}
	s.get(s.prove(s.leave("/"), "alice"))
	got := asked()
	if challenge := got.Header.Get("WWW-Authenticate"); got.StatusCode != 401 || !strings.Contains(challenge, `error="insufficient_user_authentication"`) || !strings.Contains(challenge, `max_age="3600"`) {
		t.Errorf("Alice's script: %s with the challenge %q", got.Status, challenge)
	}
}
