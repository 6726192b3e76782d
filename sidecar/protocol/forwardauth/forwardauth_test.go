package forwardauth_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"stepup/sidecar/access"
	"stepup/sidecar/httpreq"
	"stepup/sidecar/navigation"
	"stepup/sidecar/protocol"
	"stepup/sidecar/protocol/forwardauth"
)

// asked is a decider that remembers the question and gives one answer.
type asked struct {
	answer access.Decision
	last   *access.Request
}

func (a *asked) Decide(_ context.Context, r access.Request) access.Decision {
	a.last = &r
	return a.answer
}

func allowed() access.Decision {
	return access.Decision{ID: "d", Outcome: access.Allow, Headers: map[string]string{"x-stepup-subject": "alice", "x-stepup-tenant": "-"}}
}

// serve starts all doors with the given peers.
func serve(t testing.TB, a *asked, routes *httpreq.Routes, peers ...string) string {
	t.Helper()
	var prefixes []netip.Prefix
	for _, p := range peers {
		prefixes = append(prefixes, netip.MustParsePrefix(p))
	}
	return serveDoors(t, forwardauth.Config{Decider: a, Peers: prefixes, Routes: routes})
}

// serveSignIn starts all doors for this machine, with a login to send browsers to.
func serveSignIn(t testing.TB, a *asked, signIn *navigation.SignIn) string {
	t.Helper()
	return serveDoors(t, forwardauth.Config{Decider: a, Peers: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, SignIn: signIn})
}

func serveDoors(t testing.TB, c forwardauth.Config) string {
	t.Helper()
	return serveShared(t, protocol.Config{}, c)
}

func serveShared(t testing.TB, shared protocol.Config, c forwardauth.Config) string {
	t.Helper()
	c.Allow = access.HeaderNames{"x-stepup-*"}
	e := protocol.NewEcho(shared)
	for _, proxy := range forwardauth.Proxies() {
		door := forwardauth.New(proxy, c)
		protocol.MountProxied(e, proxy.Name, door.Routes()...)
	}
	server := httptest.NewServer(document().Witness(t, e))
	t.Cleanup(server.Close)
	return server.URL
}

