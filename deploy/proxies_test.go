package deploy_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stepup/sidecar"
	"stepup/sidecar/config"
	"stepup/sidecar/pdp"
	"stepup/sidecar/porttest"
	"stepup/sidecar/token/tokentest"
)

// What the proxies of this folder are tested with: a sidecar, an application that remembers
// what reached it, a line between proxy and sidecar that can be cut, and the rows that hold
// for every proxy ([checkProxy]). A test of one proxy starts the real program with the
// configuration beside this file.

// hostName is the host that the configurations of this folder answer for.
const hostName = "intranet.fabrikam.example"

// loginURL is where the sidecar sends browsers that have to sign in.
const loginURL = "https://login.fabrikam.example/sign-in"

// patience bounds what is waited for; nothing takes that long unless it hangs.
const patience = time.Minute

// gatePolicy allows /customers after any login and /employees after a second factor. It tells
// the application who asks.
const gatePolicy = `package gate

default allow := false

allow if {
	_reads
	"normal" in input.assurance.levels
	input.resource.id in {"/customers", "/customers/live", "/customers/a%20b", "/customers/caf%C3%A9"}
}

allow if {
	_reads
	"mfa" in input.assurance.levels
	input.resource.id == "/employees"
}

_reads if input.action.name in {"GET", "HEAD", "POST"}

headers["x-stepup-subject"] := input.subject.id

headers["x-stepup-levels"] := concat(" ", input.assurance.levels)
`

// A sidecarUnderTest is a running sidecar whose door is open to a proxy on this machine.
type sidecarUnderTest struct {
	*line              // the proxy asks at line.address
	stop        func() // stops the sidecar, and returns when it has stopped
	normal, mfa string // tokens after a password, and after a second factor
}

// sidecarOptions are what tests choose of a sidecar.
type sidecarOptions struct {
	door     string
	listener string       // empty: any port of this machine
	peer     string       // empty: this machine
	policy   string       // empty: gatePolicy
	returnTo string       // empty: /customers, /employees, /payroll
	recorder pdp.Recorder // nil: none
}

// newSidecar starts a sidecar with the door of one proxy.
func newSidecar(t *testing.T, door string) *sidecarUnderTest {
	t.Helper()
	s, address := startSidecar(t, sidecarOptions{door: door})
	s.line = newLine(t, address)
	return s
}

// newSidecarBySocket starts one that listens on a Unix socket, for one user; without a line.
func newSidecarBySocket(t *testing.T, door string, user int) (s *sidecarUnderTest, socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "s")
	s, _ = startSidecar(t, sidecarOptions{
		door: door, peer: "unix",
		listener: fmt.Sprintf("http: {address: 'unix://%s'}\ncallers: [{name: proxy, uid: %d, doors: [%s]}]", socket, user, door),
	})
	return s, socket
}

func startSidecar(t *testing.T, o sidecarOptions) (s *sidecarUnderTest, address string) {
	t.Helper()
	issuer := tokentest.New(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "policy", "gate.rego"), cmp.Or(o.policy, gatePolicy))
	file := filepath.Join(dir, "stepup.yaml")
	write(t, file, fmt.Sprintf(`
%s
health: {address: ''}
headers: {forward: [x-mark]}
policy: {path: %q, package: gate, deadline: 30s}
issuers:
  - {issuer: %q, audiences: [%q], vocabulary: oidc}
gateways: {%s: {peers: [%s], origin: %q, login_url: %q, return_to: [%s]}}
`, cmp.Or(o.listener, "http: {address: '127.0.0.1:0'}"), filepath.Join(dir, "policy"), issuer.URL, tokentest.Audience,
		o.door, cmp.Or(o.peer, "127.0.0.1"), "https://"+hostName, loginURL, cmp.Or(o.returnTo, "/customers, /employees, /payroll")))
	address, stop := runSidecar(t, file, o.recorder)
	login := func(amr ...any) string {
		return issuer.Token(map[string]any{"amr": amr, "auth_time": time.Now().Unix() - 60})
	}
	return &sidecarUnderTest{stop: stop, normal: login("pwd"), mfa: login("pwd", "otp", "mfa")}, address
}

