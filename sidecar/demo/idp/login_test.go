package idp_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stepup/sidecar/demo/idp"
)

func TestSignIn(t *testing.T) {
	w := newWorld(t)
	got := w.browser().signIn("alice")
	if want := fmt.Sprintf("normal normal pwd %d", w.clock.Now().Unix()); got.login.String() != want {
		t.Errorf("login %q, want %q", got.login, want)
	}
	claims := got.access
	if claims.Subject != "fabrikam|alice" || claims.ClientID != clientID || claims.ID == "" || claims.Session == "" || claims.Kind != "access_token" {
		t.Errorf("access token: %+v", claims)
	}
	if got.RefreshToken != "" {
		t.Error("a refresh token although offline_access was not asked for")
	}
}

func TestScopesAreGrantedExactlyAsAsked(t *testing.T) {
	w := newWorld(t)
	trip := w.trip("scope", "read:customers read:employees write:payroll  no:such no_step_up_x read:customers")
	got := trip.tokens(w.browser().open(trip.url).answer("name", "alice", "password", password("alice")))
	want := []string{"openid", "read:customers", "read:employees", "write:payroll"}
	if !slices.Equal(got.access.Scopes, want) || got.Extra("scope") != strings.Join(want, " ") {
		t.Errorf("scopes %q in the token and %q beside it, want %q", got.access.Scopes, got.Extra("scope"), want)
	}
}

func TestStepUpAsksOnlyForTheMissingFactorAndKeepsThePerson(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	first := b.signIn("alice")
	w.clock.advance(10 * time.Minute)
	second := b.stepUp()
	if want := fmt.Sprintf("mfa mfa pwd,otp,mfa %d", w.clock.Now().Unix()); second.login.String() != want {
		t.Errorf("login %q, want %q", second.login, want)
	}
	if second.access.Subject != first.access.Subject || second.access.Session != first.access.Session {
		t.Errorf("subject and sid %s %s, want those before, %s %s", second.access.Subject, second.access.Session, first.access.Subject, first.access.Session)
	}
	third := b.signInSilently()
	if third.login.String() != second.login.String() {
		t.Errorf("later login %q, want %q as it was proved", third.login, second.login)
	}
}

// signInSilently asks with prompt=none.
func (b *browser) signInSilently() tokens {
	b.w.t.Helper()
	t := b.w.trip("prompt", "none")
	return t.tokens(b.open(t.url))
}

func TestAuthTimeMovesOnlyWhenSomebodyProvesSomething(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	first := b.signIn("alice")
	w.clock.advance(time.Hour)
	if got := b.signInSilently(); got.login.AuthTime != first.login.AuthTime {
		t.Errorf("auth_time %d without a proof, want %d", got.login.AuthTime, first.login.AuthTime)
	}
	trip := w.trip("prompt", "login")
	got := trip.tokens(b.open(trip.url).want("Sign in").answer("password", password("alice")))
	if got.login.AuthTime != w.clock.Now().Unix() || got.access.Session != first.access.Session {
		t.Errorf("auth_time %d and sid %q after a proof, want %d and the same session %q", got.login.AuthTime, got.access.Session, w.clock.Now().Unix(), first.access.Session)
	}
}

func TestACodeCountsOnce(t *testing.T) {
	w := newWorld(t)
	w.browser().signInAnd(t, "alice", func(b *browser) { b.stepUp() })
	w.browser().signInAnd(t, "alice", func(b *browser) {
		trip := w.trip("scope", "step_up")
		page := b.open(trip.url).answer("code", w.code()).want("Enter your code")
		if !strings.Contains(page.alert, "does not count") {
			t.Errorf("alert %q on a used code", page.alert)
		}
		w.clock.advance(30 * time.Second)
		trip.tokens(page.answer("code", w.code()))
	})
}

func (b *browser) signInAnd(t *testing.T, name string, then func(*browser)) {
	t.Helper()
	b.signIn(name)
	then(b)
}

