package idp_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"stepup/sidecar/demo/idp"
)

const (
	duoID     = "DIXXXXXXXXXXXXXXXXXX"
	duoSecret = "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef"
)

// A duoStandIn speaks Duo's OIDC Auth API (Duo, Web SDK v4 and OIDC Auth API), as far as
// the provider uses it, and checks what it is sent as Duo does. It shares no code with
// the provider, not even for JWTs.
type duoStandIn struct {
	t      *testing.T
	server *httptest.Server
	now    func() time.Time

	mu     sync.Mutex
	sick   bool
	change func(claims map[string]any) // what it tells wrong
	key    string                      // what it signs with
	codes  map[string]map[string]any   // requests by code
}

func newDuo(t *testing.T, now func() time.Time) *duoStandIn {
	d := &duoStandIn{t: t, now: now, key: duoSecret, codes: map[string]map[string]any{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth/v1/health_check", d.health)
	mux.HandleFunc("GET /oauth/v1/authorize", d.authorize)
	mux.HandleFunc("POST /oauth/v1/token", d.token)
	d.server = httptest.NewServer(mux)
	t.Cleanup(d.server.Close)
	return d
}

func (d *duoStandIn) config() *idp.Duo {
	return &idp.Duo{API: d.server.URL, ClientID: duoID, ClientSecret: duoSecret}
}

func (d *duoStandIn) health(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.checkAssertion(r)
	if d.sick {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintf(w, `{"stat":"OK","response":{"timestamp":%d}}`, d.now().Unix())
}

func (d *duoStandIn) checkAssertion(r *http.Request) {
	claims := d.read(r.PostFormValue("client_assertion"))
	if claims["iss"] != duoID || claims["sub"] != duoID || claims["aud"] != d.server.URL+r.URL.Path || claims["jti"] == "" || r.PostFormValue("client_id") != duoID {
		d.t.Errorf("Duo gets the assertion %v at %s", claims, r.URL.Path)
	}
	d.checkExpiry(claims)
}

func (d *duoStandIn) checkExpiry(claims map[string]any) {
	expires, _ := claims["exp"].(float64)
	if left := int64(expires) - d.now().Unix(); left <= 0 || left > 300 {
		d.t.Errorf("Duo gets something signed for %d s, want 1 to 300", left)
	}
}

// authorize shows no prompt: whoever comes here approves.
func (d *duoStandIn) authorize(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	request := d.read(r.URL.Query().Get("request"))
	d.checkExpiry(request)
	if request["iss"] != duoID || request["client_id"] != duoID || request["aud"] != d.server.URL || request["scope"] != "openid" ||
		request["response_type"] != "code" || request["use_duo_code_attribute"] != true || len(request["state"].(string)) < 16 {
		d.t.Errorf("Duo gets the request %v", request)
	}
	code := fmt.Sprintf("code-%d", len(d.codes))
	d.codes[code] = request
	back := url.Values{"duo_code": {code}, "state": {request["state"].(string)}}
	http.Redirect(w, r, request["redirect_uri"].(string)+"?"+back.Encode(), http.StatusFound)
}

func (d *duoStandIn) token(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.checkAssertion(r)
	request := d.codes[r.PostFormValue("code")]
	delete(d.codes, r.PostFormValue("code"))
	if request == nil || r.PostFormValue("redirect_uri") != request["redirect_uri"] {
		http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
		return
	}
	now := d.now().Unix()
	claims := map[string]any{
		"iss": d.server.URL + "/oauth/v1/token", "aud": duoID, "sub": request["duo_uname"], "preferred_username": request["duo_uname"],
		"iat": now, "auth_time": now, "exp": now + 300, "nonce": request["nonce"],
		"auth_result": map[string]any{"result": "allow", "status": "allow", "status_msg": "Login Successful"},
	}
	if d.change != nil {
		d.change(claims)
	}
	json.NewEncoder(w).Encode(map[string]any{"id_token": signHS512(d.key, claims), "access_token": "unused", "expires_in": 300, "token_type": "Bearer"})
}

// read verifies and reads a JWT of the provider's.
func (d *duoStandIn) read(text string) map[string]any {
	parts := strings.Split(text, ".")
	if len(parts) != 3 || hs512(duoSecret, parts[0]+"."+parts[1]) != parts[2] {
		d.t.Errorf("Duo gets %q, which is not signed with the secret", text)
		return map[string]any{"state": ""}
	}
	payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		d.t.Error(err)
	}
	return claims
}

func signHS512(key string, claims map[string]any) string {
	payload, _ := json.Marshal(claims)
	signed := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS512","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(payload)
	return signed + "." + hs512(key, signed)
}

func hs512(key, text string) string {
	h := hmac.New(sha512.New, []byte(key))
	h.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

func withDuo(d **duoStandIn, t *testing.T) option {
	return func(c *idp.Config) {
		*d = newDuo(t, c.Now)
		c.Duo = (*d).config()
		c.Users = append(c.Users, idp.User{Name: "dora", Password: "dora's own", Factors: []string{"duo"}})
	}
}

func (b *browser) signInAs(name, password string) {
	b.w.t.Helper()
	trip := b.w.trip()
	trip.tokens(b.open(trip.url).answer("name", name, "password", password))
}

func TestDuo(t *testing.T) {
	var duo *duoStandIn
	w := newWorld(t, withDuo(&duo, t))
	trip := w.trip("scope", "step_up")
	page := w.browser().open(trip.url).answer("name", "dora", "password", "dora's own")
	if got := trip.tokens(page).login; got.Level != "mfa" || !slices.Equal(got.AMR, []string{"pwd", "mfa"}) {
		t.Errorf("login %v after Duo, want mfa", got)
	}
}

func TestDuoAnswersThatDoNotCount(t *testing.T) {
	var duo *duoStandIn
	w := newWorld(t, withDuo(&duo, t))
	for name, change := range map[string]func(c map[string]any){
		"a denial":         func(c map[string]any) { c["auth_result"] = map[string]any{"result": "deny"} },
		"no result":        func(c map[string]any) { delete(c, "auth_result") },
		"another nonce":    func(c map[string]any) { c["nonce"] = "another" },
		"another person":   func(c map[string]any) { c["preferred_username"] = "alice" },
		"another audience": func(c map[string]any) { c["aud"] = "another" },
		"another issuer":   func(c map[string]any) { c["iss"] = "https://evil.example" },
		"an old answer":    func(c map[string]any) { c["exp"] = w.clock.Now().Unix() - 61 },
		"one without end":  func(c map[string]any) { delete(c, "exp") },
		"another key":      func(c map[string]any) { duo.key = "another" },
	} {
		w.clock.advance(5 * time.Minute)
		b := w.browser()
		duo.mu.Lock()
		duo.change, duo.key = nil, duoSecret
		duo.mu.Unlock()
		b.signInAs("dora", "dora's own")
		duo.mu.Lock()
		duo.change = change
		duo.mu.Unlock()
		b.client.CheckRedirect = func(r *http.Request, via []*http.Request) error {
			if r.URL.Path == "/oauth/v1/authorize" && len(via) > 3 { // asked again: it did not count
				return http.ErrUseLastResponse
			}
			return nil
		}
		page := b.open(w.trip("scope", "step_up").url)
		if page.url.Path == "/callback" {
			t.Errorf("%s: at the application, want to be asked again", name)
		}
	}
}

func TestDuoIsDown(t *testing.T) {
	var duo *duoStandIn
	w := newWorld(t, withDuo(&duo, t))
	b := w.browser()
	b.signInAs("dora", "dora's own")
	duo.mu.Lock()
	duo.sick = true
	duo.mu.Unlock()
	trip := w.trip("scope", "step_up")
	page := b.open(trip.url).want("Duo cannot be reached")
	if page.status != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 503", page.status)
	}
	duo.mu.Lock()
	duo.sick = false
	duo.mu.Unlock()
	trip.tokens(b.open(page.url.String()))
}

func TestAnAnswerFromElsewhereIsForOneChallenge(t *testing.T) {
	var duo *duoStandIn
	w := newWorld(t, withDuo(&duo, t))
	b := w.browser()
	b.signInAs("dora", "dora's own")
	var returns []string
	b.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/login/return" {
			returns = append(returns, r.URL.String())
			return http.ErrUseLastResponse
		}
		return nil
	}
	b.open(w.trip("scope", "step_up").url)
	b.open(w.trip("scope", "step_up").url)
	first, _ := url.Parse(returns[0])
	second, _ := url.Parse(returns[1])
	mixed := second.Query()
	mixed.Set("duo_code", first.Query().Get("duo_code"))
	second.RawQuery = mixed.Encode()
	b.client.CheckRedirect = nil
	other := w.browser().open(returns[0])
	other.want("This page has expired")
	b.client.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if r.URL.Path == "/oauth/v1/authorize" {
			return http.ErrUseLastResponse
		}
		return nil
	}
	if page := b.open(second.String()); page.url.Path == "/callback" {
		t.Error("the code of one challenge answers another")
	}
}