// checkSocket asks a proxy that asks its sidecar by a Unix socket: it may, and as another user it
// may not.
func checkSocket(t *testing.T, door string, start func(socket, app string) (proxy string)) {
	t.Helper()
	a := newApp(t)
	s, socket := newSidecarBySocket(t, door, os.Getuid())
	proxy := start(socket, a.address)
	for _, row := range []proxyRow{
		{what: "allowed", target: "/customers", lines: []string{asNormal}, status: 200, reaches: true},
		{what: "stepped up", target: "/employees", lines: []string{asNormal}, status: 401, challenge: "insufficient_user_authentication"},
		{what: "denied", target: "/payroll", lines: []string{asMFA}, status: 403},
	} {
		t.Run(row.what, func(t *testing.T) { checkRow(t, proxy, s, a, row) })
	}
	s, socket = newSidecarBySocket(t, door, os.Getuid()+1)
	proxy = start(socket, a.address)
	t.Run("another user", func(t *testing.T) {
		checkRow(t, proxy, s, a, proxyRow{target: "/customers", lines: []string{asNormal}, status: 403})
	})
}

func runSidecar(t *testing.T, file string, recorder pdp.Recorder) (address string, stop func()) {
	t.Helper()
	c, _, err := config.Load(config.Options{File: file})
	if err != nil {
		t.Fatal(err)
	}
	server, err := sidecar.NewServer(t.Context(), sidecar.Options{Config: c, Logger: slog.New(slog.DiscardHandler), StateDir: t.TempDir(), Recorder: recorder}, false)
	if err != nil {
		t.Fatal(err)
	}
	open, stopped := make(chan net.Addr, 1), make(chan error, 1)
	server.Listening = func(a net.Addr) { open <- a }
	ctx, cancel := context.WithCancel(context.Background())
	go func() { stopped <- server.Run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); <-stopped })
	t.Cleanup(stop)
	select {
	case a := <-open:
		return a.String(), stop
	case err := <-stopped:
		stopped <- err
		t.Fatalf("Run: %v", err)
		return "", nil
	}
}

// A line carries bytes between a proxy and the sidecar. It can be cut within an answer.
type line struct {
	address  string
	listener net.Listener

	mu     sync.Mutex
	left   int // bytes of answers that still pass; negative: all
	passed int // bytes of answers that passed since that was last set
	mute   bool
}

func newLine(t *testing.T, to string) *line {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{address: listener.Addr().String(), listener: listener, left: -1}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go l.carry(ctx, conn, to)
		}
	}()
	return l
}

// cutAfter lets so many bytes of answers pass and then closes; negative: mends the line.
func (l *line) cutAfter(bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left, l.passed = bytes, 0
}

// keepSilent lets no answer pass, and closes nothing.
func (l *line) keepSilent(mute bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mute = mute
}

// answered counts the bytes of answers since the line was last mended.
func (l *line) answered() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.passed
}

func (l *line) carry(ctx context.Context, near net.Conn, to string) {
	defer func() { _ = near.Close() }()
	far, err := net.Dial("tcp", to)
	if err != nil {
		return // the sidecar is gone, and so is the line
	}
	defer func() { _ = far.Close() }()
	defer context.AfterFunc(ctx, func() { _, _ = near.Close(), far.Close() })()
	go func() { _, _ = io.Copy(far, near); _ = far.Close() }()
	for buffer := make([]byte, 64<<10); ; {
		n, err := far.Read(buffer)
		part, whole := l.pass(n)
		if _, wrong := near.Write(buffer[:part]); wrong != nil || err != nil || !whole {
			return
		}
	}
}

// pass says how many of n bytes pass, and whether the line holds after them.
func (l *line) pass(n int) (int, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mute {
		return 0, true
	}
	if l.left >= 0 {
		n = min(n, l.left)
		l.left -= n
	}
	l.passed += n
	return n, l.left != 0
}