func TestACodeCountsOnceForManyAtATime(t *testing.T) {
	w := newWorld(t)
	const devices = 4
	trips, pages := make([]*trip, devices), make([]*page, devices)
	for i := range devices {
		b := w.browser()
		b.signIn("alice")
		trips[i] = w.trip("scope", "step_up")
		pages[i] = b.open(trips[i].url).want("Enter your code")
	}
	code := w.code()
	var through sync.Map
	var all sync.WaitGroup
	for i := range devices {
		all.Go(func() {
			if p := pages[i].answer("code", code); p.url.Path == "/callback" {
				through.Store(i, true)
			}
		})
	}
	all.Wait()
	count := 0
	through.Range(func(any, any) bool { count++; return true })
	if count != 1 {
		t.Errorf("%d of %d devices signed in with one code, want 1", count, devices)
	}
}

func TestWrongAnswersAreLimited(t *testing.T) {
	for _, row := range []struct {
		name  string
		start func(w *world) *page
		wrong []string
		right func(w *world) []string
	}{
		{"password", func(w *world) *page { return w.browser().open(w.trip().url) },
			[]string{"name", "alice", "password", "guess"},
			func(*world) []string { return []string{"name", "alice", "password", password("alice")} }},
		{"code", func(w *world) *page {
			b := w.browser()
			b.signIn("alice")
			return b.open(w.trip("scope", "step_up").url)
		}, []string{"code", "000000"}, func(w *world) []string { return []string{"code", w.code()} }},
	} {
		w := newWorld(t)
		page := row.start(w)
		for range 5 {
			page = page.answer(row.wrong...)
			if page.status != 200 || page.alert == "" {
				t.Fatalf("%s: status %d, alert %q on a wrong answer", row.name, page.status, page.alert)
			}
		}
		if page = page.answer(row.right(w)...); page.status != 429 {
			t.Errorf("%s: the right answer after five wrong ones has status %d (%s), want 429", row.name, page.status, page.url)
		}
		w.clock.advance(5 * time.Minute)
		if page = page.answer(row.right(w)...); page.url.Path != "/callback" {
			t.Errorf("%s: after the wait at %s (%q), want to be signed in", row.name, page.url, page.alert)
		}
	}
}

func TestNamesAreNotTold(t *testing.T) {
	w := newWorld(t)
	known := w.browser().open(w.trip().url).answer("name", "alice", "password", "guess")
	unknown := w.browser().open(w.trip().url).answer("name", "mallory", "password", "guess")
	if known.alert != unknown.alert || known.title != unknown.title {
		t.Errorf("a known name gives %q %q, an unknown one %q %q", known.title, known.alert, unknown.title, unknown.alert)
	}
}

func TestAnotherPersonGetsAnotherSession(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	alice := b.signIn("alice")
	b.stepUp()
	// In the middle of a step-up somebody else sits down.
	hers := w.browser()
	issuer, _ := url.Parse(w.issuer)
	trip := w.trip("prompt", "login")
	page := b.open(trip.url).want("Sign in")
	hers.client.Jar.SetCookies(issuer, b.client.Jar.Cookies(issuer))
	page = page.submit(page.form("switch"), "switch").want("Sign in")
	bob := trip.tokens(page.answer("name", "bob", "password", password("bob")))
	if bob.access.Subject != "fabrikam|bob" || bob.login.Level != "normal" || bob.access.Session == alice.access.Session {
		t.Errorf("bob has %s, level %s, alice's session %v; want himself, normal, his own", bob.access.Subject, bob.login.Level, bob.access.Session == alice.access.Session)
	}
	if got := hers.open(w.trip("prompt", "none").url).callback().Get("error"); got != "login_required" {
		t.Errorf("alice's cookie of before: %q, want login_required", got)
	}
	// Alice's second factor is gone with her session.
	trip = w.trip("scope", "step_up")
	if got := b.open(trip.url).callback().Get("error"); got != "unmet_authentication_requirements" {
		t.Errorf("bob's step-up ends in %q, want unmet_authentication_requirements", got)
	}
}

