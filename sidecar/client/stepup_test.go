package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"stepup/sidecar"
	"stepup/sidecar/access"
	"stepup/sidecar/client"
	"stepup/sidecar/config"
	"stepup/sidecar/token/tokentest"
)

// An intranet is an application behind RequireStepUp, with a real sidecar that has the
// demonstration policy, a provider that signs what it is told to, and one browser.
type intranet struct {
	*testing.T
	sidecar string
	stop    func()
	issuer  *tokentest.Issuer
	app     *httptest.Server
	browser *http.Client

	mu      sync.Mutex
	token   string // of the browser's session
	broken  error  // why the session cannot be read
	session string
	later   time.Duration // how much later it is
	reached []string      // what the handler was asked to do
}

func newIntranet(t *testing.T, change func(*client.Config), more ...string) *intranet {
	t.Helper()
	i := &intranet{T: t, issuer: tokentest.New(t), session: "alice"}
	i.sidecar, i.stop = startSidecar(t, i.issuer.URL, strings.Join(more, "\n"))
	c := client.Config{
		Client: &client.Client{URL: i.sidecar},
		Token:  func(*http.Request) (string, error) { i.mu.Lock(); defer i.mu.Unlock(); return i.token, i.broken },
		SignIn: func(_ *http.Request, request map[string]string, returnTo string) (string, error) {
			own := url.Values{"client_id": {"intranet"}, "return_to": {returnTo}}
			return "https://idp.example/authorize?" + client.MergeAuthorization(own, request).Encode(), nil
		},
		Secret: []byte(strings.Repeat("s", 32)), Issuer: i.issuer.URL, Insecure: true,
		Session: func(*http.Request) string { i.mu.Lock(); defer i.mu.Unlock(); return i.session },
		Tickets: &client.MemoryTickets{},
		Now:     func() time.Time { i.mu.Lock(); defer i.mu.Unlock(); return time.Now().Add(i.later) },
	}
	if change != nil {
		change(&c)
	}
	guard, err := client.New(c)
	if err != nil {
		t.Fatal(err)
	}
	i.app = httptest.NewServer(guard.RequireStepUp(http.HandlerFunc(i.handle)))
	t.Cleanup(i.app.Close)
	jar, _ := cookiejar.New(nil)
	i.browser = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return i
}

