package idp

import (
	"bytes"
	"embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"stepup/sidecar/demo/totp"
)

//go:embed pages
var pages embed.FS

// templates are parsed once, when the first page is shown; executing them changes nothing.
var templates = sync.OnceValue(func() *template.Template { return template.Must(template.ParseFS(pages, "pages/*.html")) })

// A view is what a page tells.
type view struct {
	Page    string
	Title   string
	Client  string // the application that is waiting
	Request string
	CSRF    string
	Message string
	Status  int // 0: 200

	Person  string // who is signing in, by full name
	Name    string // filled into the form
	Ways    []way  // other factors
	Method  string
	Options string       // for the script
	QR      template.URL // a picture as data:, made here
	Secret  string
	Factors []factorView
	Hidden  url.Values // carried along
	Leave   bool       // there is a person who can be left for another
}

type way struct{ Method, Label string }

type factorView struct {
	Method, Label string
	Ready, CanAdd bool
}

// labels are the factors in people's words.
var labels = map[string]string{
	methodPassword: "Password", methodTOTP: "Authenticator app", methodPasskey: "Passkey",
	methodDuo: "Duo", methodCustom: "Company badge",
}

// instead are the factors as something to use.
var instead = map[string]string{
	methodPassword: "your password", methodTOTP: "an authenticator app", methodPasskey: "a passkey",
	methodDuo: "Duo", methodCustom: "your company badge",
}

// showPrompt shows the page on which a factor is proved or set up.
func (p *Provider) showPrompt(w http.ResponseWriter, r *http.Request, it *interaction, shown prompt) {
	v := view{
		Page: shown.page, Title: titles[shown.page], Client: it.request.client.name(), Request: it.id, Message: it.message,
		Method: it.pending.method, Options: shown.options, Leave: it.account != nil || it.way != "",
	}
	if it.account == nil {
		v.Name = firstOf(it.name, it.request.loginHint, p.rememberedName(r))
	} else {
		v.Person, v.Name = it.account.user.fullName(), it.account.user.Name
	}
	if !it.enrols {
		v.Ways = p.otherWays(it, it.pending.method)
	}
	if key, ok := it.pending.memory.(totp.Key); ok {
		v.QR, v.Secret = qrOf(key), inGroups(key.Secret())
	}
	if strings.HasPrefix(it.message, "Too many") {
		v.Status = http.StatusTooManyRequests
	}
	it.message = ""
	p.show(w, r, v, it.request.redirectURI)
}

var titles = map[string]string{
	"password": "Sign in", "otp": "Enter your code", "passkey": "Use your passkey",
	"enrol-otp": "Set up an authenticator app", "enrol-passkey": "Create a passkey",
}

// otherWays offers what the person could prove instead.
func (p *Provider) otherWays(it *interaction, present string) []way {
	methods := p.beginners()
	if it.account != nil {
		methods = p.methodsOf(it.account)
	}
	var ways []way
	for _, m := range methods {
		done := slices.ContainsFunc(it.completed(), func(p Proof) bool { return p.Factor == m })
		first := m == methodPassword && it.account != nil // comes by itself when it is needed
		if m != present && !done && !first {
			ways = append(ways, way{m, instead[m]})
		}
	}
	return ways
}

// qrOf draws the picture for the app. What is in it was made here and is a PNG.
func qrOf(key totp.Key) template.URL {
	picture, err := key.PNG(220)
	if err != nil {
		return "" // the secret is there to be typed
	}
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(picture))
}

// inGroups makes a secret readable.
func inGroups(secret string) string {
	var groups []string
	for c := range slices.Chunk([]byte(secret), 4) {
		groups = append(groups, string(c))
	}
	return strings.Join(groups, " ")
}

func (p *Provider) showGone(w http.ResponseWriter, r *http.Request) {
	p.show(w, r, view{Page: "message", Title: "This page has expired", Status: http.StatusBadRequest,
		Message: "Please go back to the application and sign in from there. If this happens again, allow cookies for this site."}, "")
}

func (p *Provider) showRefused(w http.ResponseWriter, r *http.Request, reason string) {
	text := "You were not signed in."
	if reason == errorUnmet {
		text = "This needs a stronger sign-in than your account has set up."
	}
	p.show(w, r, view{Page: "message", Title: "Not signed in", Status: http.StatusForbidden, Message: text}, "")
}

func (p *Provider) showUnavailable(w http.ResponseWriter, r *http.Request, it *interaction, method string) {
	p.show(w, r, view{
		Page: "unavailable", Title: labels[method] + " cannot be reached", Status: http.StatusServiceUnavailable,
		Client: it.request.client.name(), Request: it.id, Ways: p.otherWays(it, method),
		Message: "Nothing is wrong with your account. Please try again in a moment.",
	}, it.request.redirectURI)
}

// show writes a page. leadsTo is where its forms may lead in the end.
func (p *Provider) show(w http.ResponseWriter, r *http.Request, v view, leadsTo string) {
	browser, cookie := p.browserOf(r.Header)
	if cookie != nil {
		http.SetCookie(w, cookie)
	}
	v.CSRF = p.csrf(browser)
	var page bytes.Buffer
	if err := templates().ExecuteTemplate(&page, v.Page+".html", v); err != nil {
		p.fault(r.Context(), "writing a page", err)
		http.Error(w, "The page could not be written.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", p.contentPolicy(v, leadsTo))
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
	w.WriteHeader(max(v.Status, http.StatusOK))
	w.Write(page.Bytes())
}

// contentPolicy allows what the page needs and nothing else. Browsers hold redirects that
// follow a form to form-action too, so it names where the login can lead.
func (p *Provider) contentPolicy(v view, leadsTo string) string {
	policy := []string{"default-src 'none'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"}
	if v.Options != "" {
		policy = append(policy, "script-src 'self'")
	}
	if v.QR != "" {
		policy = append(policy, "img-src data:")
	}
	targets := []string{"'self'", originOf(leadsTo)}
	if p.config.Duo != nil {
		targets = append(targets, originOf(p.config.Duo.API))
	}
	if p.config.Custom != nil {
		targets = append(targets, originOf(p.config.Custom.URL))
	}
	targets = slices.DeleteFunc(targets, func(t string) bool { return t == "" })
	return strings.Join(append(policy, "form-action "+strings.Join(targets, " ")), "; ")
}

func serveAsset(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=3600")
	http.ServeFileFS(w, r, pages, "pages"+r.URL.Path)
}