// check asks at a door as its proxy does, about GET /employees, changed by header lines:
// "Name: value" adds one, "-Name" removes one, and ":method NAME" is the method of the check.
func check(t testing.TB, url, name string, lines ...string) *http.Response {
	t.Helper()
	path, family := "/gw/"+name, "X-Forwarded-"
	switch name {
	case "nginx":
		family = "X-Original-"
	case "envoy":
		path += "/employees?q=1"
	}
	r, err := http.NewRequest(http.MethodGet, url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if name != "envoy" {
		r.Header.Set(family+"Method", "GET")
		r.Header.Set(family+"Uri", "/employees?q=1")
		r.Header.Set("X-Forwarded-Host", "intranet.fabrikam.example")
	}
	r.Header.Set("X-Forwarded-Proto", "https")
	r.Header.Set("X-Forwarded-For", "10.9.9.9, 203.0.113.7")
	for _, line := range lines {
		if gone, removed := strings.CutPrefix(line, "-"); removed {
			r.Header.Del(gone)
			continue
		}
		if method, is := strings.CutPrefix(line, ":method "); is {
			r.Method = method
			continue
		}
		field, value, _ := strings.Cut(line, ": ")
		if field == "Host" {
			r.Host = value
			continue
		}
		if !strings.ContainsAny(field, "_.") {
			field = http.CanonicalHeaderKey(field)
		}
		r.Header[field] = append(r.Header[field], value)
	}
	answer, err := http.DefaultTransport.RoundTrip(r) // follows nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = io.Copy(io.Discard, answer.Body); _ = answer.Body.Close() })
	return answer
}

func TestChecks(t *testing.T) {
	for _, proxy := range forwardauth.Proxies() {
		a := &asked{answer: allowed()}
		url := serve(t, a, nil, "127.0.0.0/8")
		answer := check(t, url, proxy.Name, "Authorization: bearer token", "X-Stepup-Role: admin")
		if answer.StatusCode != http.StatusOK || answer.Header.Get("X-Stepup-Subject") != "alice" || answer.ContentLength != 0 {
			t.Errorf("%s: %d %v, want exactly 200 with the policy's headers and no body", proxy.Name, answer.StatusCode, answer.Header)
		}
		q := a.last
		if q == nil {
			t.Fatalf("%s: nobody was asked", proxy.Name)
		}
		if q.Door != proxy.Name || q.Credential.Reveal() != "token" || q.Action.Name != "GET" || q.Resource.ID != "/employees" ||
			q.HTTP.ClientIP != "203.0.113.7" || q.HTTP.Scheme != "https" || q.HTTP.Query["q"][0] != "1" || len(q.HTTP.Headers) != 0 {
			t.Errorf("%s: asked %+v about %+v", proxy.Name, q, q.HTTP)
		}
	}
}

// TestNothingElseIsRead: whatever a client adds, the question is about the same resource, or
// there is none.
func TestNothingElseIsRead(t *testing.T) {
	hostile := []string{
		"X-Original-URI: /public", "X-Original-Method: OPTIONS", "X-Original-URL: https://a/public",
		"X-Forwarded-Uri: /public", "X-Forwarded-Method: OPTIONS", "X-Forwarded-Prefix: /public", "X-Forwarded-Path: /public",
		"X-HTTP-Method-Override: OPTIONS", "X-HTTP-Method: OPTIONS", "X-Rewrite-URL: /public", "X-Envoy-Original-Path: /public",
		"Forwarded: for=1;host=a", "x_forwarded_uri: /public", "x.forwarded.uri: /public", "x_original_uri: /public",
		"X-Forwarded-For: 1.2.3.4", "X-Forwarded-Host: evil.example",
	}
	for _, proxy := range forwardauth.Proxies() {
		a := &asked{answer: allowed()}
		url := serve(t, a, nil, "127.0.0.1/32")
		for _, line := range hostile {
			a.last = nil
			answer := check(t, url, proxy.Name, line)
			switch {
			case a.last == nil && (answer.StatusCode == http.StatusBadRequest || answer.StatusCode == http.StatusForbidden):
			case a.last != nil && a.last.Resource.ID == "/employees" && a.last.Action.Name == "GET" && a.last.HTTP.ClientIP == "203.0.113.7":
			default:
				t.Errorf("%s with %q: %d, asked %+v", proxy.Name, line, answer.StatusCode, a.last)
			}
		}
	}
}

func TestRefusedBeforeTheQuestion(t *testing.T) {
	for _, row := range []struct {
		what   string
		lines  []string
		status int // at nginx; others have 400 for 403 and 503 for 500
		doors  string
	}{
		{"two tokens", []string{"Authorization: Bearer a", "Authorization: Bearer b"}, 403, "all"},
		{"two tokens in one", []string{"Authorization: Bearer a, Bearer b"}, 403, "all"},
		{"no token after the scheme", []string{"Authorization: Bearer "}, 403, "all"},
		{"a token bound to a key", []string{"Authorization: DPoP a"}, 403, "all"},
		{"an alias of a header of the policy", []string{"x_stepup_subject: root"}, 403, "all"},
		{"two schemes", []string{"X-Forwarded-Proto: http"}, 403, "all"},
		{"another scheme", []string{"-X-Forwarded-Proto", "X-Forwarded-Proto: ws"}, 403, "all"},
		{"no method", []string{"-X-Original-Method", "-X-Forwarded-Method"}, 500, "told"},
		{"no target", []string{"-X-Original-Uri", "-X-Forwarded-Uri"}, 500, "told"},
		{"no host", []string{"-X-Forwarded-Host"}, 500, "told"},
		{"no scheme", []string{"-X-Forwarded-Proto"}, 500, "told"},
		{"no client", []string{"-X-Forwarded-For"}, 500, "told"},
		{"dots", []string{"-X-Original-Uri", "-X-Forwarded-Uri", "X-Original-Uri: /a/../b", "X-Forwarded-Uri: /a/../b"}, 403, "told"},
		{"an encoded slash", []string{"-X-Original-Uri", "-X-Forwarded-Uri", "X-Original-Uri: /a%2fb", "X-Forwarded-Uri: /a%2fb"}, 403, "told"},
	} {
		for _, proxy := range forwardauth.Proxies() {
			if row.doors == "told" && proxy.Name == "envoy" {
				continue
			}
			a := &asked{answer: allowed()}
			answer := check(t, serve(t, a, nil, "127.0.0.1/32"), proxy.Name, row.lines...)
			want := row.status
			if proxy.Name != "nginx" {
				want = map[int]int{403: 400, 500: 503}[want]
			}
			if answer.StatusCode != want || a.last != nil {
				t.Errorf("%s at %s: %d, asked %v; want %d and nobody asked", row.what, proxy.Name, answer.StatusCode, a.last, want)
			}
		}
	}
}

func TestPeers(t *testing.T) {
	for _, proxy := range forwardauth.Proxies() {
		for what, url := range map[string]func(*asked) string{
			"no peers":     func(a *asked) string { return serve(t, a, nil) },
			"another peer": func(a *asked) string { return serve(t, a, nil, "10.0.0.0/8") },
		} {
			a := &asked{answer: allowed()}
			if answer := check(t, url(a), proxy.Name, "X-Real-Ip: 10.0.0.1"); answer.StatusCode != http.StatusForbidden || a.last != nil {
				t.Errorf("%s at %s: %d, asked %v; want 403 and nobody asked", what, proxy.Name, answer.StatusCode, a.last)
			}
		}
	}
}

// TestUnlisted: what no route lists is decided about, as denied; whoever allows it is not believed.
func TestUnlisted(t *testing.T) {
	routes, err := httpreq.ReadTable("t", []byte("routes: [GET /customers]"), true)
	if err != nil {
		t.Fatal(err)
	}
	denied := access.Decision{ID: "d", Outcome: access.Deny, Reasons: []access.Reason{access.Because(access.NotAllowed)}}
	for _, proxy := range forwardauth.Proxies() {
		a := &asked{answer: denied}
		if answer := check(t, serve(t, a, routes, "127.0.0.1/32"), proxy.Name); answer.StatusCode != http.StatusForbidden || a.last == nil || !a.last.Unlisted {
			t.Errorf("%s: %d, asked %+v; want 403 by a decision about what is not listed", proxy.Name, answer.StatusCode, a.last)
		}
		if answer := check(t, serve(t, &asked{answer: allowed()}, routes, "127.0.0.1/32"), proxy.Name); answer.StatusCode != http.StatusInternalServerError {
			t.Errorf("%s: %d where it is allowed, want 500", proxy.Name, answer.StatusCode)
		}
	}
}

func TestChallenges(t *testing.T) {
	age := int64(300)
	stepUp := access.Decision{ID: "d", Outcome: access.StepUp, StepUp: &access.StepUpAdvice{Level: "mfa"},
		Reasons: []access.Reason{access.Because(access.LevelTooLow)},
		Headers: map[string]string{"x-stepup-subject": "alice"},
		Challenges: []access.Challenge{
			{Scheme: "Bearer", Error: "insufficient_user_authentication", MaxAge: &age}, {Scheme: "DPoP"},
		}}
	for _, proxy := range forwardauth.Proxies() {
		answer := check(t, serve(t, &asked{answer: stepUp}, nil, "127.0.0.1/32"), proxy.Name)
		if got := answer.Header.Values("Www-Authenticate"); answer.StatusCode != http.StatusUnauthorized || len(got) != 2 || answer.Header.Get("X-Stepup-Subject") != "" {
			t.Errorf("%s: %d %q, want 401 with two challenges, each in its field, and no header for the upstream", proxy.Name, answer.StatusCode, got)
		}
	}
}

// TestNavigations: a browser that goes to a page and has to sign in is sent to the login; a script
// gets the challenge, and what no login mends, or is no question, sends nobody.
func TestNavigations(t *testing.T) {
	signIn, err := navigation.New(navigation.Config{Origin: "https://intranet.fabrikam.example", LoginURL: "https://login.example/", ReturnTo: []string{"/employees"}})
	if err != nil {
		t.Fatal(err)
	}
	browser := []string{"Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"}
	refused := func(c access.Code, challenges ...access.Challenge) access.Decision {
		return access.Decision{ID: "d", Outcome: access.Deny, Reasons: []access.Reason{access.Because(c)}, Challenges: challenges}
	}
	stepUp := access.Decision{ID: "d", Outcome: access.StepUp, Challenges: []access.Challenge{{Scheme: "Bearer"}},
		Reasons: []access.Reason{access.Because(access.LevelTooLow)},
		StepUp:  &access.StepUpAdvice{AuthorizationRequest: map[string]string{"acr_values": "mfa"}}}
	const login, back = "https://login.example/?", "return_to=https%3A%2F%2Fintranet.fabrikam.example%2Femployees%3Fq%3D1"
	for _, row := range []struct {
		what     string
		answer   access.Decision
		lines    []string
		location string // empty: nobody is sent
		status   int    // of who is not sent
	}{
		{"a step-up", stepUp, browser, login + "acr_values=mfa&" + back, 0},
		{"no token", refused(access.NoCredentials, access.Challenge{Scheme: "Bearer"}), browser, login + back, 0},
		{"a token that does not hold", refused(access.TokenExpired, access.Challenge{Scheme: "Bearer"}), browser, login + back, 0},
		{"what a client says of hosts", stepUp, append(browser, "Forwarded: host=evil.example", "X-Original-Host: evil.example", "X-Forwarded-Prefix: /evil", "X-Auth-Request-Redirect: https://evil.example"), login + "acr_values=mfa&" + back, 0},
		{"a script", stepUp, []string{"Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"}, "", 401},
		{"nothing that says what it is", stepUp, nil, "", 401},
		{"a deny", refused(access.NotAllowed), browser, "", 403},
		{"newer logins that did not help", refused(access.StepUpUnmet), browser, "", 403},
		{"a fault", access.Decision{ID: "d", Outcome: access.Indeterminate, Reasons: []access.Reason{access.Because(access.NotReady)}}, browser, "", 503},
		{"an allow", allowed(), browser, "", 200},
		{"no question", stepUp, append(browser, "Authorization: Bearer a", "Authorization: Bearer b"), "", 400},
	} {
		for _, proxy := range forwardauth.Proxies() {
			lines := row.lines
			if proxy.Name == "envoy" {
				lines = append([]string{"Host: intranet.fabrikam.example"}, lines...)
			}
			answer := check(t, serveSignIn(t, &asked{answer: row.answer}, signIn), proxy.Name, lines...)
			status := row.status
			switch {
			case proxy.Name == "nginx":
				status = map[int]int{0: 401, 400: 403, 503: 500}[status] + map[int]int{200: 200, 401: 401, 403: 403}[status]
			case row.location != "":
				status = http.StatusFound
			}
			got := answer.Header.Values("Location")
			if answer.StatusCode != status || len(got) > 1 || answer.Header.Get("Location") != row.location {
				t.Errorf("%s at %s: %d to %q, want %d to %q", row.what, proxy.Name, answer.StatusCode, got, status, row.location)
			}
			if sent := row.location != ""; sent != (answer.Header.Get("Set-Cookie") != "") || answer.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s at %s: %v", row.what, proxy.Name, answer.Header)
			}
			if challenges := answer.Header.Values("Www-Authenticate"); (len(challenges) == 1) != (answer.StatusCode == http.StatusUnauthorized) {
				t.Errorf("%s at %s: %d with the challenges %q", row.what, proxy.Name, answer.StatusCode, challenges)
			}
		}
	}
}