// An app is the application behind the proxy. It answers 200, or 101 to who wants to upgrade,
// and then echoes.
type app struct {
	address string

	mu   sync.Mutex
	took []*http.Request
}

func newApp(t *testing.T) *app {
	t.Helper()
	a := &app{}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	a.address = server.Listener.Addr().String()
	return a
}

// reached returns the requests since it was last called.
func (a *app) reached() []*http.Request {
	a.mu.Lock()
	defer a.mu.Unlock()
	took := a.took
	a.took = nil
	return took
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	a.mu.Lock()
	a.took = append(a.took, r)
	a.mu.Unlock()
	if r.Header.Get("Upgrade") == "" {
		w.Header().Set("X-App", "was here")
		_, _ = w.Write(body)
		return
	}
	conn, both, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	_, _ = both.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + acceptance(r) + "\r\nX-App: was here\r\n\r\n")
	_ = both.Flush()
	_, _ = io.Copy(conn, both)
}

// acceptance proves that an upgrade was understood (RFC 6455, section 4.2.2), which some
// proxies look at.
func acceptance(r *http.Request) string {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// A proxyRow is one request to a proxy, and what becomes of it. In its lines $normal and $mfa
// stand for tokens.
type proxyRow struct {
	what   string
	method string // empty: GET
	target string
	lines  []string // of the head; "Host" and "Connection: close" are added unless they are there
	body   string

	status    int    // 0: any that refuses
	challenge string // what the one challenge has; empty: no look
	location  string // where the client is sent; empty: nowhere
	mayBeSent string // where it may be sent instead of being refused; empty: it may not
	reaches   bool   // the application gets it; otherwise it must not hear of it
}

const (
	asNormal = "Authorization: Bearer $normal"
	asMFA    = "Authorization: Bearer $mfa"
)

// proxyRows are what holds for every proxy.
func proxyRows() []proxyRow {
	rows := []proxyRow{
		{what: "allowed", target: "/customers", lines: []string{asNormal}, status: 200, reaches: true},
		{what: "allowed after a second factor", target: "/employees?q=a%2Fb&q=..", lines: []string{asMFA}, status: 200, reaches: true},
		{what: "HEAD", method: "HEAD", target: "/customers", lines: []string{asNormal}, status: 200, reaches: true},
		{what: "a body", method: "POST", target: "/customers", lines: []string{asNormal}, body: "hello", status: 200, reaches: true},
		{what: "an upgrade", target: "/customers/live", lines: []string{asNormal, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="}, status: 101, reaches: true},
		{what: "an upgrade to HTTP/2, in which nobody would ask", target: "/customers/live", lines: []string{asNormal, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"}, status: 200, reaches: true},
		{what: "an upgrade to either", target: "/customers/live", lines: []string{asNormal, "Connection: Upgrade", "Upgrade: websocket, h2c", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="}, status: 200, reaches: true},
		{what: "an upgrade to anything", target: "/customers/live", lines: []string{asNormal, "Connection: Upgrade", "Upgrade: TLS/1.0"}, status: 200, reaches: true},
		{what: "an encoded space", target: "/customers/a%20b", lines: []string{asNormal}, status: 200, reaches: true},
		{what: "encoded UTF-8", target: "/customers/caf%C3%A9", lines: []string{asNormal}, status: 200, reaches: true},
		{what: "a header of 7 KB", target: "/customers", lines: []string{asNormal, "X-Large: " + strings.Repeat("a", 7<<10)}, status: 200, reaches: true},

		{what: "stepped up", target: "/employees", lines: []string{asNormal}, status: 401, challenge: "insufficient_user_authentication"},
		{what: "stepped up, HEAD", method: "HEAD", target: "/employees", lines: []string{asNormal}, status: 401, challenge: "insufficient_user_authentication"},
		{what: "stepped up, with a body", method: "POST", target: "/employees", lines: []string{asNormal}, body: "hello", status: 401, challenge: "insufficient_user_authentication"},
		{what: "denied", target: "/payroll", lines: []string{asMFA}, status: 403},
		{what: "another method", method: "DELETE", target: "/customers", lines: []string{asMFA, "X-Original-Method: GET", "X-Forwarded-Method: GET", "X-HTTP-Method-Override: GET"}, status: 403},
		{what: "no token", target: "/customers", status: 401, challenge: "Bearer"},
		{what: "no token that holds", target: "/customers", lines: []string{asNormal + "x"}, status: 401, challenge: "invalid_token"},
		{what: "an upgrade without a token", target: "/customers/live", lines: []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="}, status: 401, challenge: "Bearer"},
		{what: "two tokens", target: "/customers", lines: []string{asNormal, asMFA}},
		{what: "two tokens in one", target: "/customers", lines: []string{asNormal + ", Bearer $mfa"}},
		{what: "Authorization named among those of one connection", target: "/customers", lines: []string{"Connection: close, Authorization", "X-Authorization: Bearer $normal"}},
		{what: "a token in the query", target: "/customers?access_token=$normal", status: 401, challenge: "Bearer"},
		{what: "a token of 80 KB", target: "/customers", lines: []string{"Authorization: Bearer " + strings.Repeat("a", 80<<10)}},
		{what: "headers of 100 KB", target: "/customers", lines: slices.Repeat([]string{"X-Large: " + strings.Repeat("a", 5<<10)}, 20)},
	}
	return slices.Concat(rows, hostileTargets(), hostileHeaders(), navigations())
}

// page is what a browser says that goes to a page, and script what it says of a fetch.
var (
	page   = []string{"Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Accept: text/html,*/*;q=0.8"}
	script = []string{"Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty", "Accept: text/html"}
)

// toSignIn and toStepUp are where a browser is sent, to come back to a page whose path is
// escaped twice.
func toSignIn(page string) string { return loginURL + "?return_to=https%3A%2F%2F" + hostName + page }

func toStepUp(page string) string {
	return loginURL + "?prompt=login&return_to=https%3A%2F%2F" + hostName + page + "&scope=openid"
}

// navigations are browsers that go to a page. They are sent to the login, and where to depends on
// nothing but the target.
func navigations() []proxyRow {
	rows := []proxyRow{
		{what: "a page, allowed", target: "/customers", lines: with(page, asNormal), status: 200, reaches: true},
		{what: "a page, stepped up", target: "/employees?q=a%2Fb&c", lines: with(page, asNormal), status: 302, location: toStepUp("%2Femployees%3Fq%3Da%252Fb%26c")},
		{what: "a page, HEAD", method: "HEAD", target: "/employees", lines: with(page, asNormal), status: 302, location: toStepUp("%2Femployees")},
		{what: "a page without a token", target: "/customers", lines: page, status: 302, location: toSignIn("%2Fcustomers")},
		{what: "a page with a token that does not hold", target: "/customers", lines: with(page, asNormal+"x"), status: 302, location: toSignIn("%2Fcustomers")},
		{what: "a browser that does not say what it wants", target: "/employees", lines: []string{asNormal, "Accept: text/html"}, status: 302, location: toStepUp("%2Femployees")},
		{what: "a page, denied", target: "/payroll", lines: with(page, asMFA), status: 403},
		{what: "a page that cannot be come back to", target: "/customers/live", lines: page, status: 401, challenge: "Bearer"},
		{what: "a form", method: "POST", target: "/employees", lines: with(page, asNormal), body: "hello", status: 401, challenge: "insufficient_user_authentication"},
		{what: "a script", target: "/employees", lines: with(script, asNormal), status: 401, challenge: "insufficient_user_authentication"},
		{what: "a script of old", target: "/employees", lines: []string{asNormal, "Accept: text/html", "X-Requested-With: XMLHttpRequest"}, status: 401, challenge: "insufficient_user_authentication"},
		{what: "a script that says twice what it is", target: "/employees", lines: with(append(page, script...), asNormal), status: 401, challenge: "insufficient_user_authentication"},
		{what: "a websocket of a page", target: "/employees", lines: with(page, asNormal, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="), status: 401, challenge: "insufficient_user_authentication"},
		{what: "a page of another host", target: "/employees", lines: with(page, asNormal, "Host: evil.example")},
		{what: "a page with two tokens", target: "/employees", lines: with(page, asNormal, asMFA)},
		{what: "a page with a query of 6 KB", target: "/employees?" + strings.Repeat("a", 6<<10), lines: with(page, asNormal), status: 401, challenge: "insufficient_user_authentication"},
		{what: "a page with a query that is as long as can be", target: "/employees?" + strings.Repeat("a", 3900), lines: with(page, asNormal), status: 302, location: toStepUp("%2Femployees%3F" + strings.Repeat("a", 3900))},
	}
	for _, row := range hostileTargets() {
		row.what, row.lines = "a page at "+row.target, with(page, row.lines...)
		rows = append(rows, row)
	}
	for _, row := range hostileHeaders() {
		row.what, row.lines = "a page, and "+row.what, with(page, row.lines...)
		row.mayBeSent = toStepUp("%2Femployees")
		rows = append(rows, row)
	}
	for _, header := range []string{
		"X-Forwarded-Host: evil.example", "X-Forwarded-Proto: http", "X-Forwarded-Port: 81", "X-Forwarded-Server: evil.example", "X-Original-Host: evil.example",
		"X-Host: evil.example", "Forwarded: host=evil.example;proto=http", "Location: https://evil.example", "X-Auth-Request-Redirect: https://evil.example",
		"Referer: https://evil.example", "Sec-Fetch-Site: cross-site", "X-Accel-Redirect: /evil", "Set-Cookie: a=b", "Cookie: return_to=https://evil.example",
	} {
		rows = append(rows, proxyRow{what: "a page, and the header " + header, target: "/employees", lines: with(page, asNormal, header), status: 302, location: toStepUp("%2Femployees")})
	}
	return rows
}

func with(lines []string, more ...string) []string { return slices.Concat(lines, more) }

// hostileTargets are paths that one program reads as /customers and another as /employees.
func hostileTargets() []proxyRow {
	var rows []proxyRow
	for _, target := range []string{
		"/customers/../employees", "/customers/%2e%2e/employees", "/customers/.%2E/employees", "/customers/..%2femployees",
		"/customers/..;/employees", "/customers;/../employees", "/customers%2f..%2femployees", "/customers%5c..%5cemployees",
		`/customers\..\employees`, "//employees", "/customers//", "/./customers", "/customers/.", "/%65mployees", "/customer%73",
		"/customers%00", "/customers%0a", "/customers%", "/customers%zz", "/customers/a%2520b/..", "/customers/%c0%ae%c0%ae/employees",
		"/employees;/customers", "/EMPLOYEES", "/employees/", "/employees%20", "/employees#/customers",
	} {
		rows = append(rows, proxyRow{what: "the path " + target, target: target, lines: []string{asNormal}})
	}
	return rows
}

// hostileHeaders say /customers, where anybody may go, of a request for /employees.
func hostileHeaders() []proxyRow {
	var rows []proxyRow
	for _, header := range []string{
		"X-Original-URI: /customers", "X-Original-URL: https://" + hostName + "/customers", "X-Original-Method: OPTIONS",
		"X-Forwarded-Uri: /customers", "X-Forwarded-Path: /customers", "X-Forwarded-Prefix: /customers", "X-Forwarded-Method: OPTIONS",
		"X-Rewrite-URL: /customers", "X-Envoy-Original-Path: /customers", "X-Auth-Request-Redirect: /customers",
		"x_original_uri: /customers", "x.original.uri: /customers", "x_forwarded_uri: /customers", "x.forwarded.uri: /customers",
		"X-Http-Method-Override: OPTIONS", "X-Stepup-Levels: mfa", "Content-Length: 0", "Connection: close, X-Original-URI, X-Forwarded-Uri",
	} {
		rows = append(rows, proxyRow{what: "the header " + header, target: "/employees", lines: []string{asNormal, header}})
	}
	return rows
}

// checkProxy asks a proxy at an address, which asks s and stands before a: every row, then with
// the answers of the sidecar cut off, held back, and with no sidecar at all. It ends the sidecar.
//
// The proxy is patient with a busy machine; start starts one whose limits are the file's own, and
// is asked where nothing comes.
func checkProxy(t *testing.T, proxy string, s *sidecarUnderTest, a *app, start func() (proxy string)) {
	t.Helper()
	for _, row := range proxyRows() {
		t.Run(row.what, func(t *testing.T) { checkRow(t, proxy, s, a, row) })
	}
	t.Run("what the application is told", func(t *testing.T) { checkTold(t, proxy, s, a) })
	t.Run("round and round", func(t *testing.T) { checkRound(t, proxy, s, a) })
	t.Run("answers cut off", func(t *testing.T) { checkCut(t, proxy, s, a) })
	refused := proxyRow{target: "/customers", lines: []string{asNormal}}
	t.Run("no answer", func(t *testing.T) {
		hasty := start()
		s.keepSilent(true)
		defer s.keepSilent(false)
		checkRow(t, hasty, s, a, refused)
	})
	s.stop()
	t.Run("no sidecar", func(t *testing.T) { checkRow(t, proxy, s, a, refused) })
	_ = s.listener.Close()
	t.Run("nobody at its address", func(t *testing.T) { checkRow(t, proxy, s, a, refused) })
}

func checkRow(t *testing.T, proxy string, s *sidecarUnderTest, a *app, row proxyRow) {
	t.Helper()
	answer := s.send(t, proxy, row)
	reached := a.reached()
	if row.mayBeSent != "" && answer.StatusCode == http.StatusFound {
		row.status, row.location = http.StatusFound, row.mayBeSent
	}
	switch {
	case row.status == 0 && answer.StatusCode < 400, row.status != 0 && answer.StatusCode != row.status:
		t.Errorf("%s %s answers %d, want %d (0: a refusal)", row.method, row.target, answer.StatusCode, row.status)
	case row.reaches && (len(reached) != 1 || answer.Header.Get("X-App") == ""):
		t.Fatalf("%d requests reached the application, want this one, and its answer", len(reached))
	case !row.reaches && (len(reached) != 0 || answer.Header.Get("X-App") != ""):
		t.Fatalf("refused with %d, and the application got %v", answer.StatusCode, reached)
	}
	checkLocation(t, answer, row.location)
	if row.challenge != "" {
		if all := answer.Header.Values("Www-Authenticate"); len(all) != 1 || !strings.Contains(all[0], row.challenge) {
			t.Errorf("challenges are %q, want one with %s", all, row.challenge)
		}
	}
	if !row.reaches {
		return
	}
	if got, _ := io.ReadAll(reached[0].Body); string(got) != row.body || reached[0].RequestURI != row.target {
		t.Errorf("the application got %s with %q, want %s with %q: what was asked about", reached[0].RequestURI, got, row.target, row.body)
	}
}

// checkLocation wants one address to go to, or none, and with it the cookie that remembers.
func checkLocation(t *testing.T, answer *http.Response, want string) {
	t.Helper()
	got := answer.Header.Values("Location")
	if len(got) > 1 || answer.Header.Get("Location") != want {
		t.Errorf("%d, sent to %.500q, want %.500q", answer.StatusCode, got, want)
	}
	if want == "" {
		return
	}
	if cookies := answer.Header.Values("Set-Cookie"); len(cookies) != 1 || answer.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("sent to %s with %v, want one cookie, and no-store", want, answer.Header)
	}
}

// checkTold sends a client's own copies of what the application trusts. Only those of the
// policy and of the proxy get there.
func checkTold(t *testing.T, proxy string, s *sidecarUnderTest, a *app) {
	t.Helper()
	row := proxyRow{target: "/customers", status: 200, reaches: true, lines: []string{
		asNormal, "X-Stepup-Subject: root", "x-stepup-subject: root", "X-Stepup-Levels: phr", "X_Stepup_Subject: root", "X.Stepup.Levels: phr",
		"X-Forwarded-For: 192.0.2.1", "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: gopher",
		"X-Forwarded-Uri: /evil", "X-Forwarded-Method: EVIL", "X-Original-URI: /evil", "X-Original-Method: EVIL",
	}}
	answer := s.send(t, proxy, row)
	reached := a.reached()
	if answer.StatusCode == http.StatusBadRequest && len(reached) == 0 {
		// A proxy that passes X_Stepup_Subject on has it refused; the others are still to be seen.
		row.lines = slices.DeleteFunc(row.lines, func(l string) bool { return strings.HasPrefix(l, "X_") || strings.HasPrefix(l, "X.") })
		answer, reached = s.send(t, proxy, row), a.reached()
	}
	if len(reached) != 1 {
		t.Fatalf("answers %d and %d requests reached the application, want one", answer.StatusCode, len(reached))
	}
	header := reached[0].Header
	for name, want := range map[string]string{"X-Stepup-Subject": tokentest.Subject, "X-Stepup-Levels": "normal"} {
		if got := header.Values(name); !slices.Equal(got, []string{want}) {
			t.Errorf("the application is told %s: %q, want %q", name, got, want)
		}
	}
	for name, values := range header {
		for _, spoofed := range []string{"root", "phr", "192.0.2.1", "evil.example", "gopher", "/evil", "EVIL"} {
			if slices.Contains(values, spoofed) {
				t.Errorf("the client's %s: %q reached the application", name, values)
			}
		}
	}
}

// checkRound goes to a page again and again, as a browser does whose login does not help: at
// last it gets the challenge itself, once.
func checkRound(t *testing.T, proxy string, s *sidecarUnderTest, a *app) {
	t.Helper()
	cookie := "Cookie: theme=dark"
	for range 3 {
		row := proxyRow{target: "/employees", lines: with(page, asNormal, cookie), status: 302, location: toStepUp("%2Femployees")}
		answer := s.send(t, proxy, row)
		if answer.StatusCode != row.status {
			t.Fatalf("answers %d, want %d", answer.StatusCode, row.status)
		}
		checkLocation(t, answer, row.location)
		text, _, _ := strings.Cut(answer.Header.Get("Set-Cookie"), ";")
		cookie = "Cookie: theme=dark; " + text
	}
	checkRow(t, proxy, s, a, proxyRow{target: "/employees", lines: with(page, asNormal, cookie), status: 401, challenge: "insufficient_user_authentication"})
}

// checkCut ends the connection within the sidecar's answer to what would be allowed: as if
// the sidecar had stopped there. Nothing but the whole answer is consent.
func checkCut(t *testing.T, proxy string, s *sidecarUnderTest, a *app) {
	t.Helper()
	allowed := proxyRow{target: "/customers", lines: []string{asNormal}, status: 200, reaches: true}
	s.cutAfter(-1)
	checkRow(t, proxy, s, a, allowed)
	whole := s.answered()
	if whole < 50 {
		t.Fatalf("the sidecar's answer had %d bytes", whole)
	}
	refused := proxyRow{target: allowed.target, lines: allowed.lines}
	lengths := []int{0, len("HTTP/1.1 200"), len("HTTP/1.1 200 OK\r\n"), whole / 2, whole - 3, whole - 1}
	for _, length := range lengths {
		s.cutAfter(length)
		t.Run(fmt.Sprintf("%d of %d bytes", length, whole), func(t *testing.T) { checkRow(t, proxy, s, a, refused) })
	}
	s.cutAfter(-1)
	checkRow(t, proxy, s, a, allowed)

	// Nobody is sent to half an address.
	sent := proxyRow{target: "/employees", lines: with(page, asNormal), status: 302, location: toStepUp("%2Femployees")}
	s.cutAfter(-1)
	checkRow(t, proxy, s, a, sent)
	whole = s.answered()
	for _, part := range []int{3, 2} {
		s.cutAfter(whole / part)
		t.Run(fmt.Sprintf("%d of %d bytes for a page", whole/part, whole), func(t *testing.T) {
			checkRow(t, proxy, s, a, proxyRow{target: sent.target, lines: sent.lines})
		})
	}
	s.cutAfter(-1)
}

// send writes a request byte by byte as the row says, since clients tidy up what they send.
// The answer's body was read.
func (s *sidecarUnderTest) send(t *testing.T, proxy string, row proxyRow) *http.Response {
	t.Helper()
	conn, err := net.DialTimeout("tcp", proxy, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	head := row.head()
	// A proxy may answer before it has read a head that is too large.
	go func() {
		_, _ = io.WriteString(conn, strings.NewReplacer("$normal", s.normal, "$mfa", s.mfa).Replace(head)+row.body)
	}()
	reader := bufio.NewReader(conn)
	answer, err := http.ReadResponse(reader, &http.Request{Method: row.method})
	if err != nil {
		if row.status == 0 && !errors.Is(err, os.ErrDeadlineExceeded) {
			return &http.Response{StatusCode: 499} // hung up on: a refusal as well
		}
		t.Fatalf("no answer to %.200q: %v", head, err)
	}
	if answer.StatusCode == http.StatusSwitchingProtocols {
		checkEcho(t, conn, reader)
		return answer
	}
	if _, err := io.Copy(io.Discard, answer.Body); err != nil && row.status != 0 {
		t.Errorf("the answer's body: %v", err)
	}
	return answer
}

// head is the request line with the header.
func (row *proxyRow) head() string {
	if row.method == "" {
		row.method = http.MethodGet
	}
	lines := append([]string{row.method + " " + row.target + " HTTP/1.1"}, row.lines...)
	has := func(name string) bool {
		return slices.ContainsFunc(row.lines, func(l string) bool { return strings.HasPrefix(l, name+":") })
	}
	if !has("Host") {
		lines = append(lines, "Host: "+hostName)
	}
	if !has("Connection") {
		lines = append(lines, "Connection: close")
	}
	if row.body != "" {
		lines = append(lines, fmt.Sprintf("Content-Length: %d", len(row.body)))
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// checkEcho uses a connection that was upgraded.
func checkEcho(t *testing.T, conn io.Writer, reader io.Reader) {
	t.Helper()
	const said = "ping"
	heard := make([]byte, len(said))
	_, err := io.WriteString(conn, said)
	if err == nil {
		_, err = io.ReadFull(reader, heard)
	}
	if err != nil || string(heard) != said {
		t.Errorf("after the upgrade the application echoes %q (%v), want %q", heard, err, said)
	}
}

// program finds a proxy, or leaves its test out, which CI must not.
func program(t *testing.T, name, debian string) string {
	t.Helper()
	for _, candidate := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing (on Debian: apt-get install %s)", name, debian)
	}
	t.Skipf("LEFT OUT: %s is missing (on Debian: apt-get install %s)", name, debian)
	return ""
}

// startProxy runs a proxy until the test ends, and returns when it listens at an address.
func startProxy(t *testing.T, address, path string, args ...string) {
	t.Helper()
	startCommand(t, exec.Command(path, args...), address)
}

// startCommand is startProxy for a command that is complete.
func startCommand(t *testing.T, cmd *exec.Cmd, address string) {
	t.Helper()
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		<-done
		if t.Failed() {
			t.Logf("%s said:\n%s", cmd.Path, &log)
		}
	})
	for deadline := time.After(patience); ; {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-done:
			t.Fatalf("%v ended", cmd.Args)
		case <-deadline:
			t.Fatalf("%v does not listen at %s", cmd.Args, address)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// limits say how long a proxy waits for the sidecar: so long as its file says, or as long as a
// machine may take that is busy with other tests.
type limits bool

const (
	asWritten limits = false
	patient   limits = true
)

// changed are pairs for [replaced]; none where all is as written.
func (l limits) changed(pairs ...string) []string {
	if l == asWritten {
		return nil
	}
	return pairs
}

// replaced returns a text in which every first of a pair stands as its second. Each must be there.
func replaced(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("there is no %q in:\n%s", pairs[i], text)
		}
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// free returns an address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	l, err := porttest.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func write(t *testing.T, path, text string) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o750)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