func startSidecar(t *testing.T, issuer, more string) (address string, stop func()) {
	t.Helper()
	text := fmt.Sprintf(`
http: {address: "127.0.0.1:0"}
health: {address: ""}
policy: {deadline: 30s}
issuers: [{issuer: %q, audiences: [%q], vocabulary: stepup-demo}]
%s`, issuer, tokentest.Audience, more)
	c, _, err := config.Load(config.Options{File: "stepup.yaml", ReadFile: func(string) ([]byte, error) { return []byte(text), nil }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	server, err := sidecar.NewServer(ctx, sidecar.Options{Config: c, Logger: slog.New(slog.DiscardHandler)}, false)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	listening, ended := make(chan net.Addr, 1), make(chan error, 1)
	server.Listening = func(a net.Addr) { listening <- a }
	go func() { ended <- server.Run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	t.Cleanup(stop)
	select {
	case a := <-listening:
		return "http://" + a.String(), stop
	case err := <-ended:
		t.Fatal(err)
		return "", nil
	}
}

func (i *intranet) handle(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	answer, decided := client.Decided(r.Context())
	i.mu.Lock()
	defer i.mu.Unlock()
	i.reached = append(i.reached, fmt.Sprintf("%s %s %s %s %s", r.Method, r.URL.RequestURI(), r.Header.Get("Content-Type"), r.Header.Get("Origin"), body))
	if !decided || !answer.Allowed() {
		i.Error("the handler was reached without an allow")
	}
	_, _ = io.WriteString(w, "salaries")
}

// login gives the session a token of a login some seconds ago; empty: signs out.
func (i *intranet) login(level string, age time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.token = ""
	if level != "" {
		i.token = i.issuer.Token(access.Object{
			"acr": level, "authentication_level": level, "auth_time": time.Now().Add(-age).Unix(),
			"scope": "openid read:customers read:employees write:payroll",
		})
	}
}

// what a request looks like, by who sends it.
var (
	aPage  = map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "same-origin"}
	aFetch = map[string]string{"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Accept": "application/json"}
	form   = "application/x-www-form-urlencoded"
)

// A reply is what came back.
type reply struct {
	status   int
	text     string
	header   http.Header
	location url.Values // of a redirect to the provider
}

func (i *intranet) send(method, path, body string, headers ...map[string]string) reply {
	i.Helper()
	req, err := http.NewRequest(method, i.app.URL, strings.NewReader(body))
	if err != nil {
		i.Fatal(err)
	}
	req.URL.Opaque = strings.TrimPrefix(i.app.URL, "http:") + path // as it is written
	if body != "" {
		req.Header.Set("Content-Type", form)
		req.Header.Set("Origin", i.app.URL)
	}
	for _, all := range headers {
		for name, value := range all {
			req.Header.Set(name, value)
		}
	}
	resp, err := i.browser.Do(req)
	if err != nil {
		i.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		i.Fatal(err)
	}
	r := reply{status: resp.StatusCode, text: string(text), header: resp.Header}
	if target := resp.Header.Get("Location"); target != "" {
		u, err := url.Parse(target)
		if err != nil || u.Host != "idp.example" {
			i.Errorf("%s %s redirects to %s", method, path, target)
		}
		r.location = u.Query()
	}
	return r
}

func (i *intranet) visit(path string) reply { i.Helper(); return i.send("GET", path, "", aPage) }

// expect checks status and a part of the text, or of where a redirect asks for.
func (i *intranet) expect(what string, got reply, status int, part string) {
	i.Helper()
	if got.status != status || !strings.Contains(got.text+got.location.Encode(), part) {
		i.Errorf("%s: %d %s %s, want %d with %q", what, got.status, got.text, got.location.Encode(), status, part)
	}
	if status != http.StatusOK && got.header.Get("Cache-Control") != "no-store" {
		i.Errorf("%s: Cache-Control %q, want no-store", what, got.header.Get("Cache-Control"))
	}
}

const unmet = "Signing in again did not help"

func TestAnonymousMakesOneTrip(t *testing.T) {
	i := newIntranet(t, nil)
	away := i.visit("/employees?q=a%20b")
	i.expect("signed out", away, 303, "max_age=3600")
	if scope := strings.Fields(away.location.Get("scope")); !strings.Contains(strings.Join(scope, " "), "step_up") || away.location.Get("acr_values") != "mfa" {
		t.Errorf("asks for %v, want step_up and mfa at once", away.location)
	}
	if got := away.location.Get("return_to"); got != "/employees?q=a%20b" {
		t.Errorf("returns to %q, want where it was going", got)
	}
	i.login("mfa", 0)
	i.expect("back", i.visit(away.location.Get("return_to")), 200, "salaries")
	i.login("", 0)
	i.expect("signed out again", i.visit("/employees"), 303, "step_up")
	i.expect("a fetch, signed out", i.send("GET", "/employees", "", aFetch), 401, "no_credentials")
	i.expect("nobody can", i.visit("/nowhere"), 403, "not allowed")
}

// Where the sidecar does not tell what is needed, any login will do to begin with.
func TestAnonymousWithoutRequirements(t *testing.T) {
	i := newIntranet(t, nil, "requirements: false")
	away := i.visit("/employees")
	i.expect("signed out", away, 303, "scope=openid")
	i.login("normal", 0)
	i.expect("signed in", i.visit("/employees"), 303, "step_up")
	i.login("mfa", 0)
	i.expect("more strongly", i.visit("/employees"), 200, "salaries")
}

// An issuer that the sidecar does not know is a mistake of ours, and nobody's sign-in.
func TestAnonymousByUnknownIssuer(t *testing.T) {
	i := newIntranet(t, func(c *client.Config) { c.Issuer = "https://unheard-of.example/" })
	i.expect("signed out", i.visit("/employees"), 503, "Not just now")
}

// What one page asks for is not what another does, and is remembered apart.
func TestTwoTabs(t *testing.T) {
	i := newIntranet(t, nil)
	i.login("normal", time.Minute)
	i.expect("employees", i.visit("/employees"), 303, "acr_values=mfa")
	i.expect("payroll", i.send("POST", "/payroll/transfers", transfer, aPage), 303, "acr_values=phr")
	i.login("mfa", 0)
	i.expect("employees, back", i.visit("/employees"), 200, "salaries")
	i.expect("payroll, back with too little", i.send("POST", "/payroll/transfers", transfer, aPage), 403, unmet)
}

func TestStepUpAndBack(t *testing.T) {
	i := newIntranet(t, nil)
	i.login("normal", time.Minute)
	i.expect("customers", i.visit("/customers"), 200, "salaries")
	away := i.visit("/employees")
	i.expect("employees", away, 303, "step_up")
	if got := away.location.Get("scope"); !strings.Contains(got, "read:employees") {
		t.Errorf("scope %q, want those that the token has too", got)
	}
	i.login("mfa", 0)
	i.expect("back", i.visit("/employees"), 200, "salaries")
	i.login("mfa", 2*time.Hour) // it aged
	i.expect("aged", i.visit("/employees"), 303, "max_age=3600")
}

func TestFetchGetsTheChallenge(t *testing.T) {
	i := newIntranet(t, nil)
	i.login("normal", time.Minute)
	for _, method := range []string{"GET", "POST"} {
		path := map[string]string{"GET": "/employees", "POST": "/payroll/transfers"}[method]
		got := i.send(method, path, "", aFetch)
		i.expect(method, got, 401, `"authorization_request"`)
		if c := got.header.Get("WWW-Authenticate"); !strings.HasPrefix(c, `Bearer error="insufficient_user_authentication"`) || !strings.Contains(c, "max_age=") {
			t.Errorf("%s: WWW-Authenticate %q, want the sidecar's", method, c)
		}
		if len(got.header.Values("Set-Cookie")) != 0 {
			t.Errorf("%s: a fetch sets a cookie, and was sent nowhere", method)
		}
	}
	i.expect("denied", i.send("GET", "/nowhere", "", aFetch), 403, `"not_allowed"`)
	i.expect("denied, a page", i.visit("/nowhere"), 403, "<h1>This is not allowed</h1>")
}

// A provider that ignores what it is asked for ends in a page, after one redirect. Trying
// again is the person's own choice.
func TestProviderIgnoresTheStepUp(t *testing.T) {
	i := newIntranet(t, nil)
	i.login("normal", time.Minute)
	i.expect("first", i.visit("/employees"), 303, "step_up")
	i.login("normal", 0)
	page := i.visit("/employees")
	i.expect("back, no better", page, 403, unmet)
	if !strings.Contains(page.text, `<a href="/employees">`) {
		t.Errorf("the page offers no way to try again: %s", page.text)
	}
	i.expect("tried again", i.visit("/employees"), 303, "step_up")
	i.login("mfa", 0)
	i.expect("better", i.visit("/employees"), 200, "salaries")
	i.login("normal", 0)
	i.expect("signed in anew, later", i.visit("/employees"), 303, "step_up")
}

// With a name for logins, a token that is renewed while somebody is away is no new login;
// and a new login that did not help is still noticed.
func TestRenewedTokenIsNoNewLogin(t *testing.T) {
	name := "first"
	i := newIntranet(t, func(c *client.Config) { c.Login = func(*http.Request) string { return name } })
	i.login("normal", time.Minute)
	i.expect("sent", i.visit("/employees"), 303, "step_up")
	i.login("normal", time.Minute)
	i.expect("given up, and renewed", i.visit("/employees"), 303, "step_up")
	name = "second"
	i.expect("back with another login", i.visit("/employees"), 403, unmet)
}

func TestNoLoops(t *testing.T) {
	i := newIntranet(t, nil)
	i.login("normal", time.Minute)
	for n := range 3 {
		i.expect(fmt.Sprintf("abandoned and clicked %d times", n), i.visit("/employees"), 303, "step_up")
	}
	i.expect("a callback that returns without a login", i.visit("/employees"), 403, unmet)
	i.expect("another page in another tab", i.visit("/employees/7"), 403, "not allowed")

	i.expect("again", i.visit("/employees"), 303, "step_up")
	i.login("normal", 0)
	i.later = 11 * time.Minute
	i.expect("long after", i.visit("/employees"), 303, "step_up")
}

func TestTokenThatDoesNotHold(t *testing.T) {
	i := newIntranet(t, nil)
	i.token = "no.token.atall"
	i.expect("a page", i.visit("/employees"), 303, "step_up")
	i.expect("a fetch", i.send("GET", "/employees", "", aFetch), 401, "token_malformed")
	i.token = "another.one.likeit"
	i.expect("back with no better one", i.visit("/employees"), 403, unmet)
}

// Nobody gets past a sidecar or a session that does not answer.
func TestFaults(t *testing.T) {
	i := newIntranet(t, nil)
	i.login("phr", 0)
	i.expect("up", i.visit("/employees"), 200, "salaries")
	i.broken = errors.New("no sessions")
	i.expect("sessions are down", i.visit("/employees"), 503, "Not just now")
	i.broken = nil
	i.stop()
	down := i.visit("/employees")
	i.expect("down", down, 503, "Not just now")
	if down.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	i.expect("down, a fetch", i.send("POST", "/payroll/transfers", "a=1", aFetch), 503, `"outcome":"deny"`)
	i.login("", 0)
	i.expect("down, signed out", i.visit("/customers"), 503, "Not just now")
	if len(i.reached) != 1 {
		t.Errorf("the handler was reached by %q", i.reached)
	}
}

func TestSignInFails(t *testing.T) {
	i := newIntranet(t, func(c *client.Config) {
		c.SignIn = func(*http.Request, map[string]string, string) (string, error) { return "", errors.New("no provider") }
	})
	i.login("normal", 0)
	i.expect("step-up", i.visit("/employees"), 503, "Not just now")
}

func TestCookie(t *testing.T) {
	i := newIntranet(t, func(c *client.Config) { c.Insecure = false })
	i.login("normal", 0)
	got := i.visit("/employees").header.Get("Set-Cookie")
	for _, want := range []string{"__Host-stepup=", "Path=/", "HttpOnly", "Secure", "SameSite=Lax", "Max-Age=600"} {
		if !strings.Contains(got, want) {
			t.Errorf("Set-Cookie %q, want %s", got, want)
		}
	}
	if strings.Contains(got, i.token) || strings.Contains(got, "employees") {
		t.Errorf("Set-Cookie %q tells more than digests", got)
	}
}

// A cookie that was not signed by us is none: it can neither forge an end nor hide one.
func TestForgedCookie(t *testing.T) {
	i := newIntranet(t, nil)
	i.login("normal", time.Minute)
	value := strings.TrimPrefix(strings.Split(i.visit("/employees").header.Get("Set-Cookie"), ";")[0], "stepup=")
	text, mac, _ := strings.Cut(value, ".")
	i.login("normal", 0)
	for name, forged := range map[string]string{
		"no signature": text, "another text": "W10." + mac, "half a signature": text + "." + mac[:20], "nothing": "", "noise": "%.%",
	} {
		i.browser.Jar, _ = cookiejar.New(nil)
		i.expect(name, i.send("GET", "/employees", "", aPage, map[string]string{"Cookie": "stepup=" + forged}), 303, "step_up")
	}
	i.browser.Jar, _ = cookiejar.New(nil)
	i.expect("the true one", i.send("GET", "/employees", "", aPage, map[string]string{"Cookie": "stepup=" + value}), 403, unmet)
}

func TestReturnStaysHere(t *testing.T) {
	i := newIntranet(t, func(c *client.Config) {
		c.Question = func(r *http.Request) client.Question {
			return client.Question{Action: client.Action{Name: "GET"}, Resource: client.Resource{Type: "route", ID: "/employees"}}
		}
	})
	i.login("normal", 0)
	for path, want := range map[string]string{
		"/employees?next=//evil.example": "/employees?next=//evil.example", "//evil.example/a": "/", "/%5Cevil.example": "/%5Cevil.example",
	} {
		i.browser.Jar, _ = cookiejar.New(nil)
		if got := i.visit(path); got.status != 303 || got.location.Get("return_to") != want {
			t.Errorf("%s: %d, returns to %q, want %q", path, got.status, got.location.Get("return_to"), want)
		}
	}
}

const transfer = "to=bob&amount=100&csrf=abc"

func TestFormIsNotLost(t *testing.T) {
	i := newIntranet(t, nil)
	i.login("mfa", time.Minute)
	away := i.send("POST", "/payroll/transfers?draft=7", transfer, aPage)
	i.expect("posted", away, 303, "acr_values=phr")
	back := away.location.Get("return_to")
	if !strings.HasPrefix(back, "/payroll/transfers?") || strings.Contains(back, "amount") {
		t.Errorf("returns to %q, want a ticket without the form in it", back)
	}
	i.login("mfa", 0)
	i.expect("back, no better", i.visit(back), 403, unmet)
	i.expect("tried again", i.visit(back), 303, "acr_values=phr")
	i.expect("prefetched", i.send("GET", back, "", aPage, map[string]string{"Sec-Purpose": "prefetch"}), 410, "cannot_resume")
	i.login("phr", 0)
	if len(i.reached) != 0 {
		t.Fatalf("the handler was reached by %q before the step-up", i.reached)
	}
	i.expect("back", i.send("GET", back, "", aPage, map[string]string{"Sec-Fetch-Site": "cross-site"}), 200, "salaries")
	want := "POST /payroll/transfers?draft=7 " + form + " " + i.app.URL + " " + transfer
	if len(i.reached) != 1 || i.reached[0] != want {
		t.Errorf("the handler was reached by %q, want once by %q", i.reached, want)
	}
	i.expect("and again", i.visit(back), 410, "Nothing was sent")
}

func TestTicketsAreBound(t *testing.T) {
	tickets := &meddling{MemoryTickets: &client.MemoryTickets{}}
	i := newIntranet(t, func(c *client.Config) { c.Tickets = tickets })
	i.login("mfa", time.Minute)
	back := i.send("POST", "/payroll/transfers", transfer, aPage).location.Get("return_to")
	i.login("phr", 0)
	i.session = "mallory"
	i.expect("another session", i.visit(back), 410, "Nothing was sent")
	i.session = ""
	i.expect("no session", i.visit(back), 410, "Nothing was sent")
	i.session = "alice"
	i.expect("another path", i.visit(strings.Replace(back, "/payroll/transfers", "/customers", 1)), 410, "Nothing was sent")
	i.expect("another signature", i.visit(back[:len(back)-4]+"AAAA"), 410, "Nothing was sent")
	i.expect("no signature", i.visit(back[:strings.Index(back, ".")]), 410, "Nothing was sent")
	i.expect("no ticket", i.visit("/payroll/transfers?stepup_resume=A.B"), 410, "Nothing was sent")
	tickets.change = func(t *client.Ticket) { t.Body = []byte("to=mallory&amount=100") }
	i.expect("a store that changed it", i.visit(back), 410, "Nothing was sent")
	tickets.change = func(t *client.Ticket) { t.Method = "DELETE" }
	i.expect("a store that changed how", i.visit(back), 410, "Nothing was sent")
	tickets.change = nil
	tickets.err = errors.New("the store is down")
	i.expect("a store that is down", i.visit(back), 503, "Not just now")
	i.login("", 0)
	i.expect("the same, signed out", i.visit(back), 503, "Not just now")
	i.login("phr", 0)
	tickets.err, tickets.takeErr = nil, errors.New("the store went down")
	i.expect("a store that goes down", i.visit(back), 503, "Not just now")
	tickets.takeErr = nil
	i.later = 11 * time.Minute
	i.expect("too late", i.visit(back), 410, "Nothing was sent")
	i.later = 0
	if len(i.reached) != 0 {
		t.Errorf("the handler was reached by %q", i.reached)
	}
	i.expect("as it was", i.visit(back), 200, "salaries")
}

// Two visits with one ticket at the same time do what was asked for once.
func TestTicketIsUsedOnce(t *testing.T) {
	i := newIntranet(t, nil)
	i.login("mfa", time.Minute)
	back := i.send("POST", "/payroll/transfers", transfer, aPage).location.Get("return_to")
	i.login("phr", 0)
	var visits sync.WaitGroup
	for range 8 {
		visits.Go(func() { i.visit(back) })
	}
	visits.Wait()
	if len(i.reached) != 1 {
		t.Errorf("the handler was reached %d times, want once", len(i.reached))
	}
}

// Whoever's form cannot be kept is told so, and is not sent away.
func TestFormThatIsNotKept(t *testing.T) {
	i := newIntranet(t, func(c *client.Config) { c.MaxBody = 100; c.Tickets = &client.MemoryTickets{Size: 1} })
	i.login("mfa", time.Minute)
	post := func(body string, headers ...map[string]string) reply {
		return i.send("POST", "/payroll/transfers", body, append([]map[string]string{aPage}, headers...)...)
	}
	i.expect("too large", post(strings.Repeat("a", 101)), 401, "Sign in more strongly first")
	i.expect("another site's form", post(transfer, map[string]string{"Sec-Fetch-Site": "cross-site"}), 401, "Sign in more strongly first")
	i.session = ""
	i.expect("no session", post(transfer), 401, "Sign in more strongly first")
	i.session = "alice"
	i.expect("kept", post(transfer), 303, "stepup_resume")
	i.session = "bob"
	i.expect("no room", post(transfer), 401, "Sign in more strongly first")
}

func TestMemoryTickets(t *testing.T) {
	now := time.Unix(1795428120, 0)
	m := &client.MemoryTickets{Size: 6, Now: func() time.Time { return now }}
	put := func(id, session string, minutes int) error {
		return m.Put(t.Context(), id, client.Ticket{Session: session, Expires: now.Add(time.Duration(minutes) * time.Minute)})
	}
	there := func(id string) bool { _, ok, _ := m.Get(t.Context(), id); return ok }
	for n := range 5 {
		if err := put(fmt.Sprint("a", n), "alice", n+1); err != nil {
			t.Errorf("Put a%d: %v", n, err)
		}
	}
	if there("a0") || !there("a1") || !there("a4") {
		t.Error("a session keeps other than its latest four")
	}
	if err := errors.Join(put("b", "bob", 1), put("c", "carol", 1)); err != nil {
		t.Errorf("Put: %v", err)
	}
	if err := put("d", "dave", 1); !errors.Is(err, client.ErrFull) || !there("a1") {
		t.Errorf("Put beyond the size: %v, want ErrFull and nobody's ticket gone", err)
	}
	now = now.Add(time.Minute)
	if err := put("d", "dave", 1); err != nil || there("b") {
		t.Errorf("Put after others expired: %v", err)
	}
	if _, ok, _ := m.Take(t.Context(), "d"); !ok || there("d") {
		t.Error("Take leaves the ticket")
	}
}

// meddling is a store that does not give back what was put.
type meddling struct {
	*client.MemoryTickets
	change func(*client.Ticket)
	err    error

	takeErr error
}

func (m *meddling) Take(ctx context.Context, id string) (client.Ticket, bool, error) {
	if m.takeErr != nil {
		return client.Ticket{}, false, m.takeErr
	}
	return m.MemoryTickets.Take(ctx, id)
}

func (m *meddling) Get(ctx context.Context, id string) (client.Ticket, bool, error) {
	t, there, err := m.MemoryTickets.Get(ctx, id)
	if m.change != nil {
		m.change(&t)
	}
	return t, there, errors.Join(err, m.err)
}