// Whatever the headers of a request say, the question is about the target in the family's
// own header, byte by byte, or nobody is asked.
func FuzzHeaders(f *testing.F) {
	a := &asked{answer: allowed()}
	url := serve(f, a, nil, "127.0.0.1/32")
	f.Add("/employees?q=1", "X-Forwarded-Uri", "/public", "Bearer a")
	f.Add("/a/%2e%2e/b", "x_original_uri", "/public", "Bearer a, Bearer b")
	f.Fuzz(func(t *testing.T, target, name, value, authorization string) {
		a.last = nil
		r, err := http.NewRequest(http.MethodGet, url+"/gw/nginx", nil)
		if err != nil {
			t.Fatal(err)
		}
		for header, text := range map[string]string{
			"X-Original-Uri": target, "X-Original-Method": "GET", "X-Forwarded-Host": "a.example",
			"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7", "Authorization": authorization,
		} {
			r.Header.Set(header, text)
		}
		if strings.EqualFold(name, "Host") || name == "" {
			return
		}
		r.Header[name] = append(r.Header[name], value)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return // no request that HTTP can carry
		}
		_ = answer.Body.Close()
		path, _, _ := strings.Cut(strings.Trim(target, " \t"), "?")
		if a.last != nil && (a.last.Resource.ID != path || a.last.Action.Name != "GET") {
			t.Errorf("target %q with %q: %q was asked about %+v", target, name, value, a.last)
		}
		if answer.StatusCode == http.StatusOK && a.last == nil {
			t.Errorf("200 without a question")
		}
	})
}