func TestSomebodyElsesSecondFactorNeverLiftsASession(t *testing.T) {
	other := "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	w := newWorld(t, func(c *idp.Config) {
		c.Users = append(c.Users, idp.User{Name: "eve", Password: "eve's own", Factors: []string{"otp"}, TOTPSecret: other})
	})
	b := w.browser()
	b.signIn("alice")
	page := b.open(w.trip("scope", "step_up").url).want("Enter your code")
	page = page.answer("code", codeOf(t, other, w.clock.Now())).want("Enter your code")
	if page.alert == "" {
		t.Error("eve's code on alice's page was no wrong code")
	}
	// Nor does saying so help.
	page = page.answer("code", codeOf(t, other, w.clock.Now()), "name", "eve")
	page.want("Enter your code")
	if got := b.signInSilently(); got.login.Level != "normal" {
		t.Errorf("alice's session has %q, want normal", got.login.Level)
	}
}

func TestARememberedDeviceNeverSkipsAFactor(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	trip := w.trip()
	trip.tokens(b.open(trip.url).answer("name", "alice", "password", password("alice"), "remember", "yes"))
	tokens := b.stepUp()
	b.open(w.issuer + "/end_session?id_token_hint=" + tokens.idText).want("Signed out")
	w.clock.advance(time.Minute)
	trip = w.trip("scope", "step_up")
	page := b.open(trip.url).want("Sign in")
	if got := page.form("prove").fields.Get("name"); got != "alice" {
		t.Errorf("the remembered name is %q, want alice", got)
	}
	trip.tokens(page.answer("password", password("alice")).want("Enter your code").answer("code", w.code()))
}

// TestWhatWasAskedIsHonoured is the table of what an authorization request can ask, of a
// session that is an hour old.
func TestWhatWasAskedIsHonoured(t *testing.T) {
	w := newWorld(t)
	essential := func(values string) string { return `{"id_token":{"acr":{"essential":true,"values":` + values + `}}}` }
	for _, row := range []struct {
		name       string
		who        string // empty: nobody is signed in
		parameters []string
		want       string // a page's title, a level, or an error
	}{
		{"nothing", "alice", nil, "normal"},
		{"nothing, nobody there", "", nil, "Sign in"},
		{"silently", "alice", []string{"prompt", "none"}, "normal"},
		{"silently, nobody there", "", []string{"prompt", "none"}, "login_required"},
		{"silently more", "alice", []string{"prompt", "none", "scope", "step_up"}, "interaction_required"},
		{"silently more by acr", "alice", []string{"prompt", "none", "acr_values", "mfa"}, "interaction_required"},
		{"silently younger", "alice", []string{"prompt", "none", "max_age", "60"}, "login_required"},
		{"silently what nobody has", "bob", []string{"prompt", "none", "scope", "step_up"}, "unmet_authentication_requirements"},
		{"again", "alice", []string{"prompt", "login"}, "Sign in"},
		{"young enough", "alice", []string{"max_age", "3600"}, "normal"},
		{"too old", "alice", []string{"max_age", "3599"}, "Sign in"},
		{"max_age=0", "alice", []string{"max_age", "0"}, "Sign in"},
		{"step_up", "alice", []string{"scope", "step_up"}, "Enter your code"},
		{"acr_values", "alice", []string{"acr_values", "mfa"}, "Enter your code"},
		{"any of acr_values", "alice", []string{"acr_values", "phr normal"}, "normal"},
		{"an acr nobody knows", "alice", []string{"acr_values", "gold"}, "unmet_authentication_requirements"},
		{"what she cannot", "alice", []string{"acr_values", "phr"}, "unmet_authentication_requirements"},
		{"essential", "alice", []string{"claims", essential(`["mfa"]`)}, "Enter your code"},
		{"essential that she cannot", "alice", []string{"claims", essential(`["phr"]`)}, "unmet_authentication_requirements"},
		{"essential and had", "alice", []string{"claims", essential(`["normal"]`)}, "normal"},
		{"step_up without a second factor", "bob", []string{"scope", "step_up"}, "unmet_authentication_requirements"},
		{"not quite the scope", "alice", []string{"scope", "step_up_x"}, "normal"},
		{"somebody", "alice", []string{"prompt", "select_account"}, "Sign in"},
		{"somebody else", "alice", []string{"login_hint", "bob"}, "Sign in"},
		{"herself", "alice", []string{"login_hint", "alice@fabrikam.example"}, "normal"},
		{"a connection to begin with", "", []string{"connection", "webauthn"}, "Use your passkey"},
		{"a connection for later", "", []string{"connection", "otp"}, "Sign in"},
		{"a connection that does not reach", "alice", []string{"connection", "webauthn", "prompt", "login"}, "Sign in"},
		{"a connection", "carol", []string{"connection", "webauthn", "prompt", "login"}, "Use your passkey"},
	} {
		w.clock.advance(time.Hour)
		b := w.browser()
		if row.who != "" {
			b.signIn(row.who)
			if row.name == "a connection" {
				newPasskey(w).enrol(t, b)
			}
			w.clock.advance(time.Hour)
		}
		trip := w.trip(row.parameters...)
		page := b.open(trip.url)
		got := page.title
		if page.url.Path == "/callback" {
			if got = page.callback().Get("error"); got == "" {
				got = trip.tokens(page).login.Level
			}
		}
		if got != row.want {
			t.Errorf("%s: %q (%s), want %q", row.name, got, page.url, row.want)
		}
	}
}