// customKey is shared with the other page.
var customKey = []byte("0123456789abcdef0123456789abcdef")

func signQuery(query url.Values) url.Values {
	h := hmac.New(sha256.New, customKey)
	h.Write([]byte(query.Encode()))
	query.Set("signature", base64.RawURLEncoding.EncodeToString(h.Sum(nil)))
	return query
}

// newBadgeReader is a custom provider: it believes whom it is told, if it is told so with
// the key, and answers as the test wants.
func newBadgeReader(t *testing.T, answer func(there url.Values) url.Values) *httptest.Server {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		there := r.URL.Query()
		signature := there.Get("signature")
		there.Del("signature")
		if signQuery(there).Get("signature") != signature {
			t.Errorf("the custom provider gets %v, signed otherwise", there)
		}
		http.Redirect(w, r, there.Get("return_to")+"?"+answer(there).Encode(), http.StatusFound)
	}))
	t.Cleanup(server.Close)
	return server
}

func TestACustomProvider(t *testing.T) {
	var w *world
	allow := func(there url.Values) url.Values {
		return url.Values{"user": there["user"], "state": there["state"], "result": {"allow"}, "time": {strconv.FormatInt(w.clock.Now().Unix(), 10)}}
	}
	for _, row := range []struct {
		name   string
		answer func(there url.Values) url.Values
		want   bool
	}{
		{"allows", func(there url.Values) url.Values { return signQuery(allow(there)) }, true},
		{"denies", func(there url.Values) url.Values { a := allow(there); a.Set("result", "deny"); return signQuery(a) }, false},
		{"says nothing", func(there url.Values) url.Values { a := allow(there); a.Del("result"); return signQuery(a) }, false},
		{"is changed on the way", func(there url.Values) url.Values {
			a := allow(there)
			a.Set("result", "deny")
			a = signQuery(a)
			a.Set("result", "allow")
			return a
		}, false},
		{"answers unsigned", allow, false},
		{"answers for another person", func(there url.Values) url.Values {
			a := allow(there)
			a.Set("user", "fabrikam|alice")
			return signQuery(a)
		}, false},
		{"answers too late", func(there url.Values) url.Values {
			a := allow(there)
			a.Set("time", strconv.FormatInt(w.clock.Now().Unix()-61, 10))
			return signQuery(a)
		}, false},
	} {
		reader := newBadgeReader(t, row.answer)
		w = newWorld(t, func(c *idp.Config) {
			c.Custom = &idp.Custom{URL: reader.URL + "/badge", Key: customKey}
			c.Users = append(c.Users, idp.User{Name: "cleo", Password: "cleo's own", Factors: []string{"custom"}})
		})
		b := w.browser()
		b.signInAs("cleo", "cleo's own")
		b.client.CheckRedirect = func(r *http.Request, via []*http.Request) error {
			if r.URL.Path == "/badge" && len(via) > 3 { // asked again: it did not count
				return http.ErrUseLastResponse
			}
			return nil
		}
		trip := w.trip("scope", "step_up")
		page := b.open(trip.url)
		if got := page.url.Path == "/callback"; got != row.want {
			t.Errorf("a provider that %s: at the application %v, want %v", row.name, got, row.want)
		}
		if row.want {
			if got := trip.tokens(page).login.Level; got != "mfa" {
				t.Errorf("level %q, want mfa", got)
			}
		}
	}
}
