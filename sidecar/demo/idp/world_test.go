package idp_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	oidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"golang.org/x/net/html"
	"golang.org/x/oauth2"

	"stepup/policies"
	"stepup/sidecar/access"
	"stepup/sidecar/demo/idp"
	"stepup/sidecar/token"
	"stepup/sidecar/token/jwks"
)

// A clock that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// loginRule is the real rule, evaluated by OPA.
type loginRule struct{ query rego.PreparedEvalQuery }

// prepared is compiled once for all tests; evaluating it changes nothing.
var prepared = sync.OnceValues(func() (rego.PreparedEvalQuery, error) {
	options := []func(*rego.Rego){
		rego.Query("data.stepup.login.login"),
		rego.Store(inmem.NewFromObject(map[string]any{"stepup": map[string]any{"levels": policies.Levels(), "factors": policies.Factors()}})),
	}
	for _, m := range policies.LoginRule() {
		options = append(options, rego.Module(m.Path, m.Source))
	}
	return rego.New(options...).PrepareForEval(context.Background())
})

func newLoginRule(t *testing.T) loginRule {
	t.Helper()
	query, err := prepared()
	if err != nil {
		t.Fatal(err)
	}
	return loginRule{query}
}

func (l loginRule) Login(ctx context.Context, q idp.Question) (idp.Answer, error) {
	var input map[string]any
	text, _ := json.Marshal(q)
	if err := json.Unmarshal(text, &input); err != nil {
		return idp.Answer{}, err
	}
	input["now"], input["clock_skew"] = q.Now, 0
	results, err := l.query.Eval(ctx, rego.EvalInput(input))
	if err != nil || len(results) != 1 {
		return idp.Answer{}, fmt.Errorf("%d results: %w", len(results), err)
	}
	text, _ = json.Marshal(results[0].Expressions[0].Value)
	var answer idp.Answer
	return answer, json.Unmarshal(text, &answer)
}

// A watched rule keeps the last question, and can be replaced.
type watchedRule struct {
	idp.Rule
	mu        sync.Mutex
	questions []idp.Question
	instead   func(idp.Question) (idp.Answer, error)
}

func (w *watchedRule) Login(ctx context.Context, q idp.Question) (idp.Answer, error) {
	w.mu.Lock()
	w.questions = append(w.questions, q)
	instead := w.instead
	w.mu.Unlock()
	if instead != nil {
		return instead(q)
	}
	return w.Rule.Login(ctx, q)
}

func (w *watchedRule) last() idp.Question {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.questions[len(w.questions)-1]
}

func (w *watchedRule) set(instead func(idp.Question) (idp.Answer, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.instead = instead
}

const (
	audience = "https://intranet.fabrikam.example/api"
	clientID = "intranet"
	secret   = "the-intranet's-own-secret"
)

// A world has a provider on loopback, an application on another port, and the clock of
// both.
type world struct {
	t        *testing.T
	provider *idp.Provider
	issuer   string
	clock    *clock
	rule     *watchedRule
	app      *httptest.Server
	discover *oidc.Provider
}

type option func(*idp.Config)

// outputOf is a test's output as long as the test runs: a request that was given up may be told
// of a moment later.
func outputOf(t *testing.T) io.Writer {
	o := &output{to: t.Output()}
	t.Cleanup(func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.to = io.Discard
	})
	return o
}

type output struct {
	mu sync.Mutex
	to io.Writer
}

func (o *output) Write(text []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.to.Write(text)
}