func TestAProofMadeForTheRequestMeetsMaxAgeZero(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("alice")
	w.clock.advance(time.Hour)
	trip := w.trip("max_age", "0", "scope", "step_up", "prompt", "login")
	page := b.open(trip.url).want("Sign in")
	w.clock.advance(2 * time.Minute) // a slow typist
	page = page.answer("password", password("alice")).want("Enter your code")
	w.clock.advance(2 * time.Minute)
	got := trip.tokens(page.answer("code", w.code()))
	if want := fmt.Sprintf("mfa mfa pwd,otp,mfa %d", w.clock.Now().Unix()); got.login.String() != want {
		t.Errorf("login %q, want %q", got.login, want)
	}
}

func TestAHintPinsThePerson(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	hint := b.signIn("alice").idText
	other := w.browser()
	other.signIn("bob")
	if got := other.open(w.trip("id_token_hint", hint, "prompt", "none").url).callback().Get("error"); got != "login_required" {
		t.Errorf("bob's browser with alice's hint: %q, want login_required", got)
	}
	page := other.open(w.trip("id_token_hint", hint).url).want("Sign in")
	page = page.answer("name", "bob", "password", password("bob")).want("Sign in")
	if !strings.Contains(page.alert, "somebody else") {
		t.Errorf("alert %q when bob answers for alice", page.alert)
	}
	trip := w.trip("id_token_hint", hint)
	trip.tokens(b.open(trip.url))
	if got := b.open(w.trip("id_token_hint", hint[:len(hint)-4]+"AAAA").url).callback().Get("error"); got != "login_required" {
		t.Errorf("a forged hint: %q, want login_required", got)
	}
}

func TestCancelling(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("alice")
	page := b.open(w.trip("scope", "step_up").url)
	page = page.submit(page.form("cancel"), "cancel")
	if got := page.callback().Get("error"); got != "access_denied" {
		t.Errorf("cancelled: %q, want access_denied", got)
	}
	if got := b.signInSilently().login.Level; got != "normal" {
		t.Errorf("level %q after an abandoned step-up, want normal", got)
	}
}

func TestInteractionsBelongToTheirBrowser(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	page := b.open(w.trip().url).want("Sign in")
	w.browser().open(page.url.String()).want("This page has expired")

	f := page.form("prove")
	f.fields.Set("csrf", "made up")
	page.submit(f, "prove", "name", "alice", "password", password("alice")).want("This page has expired")

	thief := w.browser().open(w.trip().url).want("Sign in")
	thief.submit(page.form("prove"), "prove", "name", "bob", "password", password("bob")).want("This page has expired")
}

