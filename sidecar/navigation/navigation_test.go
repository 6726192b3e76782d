package navigation_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"stepup/sidecar/access"
	"stepup/sidecar/navigation"
)

const (
	origin = "https://intranet.fabrikam.example"
	login  = "https://login.fabrikam.example/sign-in"
)

// fabrikam sends browsers from a few pages.
func fabrikam(t testing.TB) *navigation.SignIn {
	t.Helper()
	return signIn(t, navigation.Config{Origin: origin, LoginURL: login, ReturnTo: []string{"/", "/employees", "/reports/*"}})
}

func signIn(t testing.TB, c navigation.Config) *navigation.SignIn {
	t.Helper()
	s, err := navigation.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// goes is a browser that goes to a page, with fields changed: "Name: value" adds one, "-Name"
// removes one.
func goes(target string, lines ...string) navigation.Visit {
	header := http.Header{
		"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}, "Sec-Fetch-Site": {"none"},
		"Accept": {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
	}
	for _, line := range lines {
		if gone, removed := strings.CutPrefix(line, "-"); removed {
			header.Del(gone)
			continue
		}
		name, value, _ := strings.Cut(line, ": ")
		header.Add(name, value)
	}
	return navigation.Visit{Method: "GET", Host: "intranet.fabrikam.example", Target: target, Header: header}
}

func nobody() access.Decision {
	return access.Decision{Outcome: access.Deny, Reasons: []access.Reason{access.Because(access.NoCredentials)}}
}

func denied(c access.Code) access.Decision {
	return access.Decision{Outcome: access.Deny, Reasons: []access.Reason{access.Because(c)}}
}

func stepUp(request map[string]string) access.Decision {
	return access.Decision{
		Outcome: access.StepUp, Reasons: []access.Reason{access.Because(access.LevelTooLow)},
		StepUp: &access.StepUpAdvice{Level: "mfa", AuthorizationRequest: request},
	}
}

// TestWhereTo: the address of the login with what the step-up asks for, and the page at the
// configured origin to come back to.
func TestWhereTo(t *testing.T) {
	for _, row := range []struct {
		what     string
		login    string
		target   string
		decision access.Decision
		want     string
	}{
		{"nobody is signed in", login, "/employees", nobody(), login + "?return_to=https%3A%2F%2Fintranet.fabrikam.example%2Femployees"},
		{"a step-up", login, "/reports/7?a=b%26c&d", stepUp(map[string]string{"acr_values": "mfa", "max_age": "3600", "scope": "openid step_up"}),
			login + "?acr_values=mfa&max_age=3600&return_to=https%3A%2F%2Fintranet.fabrikam.example%2Freports%2F7%3Fa%3Db%2526c%26d&scope=openid+step_up"},
		{"Entra's claims", login, "/", stepUp(map[string]string{"claims": `{"id_token":{}}`}),
			login + "?claims=%7B%22id_token%22%3A%7B%7D%7D&return_to=https%3A%2F%2Fintranet.fabrikam.example%2F"},
		{"nothing but what a step-up may set", login, "/", stepUp(map[string]string{"return_to": "https://evil.example", "redirect_uri": "https://evil.example", "prompt": "login"}),
			login + "?prompt=login&return_to=https%3A%2F%2Fintranet.fabrikam.example%2F"},
		{"a login with a query of its own", login + "?site=7", "/", nobody(), login + "?site=7&return_to=https%3A%2F%2Fintranet.fabrikam.example%2F"},
		{"what browsers leave as it is", login, `/?a[]=<"|'> é`, nobody(), login + "?return_to=https%3A%2F%2Fintranet.fabrikam.example%2F%3Fa%255B%255D%3D%253C%2522%257C%27%253E%2520%25C3%25A9"},
	} {
		s := signIn(t, navigation.Config{Origin: origin, LoginURL: row.login, ReturnTo: []string{"/*"}})
		if got := s.Send(goes(row.target), row.decision).Location; got != row.want {
			t.Errorf("%s: Send(%q) goes to\n%s, want\n%s", row.what, row.target, got, row.want)
		}
	}
}

// TestWhoIsSent tells navigations from everything else.
func TestWhoIsSent(t *testing.T) {
	s := fabrikam(t)
	for _, row := range []struct {
		what  string
		visit navigation.Visit
		sent  bool
	}{
		{"a navigation", goes("/employees"), true},
		{"one below a listed path", goes("/reports/2026/11"), true},
		{"one that does not say what it is, and prefers HTML", goes("/employees", "-Sec-Fetch-Mode", "-Sec-Fetch-Dest"), true},
		{"a port is no other host", navigation.Visit{Method: "GET", Host: "Intranet.Fabrikam.example:8443", Target: "/", Header: map[string][]string{"accept": {"text/html"}}}, true},
		{"an HTTP client in a terminal", goes("/employees", "-Sec-Fetch-Mode", "-Sec-Fetch-Dest", "-Accept", "Accept: */*"), false},
		{"no Accept", goes("/employees", "-Sec-Fetch-Mode", "-Sec-Fetch-Dest", "-Accept"), false},
		{"HTML, but rather JSON", goes("/employees", "-Sec-Fetch-Mode", "-Sec-Fetch-Dest", "-Accept", "Accept: text/html;q=0.5, application/json"), false},
		{"HTML never", goes("/employees", "-Sec-Fetch-Mode", "-Sec-Fetch-Dest", "-Accept", "Accept: text/html;q=0"), false},
		{"HTML with a weight that is none", goes("/employees", "-Sec-Fetch-Mode", "-Sec-Fetch-Dest", "-Accept", "Accept: text/html;q=NaN"), false},
		{"a fetch", goes("/employees", "-Sec-Fetch-Mode", "-Sec-Fetch-Dest", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"), false},
		{"a fetch that says half of what it is", goes("/employees", "-Sec-Fetch-Mode"), false},
		{"a fetch that says twice what it is", goes("/employees", "Sec-Fetch-Mode: cors"), false},
		{"a frame", goes("/employees", "-Sec-Fetch-Dest", "Sec-Fetch-Dest: iframe"), false},
		{"an image", goes("/employees", "-Sec-Fetch-Mode", "-Sec-Fetch-Dest", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"), false},
		{"an XMLHttpRequest of old", goes("/employees", "-Sec-Fetch-Mode", "-Sec-Fetch-Dest", "X-Requested-With: XMLHttpRequest"), false},
		{"a fetch across origins of old", goes("/employees", "-Sec-Fetch-Mode", "-Sec-Fetch-Dest", "Origin: https://other.example"), false},
		{"a websocket", goes("/employees", "Upgrade: websocket"), false},
		{"a websocket whose proxy took Upgrade away", goes("/employees", "Sec-Websocket-Key: AAAA"), false},
		{"a prefetch", goes("/employees", "Sec-Purpose: prefetch;prerender"), false},
		{"another path", goes("/customers"), false},
		{"a path that only begins like a listed one", goes("/employees/7"), false},
		{"the folder of a listed path", goes("/reports"), false},
		{"another host", func() navigation.Visit { v := goes("/employees"); v.Host = "evil.example"; return v }(), false},
		{"no host", func() navigation.Visit { v := goes("/employees"); v.Host = ""; return v }(), false},
		{"a path with dots", goes("/reports/../employees"), false},
		{"a path with a host in it", goes("//evil.example/"), false},
		{"no path", goes("https://evil.example/"), false},
		{"an address that is too long for a proxy", goes("/employees?q=" + strings.Repeat("a", 4096)), false},
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "DELETE", "get"} {
			row.visit.Method = method
			want := row.sent && (method == "GET" || method == "HEAD")
			if trip := s.Send(row.visit, nobody()); (trip.Location != "") != want || !want && trip.Cookie != "" {
				t.Errorf("%s, %s %s: sent with %+v, want sent: %t", row.what, method, row.visit.Target, trip, want)
			}
		}
	}
}

// TestWhatIsMended: every code of ours, on its outcome. What has another status than 401 sends
// nobody.
func TestWhatIsMended(t *testing.T) {
	s := fabrikam(t)
	for _, row := range access.Codes() {
		for _, outcome := range []access.Outcome{access.Deny, access.StepUp, access.Allow, access.Indeterminate} {
			d := access.Decision{Outcome: outcome, Reasons: []access.Reason{access.Because(row.Code)}}
			want := outcome == access.StepUp || outcome == access.Deny && d.Status() == http.StatusUnauthorized
			if got := s.Send(goes("/employees"), d).Location != ""; got != want {
				t.Errorf("%s with %s (%d): sent %t, want %t", outcome, row.Code, d.Status(), got, want)
			}
		}
	}
	for code, want := range map[access.Code]bool{
		access.NoCredentials: true, access.TokenExpired: true, access.SignatureInvalid: true,
		access.NotAllowed: false, access.StepUpUnmet: false, access.NoUser: false, access.WindowTooShort: false, access.LevelTooLow: false,
	} {
		if got := s.Send(goes("/employees"), denied(code)).Location != ""; got != want {
			t.Errorf("denied with %s: sent %t, want %t", code, got, want)
		}
	}
	if got := s.Send(goes("/employees"), access.Decision{Outcome: access.Deny, Reasons: []access.Reason{{Code: "gate/closed"}}}); got.Location != "" {
		t.Errorf("denied by the policy's own code: sent to %s", got.Location)
	}
}

// TestNobodyGoesRound: a browser that is sent again and again for one page gets the 401, once,
// and is then forgotten. Another page is another matter.
func TestNobodyGoesRound(t *testing.T) {
	s := fabrikam(t)
	var jar []string
	visit := func(target string) bool {
		v := goes(target)
		for _, cookie := range jar {
			v.Header["Cookie"] = append(v.Header["Cookie"], "theme=dark; broken=\"; "+cookie)
		}
		trip := s.Send(v, nobody())
		cookie, err := http.ParseSetCookie(trip.Cookie)
		if err != nil || !cookie.Secure || !cookie.HttpOnly || cookie.Path != "/" || cookie.SameSite != http.SameSiteLaxMode || !strings.HasPrefix(cookie.Name, "__Host-") {
			t.Fatalf("the cookie is %q (%v)", trip.Cookie, err)
		}
		jar = []string{cookie.Name + "=" + cookie.Value}
		if cookie.MaxAge < 0 {
			jar = nil
		}
		return trip.Location != ""
	}
	for round := range 2 {
		for i := range 3 {
			if !visit("/employees") {
				t.Fatalf("round %d: not sent at try %d", round, i+1)
			}
		}
		if !visit("/reports/1") {
			t.Errorf("round %d: not sent for another page", round)
		}
		if visit("/employees") {
			t.Errorf("round %d: sent a fourth time", round)
		}
	}
	for i := range 10 {
		visit("/reports/" + strings.Repeat("x", i))
	}
	if len(jar) != 1 || len(jar[0]) > 128 {
		t.Errorf("after many pages the browser keeps %q", jar)
	}
}

// TestPlainCookie: a browser keeps no __Host- cookie that came without TLS.
func TestPlainCookie(t *testing.T) {
	s := signIn(t, navigation.Config{Origin: "http://localhost:8000", LoginURL: "http://localhost:8001/", ReturnTo: []string{"/*"}})
	v := goes("/")
	v.Host = "localhost"
	trip := s.Send(v, nobody())
	cookie, err := http.ParseSetCookie(trip.Cookie)
	if err != nil || cookie.Secure || cookie.Name != "stepup-sent" {
		t.Errorf("the cookie is %q (%v), want a plain one", trip.Cookie, err)
	}
	if want := "http://localhost:8001/?return_to=http%3A%2F%2Flocalhost%3A8000%2F"; trip.Location != want {
		t.Errorf("sent to %s, want %s", trip.Location, want)
	}
}

// TestLoginIsNotSentToItself where it lies behind the same proxy.
func TestLoginIsNotSentToItself(t *testing.T) {
	s := signIn(t, navigation.Config{Origin: origin, LoginURL: origin + "/sign-in", ReturnTo: []string{"/*"}})
	if got := s.Send(goes("/sign-in?return_to=x"), nobody()); got.Location != "" {
		t.Errorf("the login is sent to %s", got.Location)
	}
	if got := s.Send(goes("/employees"), nobody()); got.Location == "" {
		t.Error("nobody is sent to a login at the same origin")
	}
}

func TestNew(t *testing.T) {
	for _, c := range []navigation.Config{
		{LoginURL: login, ReturnTo: []string{"/"}},
		{Origin: origin, ReturnTo: []string{"/"}},
		{Origin: origin, LoginURL: login},
		{Origin: origin + "/", LoginURL: login, ReturnTo: []string{"/"}},
		{Origin: origin + "?", LoginURL: login, ReturnTo: []string{"/"}},
		{Origin: "https://a@b.example", LoginURL: login, ReturnTo: []string{"/"}},
		{Origin: `https://b.example\`, LoginURL: login, ReturnTo: []string{"/"}},
		{Origin: "//b.example", LoginURL: login, ReturnTo: []string{"/"}},
		{Origin: origin, LoginURL: "/sign-in", ReturnTo: []string{"/"}},
		{Origin: origin, LoginURL: "javascript:alert(1)", ReturnTo: []string{"/"}},
		{Origin: origin, LoginURL: login + "#in", ReturnTo: []string{"/"}},
		{Origin: origin, LoginURL: login + "?return_to=x", ReturnTo: []string{"/"}},
		{Origin: origin, LoginURL: login, ReturnTo: []string{"reports"}},
		{Origin: origin, LoginURL: login, ReturnTo: []string{"//evil.example"}},
		{Origin: origin, LoginURL: login, ReturnTo: []string{"/a/../b"}},
	} {
		if s, err := navigation.New(c); err == nil {
			t.Errorf("New(%+v) = %v, want an error", c, s)
		}
	}
	none, err := navigation.New(navigation.Config{})
	if err != nil || none.Send(goes("/"), nobody()) != (navigation.Trip{}) {
		t.Errorf("the zero Config: %v, %v; want nobody sent", none, err)
	}
}

// FuzzSend: whatever a client sends, an address that a browser is sent to is the login's, and the
// one to come back to is at the configured origin, at the very path that was asked for.
func FuzzSend(f *testing.F) {
	for _, target := range []string{
		"/employees", "//evil.example/", `/\evil.example`, "/reports/%2F%2Fevil.example", "/reports/@evil.example", "/reports/7?x=//evil.example#@",
		"https://evil.example/", "/reports/7?return_to=https://evil.example", "/reports/a\r\nLocation: https://evil.example", "/reports/.evil.example:80",
	} {
		f.Add("GET", "intranet.fabrikam.example", target, "navigate", "document", "text/html", "Cookie", "__Host-stepup-sent=a.1-b.2", "openid")
		f.Add("HEAD", "evil.example", target, "", "", "*/*", "X-Forwarded-Host", "evil.example", "openid&return_to=https://evil.example")
	}
	f.Fuzz(func(t *testing.T, method, host, target, mode, dest, accept, name, value, scope string) {
		v := navigation.Visit{Method: method, Host: host, Target: target, Header: map[string][]string{
			"Sec-Fetch-Mode": {mode}, "Sec-Fetch-Dest": {dest}, "Accept": {accept}, name: {value},
		}}
		for _, d := range []access.Decision{nobody(), stepUp(map[string]string{"scope": scope, "acr_values": scope})} {
			trip := fabrikam(t).Send(v, d)
			if cookie, err := http.ParseSetCookie(trip.Cookie); trip.Cookie != "" && (err != nil || len(cookie.Value) > 80) {
				t.Fatalf("Send(%+v) sets %q", v, trip.Cookie)
			}
			if trip.Location == "" {
				continue
			}
			if strings.ContainsFunc(trip.Location, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }) {
				t.Fatalf("Send(%+v) goes to %q, which is no header", v, trip.Location)
			}
			to, err := url.Parse(trip.Location)
			if err != nil || !strings.HasPrefix(trip.Location, login+"?") || len(to.Query()[navigation.ReturnTo]) != 1 {
				t.Fatalf("Send(%+v) goes to %q (%v)", v, trip.Location, err)
			}
			checkBack(t, target, to.Query().Get(navigation.ReturnTo))
		}
	})
}

func checkBack(t *testing.T, target, back string) {
	t.Helper()
	u, err := url.Parse(back)
	path, _, _ := strings.Cut(target, "?")
	switch {
	case err != nil || u.Scheme+"://"+u.Host != origin || u.User != nil || u.Fragment != "" || u.EscapedPath() != path:
		t.Fatalf("the visit of %q comes back to %q (%v)", target, back, err)
	case path != "/" && path != "/employees" && !strings.HasPrefix(path, "/reports/"):
		t.Fatalf("the visit of %q is sent, although no pattern lists it", target)
	}
}