func newWorld(t *testing.T, options ...option) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{now: time.Unix(1795428120, 0)}, rule: &watchedRule{Rule: newLoginRule(t)}}
	w.app = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		io.WriteString(rw, "<h1>Application</h1>")
	}))
	t.Cleanup(w.app.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.issuer = fmt.Sprintf("http://localhost:%d", listener.Addr().(*net.TCPAddr).Port)
	config := idp.Config{
		Issuer: w.issuer, Audience: audience, Users: idp.DemoUsers(), Rule: w.rule, Now: w.clock.Now, Logger: slog.New(slog.NewTextHandler(outputOf(t), nil)),
		Clients: []idp.Client{
			{ID: clientID, Name: "Fabrikam Intranet", Secret: secret, RedirectURIs: []string{w.app.URL + "/callback"}, PostLogoutRedirectURIs: []string{w.app.URL + "/bye"}},
			{ID: "spa", RedirectURIs: []string{w.app.URL + "/callback"}},
		},
	}
	for _, o := range options {
		o(&config)
	}
	if w.provider, err = idp.New(config); err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: w.provider}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	if w.discover, err = oidc.NewProvider(t.Context(), w.issuer); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) oauth(scopes ...string) *oauth2.Config {
	return &oauth2.Config{
		ClientID: clientID, ClientSecret: secret, Endpoint: w.discover.Endpoint(),
		RedirectURL: w.app.URL + "/callback", Scopes: append([]string{"openid"}, scopes...),
	}
}

// A trip is one authorization request with what has to be remembered for its answer.
type trip struct {
	w        *world
	config   *oauth2.Config
	verifier string
	state    string
	nonce    string
	url      string
}

// trip builds an authorization request; parameters come in pairs, scope is added to openid.
func (w *world) trip(parameters ...string) *trip {
	w.t.Helper()
	t := &trip{w: w, config: w.oauth(), verifier: oauth2.GenerateVerifier(), state: oauth2.GenerateVerifier(), nonce: oauth2.GenerateVerifier()}
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(t.verifier), oidc.Nonce(t.nonce)}
	for i := 0; i < len(parameters); i += 2 {
		if parameters[i] == "scope" {
			t.config.Scopes = append(t.config.Scopes, strings.Split(parameters[i+1], " ")...)
			continue
		}
		options = append(options, oauth2.SetAuthURLParam(parameters[i], parameters[i+1]))
	}
	t.url = t.config.AuthCodeURL(t.state, options...)
	return t
}

// tokens are what a trip ended in, verified.
type tokens struct {
	*oauth2.Token
	access *token.Claims
	id     *oidc.IDToken
	login  login // of the access token
	idText string
}

// login is what a token tells of the login.
type login struct {
	Level    string   `json:"authentication_level"`
	ACR      string   `json:"acr"`
	AMR      []string `json:"amr"`
	AuthTime int64    `json:"auth_time"`
}

func (l login) String() string {
	return fmt.Sprintf("%s %s %s %d", l.Level, l.ACR, strings.Join(l.AMR, ","), l.AuthTime)
}

// tokens exchanges the code that a page of the application was called with.
func (t *trip) tokens(p *page) tokens {
	t.w.t.Helper()
	got := p.callback()
	if got.Get("error") != "" || got.Get("code") == "" || got.Get("state") != t.state || got.Get("iss") != t.w.issuer {
		t.w.t.Fatalf("callback with %v at %q; want a code, our state and iss", got, p.title)
	}
	exchanged, err := t.config.Exchange(t.w.t.Context(), got.Get("code"), oauth2.VerifierOption(t.verifier))
	if err != nil {
		t.w.t.Fatalf("exchanging the code: %v", err)
	}
	result := t.w.verify(exchanged)
	if result.id.Nonce != t.nonce {
		t.w.t.Errorf("nonce %q, want %q", result.id.Nonce, t.nonce)
	}
	return result
}

