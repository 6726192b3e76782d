package idp_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	oidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"stepup/sidecar/access"
	"stepup/sidecar/demo/idp"
)

func TestDiscovery(t *testing.T) {
	w := newWorld(t)
	var got struct {
		ACR        []string `json:"acr_values_supported"`
		PKCE       []string `json:"code_challenge_methods_supported"`
		Types      []string `json:"response_types_supported"`
		EndSession string   `json:"end_session_endpoint"`
		Introspect string   `json:"introspection_endpoint"`
		Iss        bool     `json:"authorization_response_iss_parameter_supported"`
	}
	if err := w.discover.Claims(&got); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("{[normal mfa phr] [S256] [code] %s/end_session %s/oauth/introspect true}", w.issuer, w.issuer)
	if fmt.Sprint(got) != want {
		t.Errorf("discovery %v, want %s", got, want)
	}
}

// TestRequestsThatAreRefused is what an authorization request may not be, and where the
// refusal is told: to nobody but the person as long as the client is not certain.
func TestRequestsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	for _, row := range []struct {
		name   string
		change func(url.Values)
		want   string // error at the client, or "page"
	}{
		{"without PKCE", func(q url.Values) { q.Del("code_challenge") }, "invalid_request"},
		{"with plain PKCE", func(q url.Values) { q.Set("code_challenge_method", "plain") }, "invalid_request"},
		{"without openid", func(q url.Values) { q.Set("scope", "read:customers") }, "invalid_scope"},
		{"without scope", func(q url.Values) { q.Del("scope") }, "invalid_request"},
		{"implicit", func(q url.Values) { q.Set("response_type", "id_token") }, "page"},
		{"too much", func(q url.Values) { q.Set("login_hint", strings.Repeat("x", 9000)) }, "invalid_request"},
		{"as a fragment", func(q url.Values) { q.Set("response_mode", "fragment") }, "invalid_request"},
		{"claims that are no JSON", func(q url.Values) { q.Set("claims", "acr") }, "invalid_request"},
		{"claims that are a list", func(q url.Values) { q.Set("claims", "[]") }, "invalid_request"},
		{"acr_values twice", func(q url.Values) { q["acr_values"] = []string{"normal", "mfa"} }, "invalid_request"},
		{"a request object", func(q url.Values) { q.Set("request", "e30.e30.") }, "request_not_supported"},
		{"a request object elsewhere", func(q url.Values) { q.Set("request_uri", "https://app.example/r") }, "request_not_supported"},
		{"none and login", func(q url.Values) { q.Set("prompt", "none login") }, "invalid_request"},
		{"an unknown connection", func(q url.Values) { q.Set("connection", "carrier-pigeon") }, "invalid_request"},
		{"another redirect URI", func(q url.Values) { q.Set("redirect_uri", "https://evil.example/callback") }, "page"},
		{"a redirect URI that begins alike", func(q url.Values) { q.Set("redirect_uri", q.Get("redirect_uri")+"/../x") }, "page"},
		{"no redirect URI", func(q url.Values) { q.Del("redirect_uri") }, "page"},
		{"an unknown client", func(q url.Values) { q.Set("client_id", "nobody") }, "page"},
		{"no client", func(q url.Values) { q.Del("client_id") }, "page"},
		{"a max_age that is no number", func(q url.Values) { q.Set("max_age", "soon") }, "page"},
	} {
		trip := w.trip()
		u, _ := url.Parse(trip.url)
		query := u.Query()
		row.change(query)
		u.RawQuery = query.Encode()
		page := w.browser().open(u.String())
		got := "page"
		if page.url.Path == "/callback" {
			got = page.callback().Get("error")
		} else if page.status < 400 {
			t.Errorf("%s: status %d at %s", row.name, page.status, page.url)
		}
		if got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

func TestCodesThatAreRefused(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("alice")
	for _, row := range []struct {
		name string
		do   func(trip *trip, code string) error
		want string
	}{
		{"with another verifier", func(trip *trip, code string) error {
			_, err := trip.config.Exchange(t.Context(), code, oauth2.VerifierOption(oauth2.GenerateVerifier()))
			return err
		}, "invalid_grant"},
		{"without a verifier", func(trip *trip, code string) error {
			_, err := trip.config.Exchange(t.Context(), code)
			return err
		}, "invalid_request"},
		{"with another secret", func(trip *trip, code string) error {
			trip.config.ClientSecret = "guess"
			_, err := trip.config.Exchange(t.Context(), code, oauth2.VerifierOption(trip.verifier))
			return err
		}, "invalid_client"},
		{"by another client", func(trip *trip, code string) error {
			trip.config.ClientID, trip.config.ClientSecret = "spa", ""
			_, err := trip.config.Exchange(t.Context(), code, oauth2.VerifierOption(trip.verifier))
			return err
		}, "invalid_grant"},
		{"for another address", func(trip *trip, code string) error {
			trip.config.RedirectURL = "https://evil.example/callback"
			_, err := trip.config.Exchange(t.Context(), code, oauth2.VerifierOption(trip.verifier))
			return err
		}, "invalid_grant"},
		{"too late", func(trip *trip, code string) error {
			w.clock.advance(time.Minute)
			_, err := trip.config.Exchange(t.Context(), code, oauth2.VerifierOption(trip.verifier))
			return err
		}, "invalid_grant"},
	} {
		trip := w.trip()
		trip.config.Endpoint.AuthStyle = oauth2.AuthStyleInParams
		err := row.do(trip, b.open(trip.url).callback().Get("code"))
		if got := codeOfError(err); got != row.want {
			t.Errorf("%s: %v, want %s", row.name, err, row.want)
		}
	}
}

func codeOfError(err error) string {
	if retrieve, ok := err.(*oauth2.RetrieveError); ok {
		return retrieve.ErrorCode
	}
	return fmt.Sprint(err)
}

func TestAPublicClientHasPKCEAlone(t *testing.T) {
	w := newWorld(t)
	trip := w.trip()
	trip.config.ClientID, trip.config.ClientSecret = "spa", ""
	trip.config.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	address := trip.config.AuthCodeURL(trip.state, oauth2.S256ChallengeOption(trip.verifier))
	page := w.browser().open(address).answer("name", "bob", "password", password("bob"))
	if _, err := trip.config.Exchange(t.Context(), page.callback().Get("code"), oauth2.VerifierOption(trip.verifier)); err != nil {
		t.Errorf("exchanging a public client's code: %v", err)
	}
}

func TestAClientWithoutPKCE(t *testing.T) {
	w := newWorld(t, func(c *idp.Config) { c.Clients[0].WithoutPKCE = true })
	b := w.browser()
	b.signIn("bob")
	config := w.oauth()
	got := b.open(config.AuthCodeURL("state", oidc.Nonce("nonce"))).callback()
	if _, err := config.Exchange(t.Context(), got.Get("code")); err != nil {
		t.Errorf("with secret and nonce: %v", err)
	}
	got = b.open(config.AuthCodeURL("state", oidc.Nonce("nonce"))).callback()
	if _, err := config.Exchange(t.Context(), got.Get("code"), oauth2.VerifierOption(oauth2.GenerateVerifier())); codeOfError(err) != "invalid_request" {
		t.Errorf("with a verifier for no challenge: %v, want invalid_request", err)
	}
	if got := b.open(config.AuthCodeURL("state")).callback().Get("error"); got != "invalid_request" {
		t.Errorf("without a nonce: %q, want invalid_request", got)
	}
}

// refreshing gets new tokens for a refresh token.
func (w *world) refreshing(text string) (*oauth2.Token, error) {
	return w.oauth().TokenSource(w.t.Context(), &oauth2.Token{RefreshToken: text}).Token()
}

func (b *browser) signInOffline(parameters ...string) tokens {
	b.w.t.Helper()
	t := b.w.trip(append(parameters, "scope", "offline_access read:customers step_up")...)
	page := b.open(t.url).answer("name", "alice", "password", password("alice"))
	return t.tokens(page.want("Enter your code").answer("code", b.w.code()))
}

func TestARefreshMovesNothing(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	first := b.signInOffline("max_age", "60")
	w.clock.advance(2 * time.Hour)
	// What happens in the session meanwhile is no part of this login.
	w.provider.Misbehave(idp.Misbehave{})
	trip := w.trip("prompt", "login")
	trip.tokens(b.open(trip.url).answer("password", password("alice")))

	raw, err := w.refreshing(first.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	second := w.verify(raw)
	if second.login.String() != first.login.String() || second.access.Session != first.access.Session || !slices.Equal(second.access.Scopes, first.access.Scopes) {
		t.Errorf("after the refresh %v %v, want %v %v", second.login, second.access.Scopes, first.login, first.access.Scopes)
	}
	if second.access.ID == first.access.ID || second.id.Nonce != "" || second.access.IssuedAt != w.clock.Now().Unix() {
		t.Errorf("jti %q, nonce %q, iat %d: want a token of its own, now", second.access.ID, second.id.Nonce, second.access.IssuedAt)
	}
}

func TestARefreshTokenWorksOnceAndItsTheftEndsTheGrant(t *testing.T) {
	w := newWorld(t)
	first := w.browser().signInOffline()
	second, err := w.refreshing(first.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.refreshing(first.RefreshToken); codeOfError(err) != "invalid_grant" {
		t.Errorf("a used refresh token: %v, want invalid_grant", err)
	}
	if _, err := w.refreshing(second.RefreshToken); codeOfError(err) != "invalid_grant" {
		t.Errorf("the next one after the theft: %v, want invalid_grant", err)
	}
}

func TestRefreshingEnds(t *testing.T) {
	w := newWorld(t, func(c *idp.Config) { c.RefreshTokenLifetime = time.Hour })
	first := w.browser().signInOffline()
	w.clock.advance(59 * time.Minute)
	second, err := w.refreshing(first.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	w.clock.advance(time.Minute)
	if _, err := w.refreshing(second.RefreshToken); codeOfError(err) != "invalid_grant" {
		t.Errorf("an hour after the login: %v, want invalid_grant, however often it was renewed", err)
	}
}

func TestARuleThatRaisesARefreshIsAFault(t *testing.T) {
	w := newWorld(t)
	for name, instead := range map[string]func(q idp.Question) (idp.Answer, error){
		"raised":  func(q idp.Question) (idp.Answer, error) { return refreshedAs(q, "phr", 0), nil },
		"younger": func(q idp.Question) (idp.Answer, error) { return refreshedAs(q, "", 1), nil },
		"factors": func(q idp.Question) (idp.Answer, error) { return idp.Answer{Factors: []string{"otp"}}, nil },
		"down":    func(q idp.Question) (idp.Answer, error) { return idp.Answer{}, fmt.Errorf("down") },
	} {
		w.rule.set(nil)
		w.clock.advance(time.Minute)
		first := w.browser().signInOffline()
		w.clock.advance(time.Minute)
		w.rule.set(instead)
		if _, err := w.refreshing(first.RefreshToken); codeOfError(err) != "server_error" {
			t.Errorf("%s: %v, want server_error", name, err)
		}
		w.rule.set(nil)
		if _, err := w.refreshing(first.RefreshToken); err != nil {
			t.Errorf("%s: %v after the fault, want new tokens", name, err)
		}
	}
}

func TestTheRuleMayWantANewLoginInsteadOfARefresh(t *testing.T) {
	w := newWorld(t)
	first := w.browser().signInOffline()
	w.rule.set(func(idp.Question) (idp.Answer, error) { return idp.Answer{Error: "login_required"}, nil })
	if _, err := w.refreshing(first.RefreshToken); codeOfError(err) != "invalid_grant" {
		t.Errorf("%v, want invalid_grant", err)
	}
}

func refreshedAs(q idp.Question, level string, later int64) idp.Answer {
	c := idp.Claims{
		AuthenticationLevel: q.Session.Claims["authentication_level"].(string), ACR: q.Session.Claims["acr"].(string),
		AMR: q.Session.Claims["amr"].([]string), AuthTime: q.Session.Claims["auth_time"].(int64) + later,
	}
	if level != "" {
		c.AuthenticationLevel, c.ACR = level, level
	}
	return idp.Answer{Claims: &c}
}

// post asks an endpoint as the intranet does.
func (w *world) post(path string, form url.Values, secret string) (int, map[string]any) {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(clientID, url.QueryEscape(secret))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		w.t.Fatalf("%s answers no JSON: %v", path, err)
	}
	return response.StatusCode, answer
}

func TestIntrospection(t *testing.T) {
	w := newWorld(t)
	got := w.browser().signInOffline()
	ask := func(text string) map[string]any {
		t.Helper()
		status, answer := w.post("/oauth/introspect", url.Values{"token": {text}}, secret)
		if status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
		return answer
	}
	answer := ask(got.AccessToken)
	if answer["active"] != true || answer["client_id"] != clientID || answer["sub"] != "fabrikam|alice" || loginOf(t, answer).String() != got.login.String() {
		t.Errorf("introspection tells %v, want what the token tells", answer)
	}
	for name, text := range map[string]string{
		"an ID token": got.idText, "a refresh token": got.RefreshToken, "rubbish": "rubbish",
		"a token with another signature": got.AccessToken[:len(got.AccessToken)-8] + "AAAAAAAA",
	} {
		if answer := ask(text); len(answer) != 1 || answer["active"] != false {
			t.Errorf("%s: %v, want nothing but inactive", name, answer)
		}
	}
	if status, _ := w.post("/oauth/introspect", url.Values{"token": {got.AccessToken}}, "guess"); status != http.StatusUnauthorized {
		t.Errorf("a wrong secret has status %d, want 401", status)
	}
	if status, _ := w.post("/revoke", url.Values{"token": {got.AccessToken}}, secret); status != http.StatusOK {
		t.Errorf("revoking has status %d", status)
	}
	if answer := ask(got.AccessToken); answer["active"] != false {
		t.Errorf("a revoked token: %v, want inactive", answer)
	}
	w.post("/revoke", url.Values{"token": {got.RefreshToken}}, secret)
	if _, err := w.refreshing(got.RefreshToken); codeOfError(err) != "invalid_grant" {
		t.Errorf("a revoked refresh token: %v, want invalid_grant", err)
	}
}

func TestAnAccessTokenEnds(t *testing.T) {
	w := newWorld(t)
	got := w.browser().signIn("alice")
	w.clock.advance(15 * time.Minute)
	if _, answer := w.post("/oauth/introspect", url.Values{"token": {got.AccessToken}}, secret); answer["active"] != false {
		t.Errorf("after 15 minutes: %v, want inactive", answer)
	}
}

func TestUserinfo(t *testing.T) {
	w := newWorld(t)
	trip := w.trip("scope", "profile email")
	got := trip.tokens(w.browser().open(trip.url).answer("name", "alice", "password", password("alice")))
	info, err := w.discover.UserInfo(t.Context(), oauth2.StaticTokenSource(got.Token))
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Name     string
		Username string `json:"preferred_username"`
	}
	if err := info.Claims(&claims); err != nil || info.Subject != "fabrikam|alice" || info.Email != "alice@fabrikam.example" || claims.Name != "Alice Adams" || claims.Username != "alice" {
		t.Errorf("userinfo %+v %+v (%v)", info, claims, err)
	}
	if _, err := w.discover.UserInfo(t.Context(), oauth2.StaticTokenSource(&oauth2.Token{AccessToken: got.idText, TokenType: "Bearer"})); err == nil {
		t.Error("userinfo for an ID token, want a refusal")
	}
}

func TestSigningOut(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	got := b.signInOffline()
	query := url.Values{"id_token_hint": {got.idText}, "post_logout_redirect_uri": {w.app.URL + "/bye"}, "state": {"s"}}
	page := b.open(w.issuer + "/end_session?" + query.Encode())
	if page.url.String() != w.app.URL+"/bye?state=s" {
		t.Errorf("signed out at %s, want %s/bye?state=s", page.url, w.app.URL)
	}
	if got := b.open(w.trip("prompt", "none").url).callback().Get("error"); got != "login_required" {
		t.Errorf("after signing out: %q, want login_required", got)
	}
	if _, err := w.refreshing(got.RefreshToken); codeOfError(err) != "invalid_grant" {
		t.Errorf("the refresh token after signing out: %v, want invalid_grant", err)
	}
}

func TestNobodySignsAPersonOutWithoutAsking(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("alice")
	hint := w.browser().signIn("bob").idText
	for name, query := range map[string]url.Values{
		"without a hint":         {},
		"with another's hint":    {"id_token_hint": {hint}},
		"with a client's name":   {"client_id": {clientID}, "post_logout_redirect_uri": {w.app.URL + "/bye"}},
		"with a hint of nothing": {"id_token_hint": {"rubbish"}},
	} {
		page := b.open(w.issuer + "/end_session?" + query.Encode()).want("Sign out?")
		if forged := page.submit(form{action: "/end_session", fields: url.Values{}}, "confirm"); forged.title != "Sign out?" {
			t.Errorf("%s: a form from elsewhere leads to %q, want the question", name, forged.title)
		}
	}
	b.signInSilently()
	page := b.open(w.issuer + "/end_session?post_logout_redirect_uri=https://evil.example/").want("Sign out?")
	page.submit(page.form("confirm"), "confirm").want("Signed out")
	if got := b.open(w.trip("prompt", "none").url).callback().Get("error"); got != "login_required" {
		t.Errorf("after signing out: %q, want login_required", got)
	}
}

func TestKeysRotate(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	first := b.signIn("alice")
	announced := w.keyIDs()
	if err := w.provider.RotateKeys(); err != nil {
		t.Fatal(err)
	}
	w.verify(first.Token) // the old key stays
	if second := b.signInSilently(); !slices.Contains(announced, keyID(t, second.AccessToken)) || keyID(t, second.AccessToken) == keyID(t, first.AccessToken) {
		t.Errorf("signs with %q, want the announced one of %v", keyID(t, second.AccessToken), announced)
	}
	w.clock.advance(24 * time.Hour)
	b.signIn("alice")
	w.clock.advance(24 * time.Hour)
	b.signIn("alice")
	if kept := w.keyIDs(); len(kept) != 3 || slices.Contains(kept, keyID(t, first.AccessToken)) {
		t.Errorf("keys %v after two days, want three without the first", kept)
	}
	before := w.keyIDs()
	if err := w.provider.ReplaceKeys(); err != nil {
		t.Fatal(err)
	}
	for _, id := range w.keyIDs() {
		if slices.Contains(before, id) {
			t.Errorf("key %q is still there after all were replaced", id)
		}
	}
	if _, err := w.verifier().Verify(t.Context(), w.clock.Now(), access.NewCredential(first.AccessToken)); err == nil {
		t.Error("a token of a forgotten key still verifies")
	}
}

func (w *world) keyIDs() []string {
	w.t.Helper()
	response, err := http.Get(w.issuer + "/keys")
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	var set struct {
		Keys []map[string]string
	}
	if err := json.NewDecoder(response.Body).Decode(&set); err != nil {
		w.t.Fatal(err)
	}
	var ids []string
	for _, k := range set.Keys {
		if k["d"] != "" || k["p"] != "" || k["kty"] != "RSA" {
			w.t.Errorf("key %v is not a public RSA key", k)
		}
		ids = append(ids, k["kid"])
	}
	return ids
}

func keyID(t *testing.T, text string) string {
	t.Helper()
	var header struct{ Kid, Typ string }
	decodePart(t, text, &header)
	if header.Typ != "at+jwt" {
		t.Errorf("typ %q, want at+jwt", header.Typ)
	}
	return header.Kid
}

// TestMisbehaviour has a row for each knob: the same step-up within an hour, of a session
// that is two hours old.
func TestMisbehaviour(t *testing.T) {
	w := newWorld(t)
	for _, row := range []struct {
		name string
		m    idp.Misbehave
		want func(login, then, now int64) string
	}{
		{"behaving", idp.Misbehave{}, func(_, _, now int64) string { return fmt.Sprintf("mfa mfa pwd,otp,mfa %d", now) }},
		{"ignoring acr_values", idp.Misbehave{IgnoreACRValues: true}, func(_, _, now int64) string { return fmt.Sprintf("normal normal pwd %d", now) }},
		{"ignoring both", idp.Misbehave{IgnoreACRValues: true, IgnoreMaxAge: true}, func(_, then, _ int64) string { return fmt.Sprintf("normal normal pwd %d", then) }},
		{"an old login time", idp.Misbehave{OldAuthTime: 3 * time.Hour}, func(_, _, now int64) string { return fmt.Sprintf("mfa mfa pwd,otp,mfa %d", now-3*3600) }},
		{"no amr", idp.Misbehave{DropAMR: true}, func(_, _, now int64) string { return fmt.Sprintf("mfa mfa  %d", now) }},
		{"no login time", idp.Misbehave{NoAuthTime: true}, func(_, _, now int64) string { return "mfa mfa pwd,otp,mfa 0" }},
	} {
		w.provider.Misbehave(idp.Misbehave{})
		b := w.browser()
		b.signIn("alice")
		then := w.clock.Now().Unix()
		w.clock.advance(2 * time.Hour)
		w.provider.Misbehave(row.m)
		trip := w.trip("scope", "step_up", "acr_values", "mfa", "max_age", "3600", "claims", `{"id_token":{"acr":{"essential":true,"value":"mfa"}}}`)
		page := b.open(trip.url)
		for page.url.Path != "/callback" {
			page = page.answer("password", password("alice"), "code", w.code())
		}
		if got, want := trip.tokens(page).login.String(), row.want(then, then, w.clock.Now().Unix()); got != want {
			t.Errorf("%s: %q, want %q", row.name, got, want)
		}
	}

	w.provider.Misbehave(idp.Misbehave{IgnoreMaxAge: true})
	b := w.browser()
	first := b.signIn("alice")
	w.clock.advance(time.Hour)
	trip := w.trip("max_age", "60")
	if got := trip.tokens(b.open(trip.url)).login; got.AuthTime != first.login.AuthTime {
		t.Errorf("ignoring max_age: auth_time %d, want the old %d", got.AuthTime, first.login.AuthTime)
	}

	w.provider.Misbehave(idp.Misbehave{Down: true})
	if _, err := oidc.NewProvider(t.Context(), w.issuer); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("down: %v, want 503", err)
	}
}

func TestTheClockMayBeOff(t *testing.T) {
	w := newWorld(t)
	w.provider.SetClock(-time.Hour)
	b := w.browser()
	trip := w.trip()
	page := b.open(trip.url).answer("name", "alice", "password", password("alice"))
	raw, err := trip.config.Exchange(t.Context(), page.callback().Get("code"), oauth2.VerifierOption(trip.verifier))
	if err != nil {
		t.Fatal(err)
	}
	if _, answer := w.post("/oauth/introspect", url.Values{"token": {raw.AccessToken}}, secret); answer["auth_time"] != float64(w.clock.Now().Add(-time.Hour).Unix()) {
		t.Errorf("auth_time %v, want an hour ago", answer["auth_time"])
	}
	w.provider.SetClock(time.Hour)
	if got := b.open(w.trip("max_age", "3600", "prompt", "none").url).callback().Get("error"); got != "login_required" {
		t.Errorf("two hours later by its clock: %q, want login_required", got)
	}
}