func TestACookieFromBeforeTheProofIsWorthNothing(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("alice")
	before := w.browser()
	issuer, _ := url.Parse(w.issuer)
	before.client.Jar.SetCookies(issuer, b.client.Jar.Cookies(issuer))
	b.stepUp()
	if got := before.open(w.trip("prompt", "none").url).callback().Get("error"); got != "login_required" {
		t.Errorf("the cookie of before the step-up: %q, want login_required", got)
	}
}

func TestFaultsOfTheRuleSignNobodyIn(t *testing.T) {
	w := newWorld(t)
	claims := func(level string, at int64) *idp.Claims {
		return &idp.Claims{AuthenticationLevel: level, ACR: level, AMR: []string{"pwd"}, AuthTime: at}
	}
	for name, instead := range map[string]func(q idp.Question) (idp.Answer, error){
		"error":   func(idp.Question) (idp.Answer, error) { return idp.Answer{}, fmt.Errorf("down") },
		"silence": func(idp.Question) (idp.Answer, error) { return idp.Answer{}, nil },
		"claims and factors": func(q idp.Question) (idp.Answer, error) {
			return idp.Answer{Claims: claims("mfa", q.Now), Factors: []string{"pwd"}}, nil
		},
		"a factor of no one": func(idp.Question) (idp.Answer, error) { return idp.Answer{Factors: []string{"sms"}}, nil },
		"the same again":     func(q idp.Question) (idp.Answer, error) { return idp.Answer{Factors: []string{"pwd"}}, nil },
		"an unknown error":   func(idp.Question) (idp.Answer, error) { return idp.Answer{Error: "never_mind"}, nil },
		"claims for nothing": func(q idp.Question) (idp.Answer, error) { return idp.Answer{Claims: claims("mfa", q.Now)}, nil },
		"claims of no level": func(q idp.Question) (idp.Answer, error) { return idp.Answer{Claims: claims("", q.Now)}, nil },
		"claims of tomorrow": func(q idp.Question) (idp.Answer, error) {
			return idp.Answer{Claims: claims("normal", q.Now+86400)}, nil
		},
		"claims of no moment": func(q idp.Question) (idp.Answer, error) { return idp.Answer{Claims: claims("normal", 0)}, nil },
	} {
		w.rule.set(nil)
		b := w.browser()
		if strings.HasSuffix(name, "level") || strings.HasSuffix(name, "tomorrow") || strings.HasSuffix(name, "moment") {
			b.signIn("alice")
		}
		w.rule.set(instead)
		page := b.open(w.trip().url)
		if name == "the same again" {
			page = page.answer("name", "alice", "password", password("alice"))
		}
		if got := page.callback(); got.Get("error") != "server_error" || got.Get("code") != "" {
			t.Errorf("%s: %v, want server_error", name, got)
		}
	}
}

func TestTheRuleIsToldWhatWasProved(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("alice")
	then := w.clock.Now().Unix()
	w.clock.advance(time.Minute)
	b.open(w.trip("scope", "read:customers step_up", "acr_values", "mfa phr", "max_age", "60", "claims", `{"id_token":{"acr":null}}`).url)
	q := w.rule.last()
	got := fmt.Sprintf("%+v %+v %+v %s %d", q.AuthorizationRequest, q.User, q.Session, q.Client.ID, q.Now)
	want := fmt.Sprintf("{Scope:openid read:customers step_up ACRValues:mfa phr MaxAge:60 Prompt: Claims:map[id_token:map[acr:<nil>]]} "+
		"{ID:fabrikam|alice Factors:[pwd otp]} {Completed:[{Factor:pwd Time:%d}] RequestedAt:%d Refresh:false Claims:map[]} intranet %d", then, then+60, then+60)
	if got != want {
		t.Errorf("the rule is asked\n%s\nwant\n%s", got, want)
	}
}