// verify lets two verifiers read the tokens, of which this package wrote neither.
func (w *world) verify(t *oauth2.Token) tokens {
	w.t.Helper()
	result := tokens{Token: t}
	result.idText, _ = t.Extra("id_token").(string)
	var err error
	result.id, err = w.discover.VerifierContext(w.t.Context(), &oidc.Config{ClientID: clientID, Now: w.clock.Now}).Verify(w.t.Context(), result.idText)
	if err != nil {
		w.t.Fatalf("verifying the ID token: %v", err)
	}
	if err := result.id.VerifyAccessToken(t.AccessToken); err != nil {
		w.t.Errorf("at_hash: %v", err)
	}
	if result.access, err = w.verifier().Verify(w.t.Context(), w.clock.Now(), access.NewCredential(t.AccessToken)); err != nil {
		w.t.Fatalf("the sidecar's verifier on the access token: %v", err)
	}
	if _, err = w.verifier().Verify(w.t.Context(), w.clock.Now(), access.NewCredential(result.idText)); err != nil {
		w.t.Errorf("the sidecar's verifier on the ID token: %v", err)
	}
	result.login = loginOf(w.t, result.access.All.Object())
	var id login
	if err := result.id.Claims(&id); err != nil || id.String() != result.login.String() {
		w.t.Errorf("ID token tells %v (%v), access token %v", id, err, result.login)
	}
	return result
}

func loginOf(t *testing.T, claims any) login {
	t.Helper()
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	var l login
	if err := json.Unmarshal(text, &l); err != nil {
		t.Fatal(err)
	}
	return l
}

// verifier is the sidecar's, as it would be configured for this provider.
func (w *world) verifier() *token.Verifier {
	w.t.Helper()
	keys, err := jwks.New(jwks.Config{Issuer: w.issuer})
	if err != nil {
		w.t.Fatal(err)
	}
	v, err := token.NewVerifier([]token.Issuer{{
		URL: w.issuer, Audiences: []string{audience}, Clients: []string{clientID}, Vocabulary: "stepup-demo", Keys: keys,
	}}, 30*time.Second, 16<<10)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// A browser keeps cookies and follows redirects.
type browser struct {
	w      *world
	client *http.Client
}

func (w *world) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &browser{w: w, client: &http.Client{Jar: jar}}
}

// A page is what a browser shows.
type page struct {
	b      *browser
	url    *url.URL
	status int
	header http.Header
	title  string
	alert  string
	text   string
	forms  []form

	picture string
}

type form struct {
	action string
	fields url.Values
	data   map[string]string
	dos    []string
}

func (b *browser) open(address string) *page {
	b.w.t.Helper()
	response, err := b.client.Get(address)
	return b.read(response, err)
}

func (b *browser) read(response *http.Response, err error) *page {
	b.w.t.Helper()
	if err != nil {
		b.w.t.Fatal(err)
	}
	defer response.Body.Close()
	p := &page{b: b, url: response.Request.URL, status: response.StatusCode, header: response.Header}
	root, err := html.Parse(response.Body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	p.walk(root, nil)
	return p
}

func (p *page) walk(n *html.Node, f *form) {
	attributes := map[string]string{}
	for _, a := range n.Attr {
		attributes[a.Key] = a.Val
	}
	switch {
	case n.Type == html.TextNode:
		p.text += n.Data
	case n.Data == "h1":
		p.title = textOf(n)
	case n.Data == "img":
		p.picture = attributes["src"]
	case attributes["role"] == "alert":
		p.alert += textOf(n)
	case n.Data == "form":
		p.forms = append(p.forms, form{action: attributes["action"], fields: url.Values{}, data: attributes})
		f = &p.forms[len(p.forms)-1]
	case n.Data == "input" && f != nil && attributes["type"] != "checkbox":
		f.fields.Set(attributes["name"], attributes["value"])
	case n.Data == "button" && f != nil:
		f.dos = append(f.dos, attributes["value"])
	}
	for c := range n.ChildNodes() {
		p.walk(c, f)
	}
}

func textOf(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var text string
	for c := range n.ChildNodes() {
		text += textOf(c)
	}
	return strings.TrimSpace(text)
}

// form finds the form with a button, or with a field of a value.
func (p *page) form(do string, fields ...string) form {
	p.b.w.t.Helper()
	for _, f := range p.forms {
		has := slices.Contains(f.dos, do) || f.fields.Get("do") == do && do != ""
		for i := 0; i < len(fields); i += 2 {
			has = has && f.fields.Get(fields[i]) == fields[i+1]
		}
		if has {
			return f
		}
	}
	p.b.w.t.Fatalf("no form that does %q %v on the page %q: %v", do, fields, p.title, p.forms)
	return form{}
}

// submit sends a form with fields filled in, in pairs.
func (p *page) submit(f form, do string, fields ...string) *page {
	p.b.w.t.Helper()
	values := url.Values{}
	for name := range f.fields {
		values.Set(name, f.fields.Get(name))
	}
	for i := 0; i < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	values.Set("do", do)
	response, err := p.b.client.PostForm(p.url.ResolveReference(&url.URL{Path: f.action}).String(), values)
	return p.b.read(response, err)
}

// answer fills in what a factor's page asks for.
func (p *page) answer(fields ...string) *page {
	p.b.w.t.Helper()
	return p.submit(p.form("prove"), "prove", fields...)
}

// use chooses another factor.
func (p *page) use(method string) *page {
	p.b.w.t.Helper()
	return p.submit(p.form("way", "way", method), "way")
}

// callback returns what the application was called with; the library tells errors in the
// fragment to those who ask for that.
func (p *page) callback() url.Values {
	p.b.w.t.Helper()
	if p.url.Path != "/callback" {
		p.b.w.t.Fatalf("at %s (%q, %q), not at the application", p.url, p.title, p.alert)
	}
	if p.url.RawQuery == "" {
		fragment, _ := url.ParseQuery(p.url.EscapedFragment())
		return fragment
	}
	return p.url.Query()
}

// want fails unless the page has this title.
func (p *page) want(title string) *page {
	p.b.w.t.Helper()
	if p.title != title {
		p.b.w.t.Fatalf("page %q (%s, status %d, alert %q), want %q", p.title, p.url, p.status, p.alert, title)
	}
	return p
}

func password(name string) string {
	users := idp.DemoUsers()
	return users[slices.IndexFunc(users, func(u idp.User) bool { return u.Name == name })].Password
}

// signIn signs a person in with the password, and returns the session's tokens.
func (b *browser) signIn(name string) tokens {
	b.w.t.Helper()
	t := b.w.trip()
	return t.tokens(b.open(t.url).want("Sign in").answer("name", name, "password", password(name)))
}

// code is alice's present code, computed by a program that shares nothing with the
// provider where there is one.
func (w *world) code() string {
	w.t.Helper()
	return codeOf(w.t, idp.DemoUsers()[0].TOTPSecret, w.clock.Now())
}

func codeOf(t *testing.T, secret string, now time.Time) string {
	t.Helper()
	out, err := exec.Command("oathtool", "--totp", "--base32", "--now", now.UTC().Format("2006-01-02 15:04:05 UTC"), strings.ReplaceAll(secret, " ", "")).Output()
	switch {
	case err == nil:
		return strings.TrimSpace(string(out))
	case errors.Is(err, exec.ErrNotFound) && os.Getenv("CI") != "true":
		t.Skip("oathtool is not installed (on Debian: apt-get install oathtool)")
	default:
		t.Fatalf("oathtool: %v (on Debian: apt-get install oathtool)", err)
	}
	return ""
}

// stepUp raises alice's session to mfa.
func (b *browser) stepUp() tokens {
	b.w.t.Helper()
	t := b.w.trip("scope", "step_up", "acr_values", "mfa")
	return t.tokens(b.open(t.url).want("Enter your code").answer("code", b.w.code()))
}

// decodePart reads the header of a token.
func decodePart(t *testing.T, text string, into any) {
	t.Helper()
	header, _, _ := strings.Cut(text, ".")
	decoded, err := base64.RawURLEncoding.DecodeString(header)
	if err == nil {
		err = json.Unmarshal(decoded, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}
