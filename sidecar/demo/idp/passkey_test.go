package idp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"stepup/sidecar/demo/idp"
)

// A passkey is an authenticator that nobody here wrote.
type passkey struct {
	rp         virtualwebauthn.RelyingParty
	device     virtualwebauthn.Authenticator
	credential virtualwebauthn.Credential
}

func newPasskey(w *world) *passkey {
	return &passkey{
		rp:         virtualwebauthn.RelyingParty{ID: "localhost", Name: "Fabrikam", Origin: w.issuer},
		device:     virtualwebauthn.NewAuthenticator(),
		credential: newCredential(w.t),
	}
}

// newCredential makes a key whose coordinates begin with no zero octet: the authenticator
// writes them without leading zeros, against RFC 9053, section 7.1.1, and a provider rightly
// refuses those.
func newCredential(t *testing.T) virtualwebauthn.Credential {
	t.Helper()
	for {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		point, err := key.PublicKey.Bytes() // 4, x, y: SEC 1, section 2.3.3
		if err != nil {
			t.Fatal(err)
		}
		if point[1] == 0 || point[33] == 0 {
			continue
		}
		encoded, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return virtualwebauthn.NewCredentialWithImportedKey(virtualwebauthn.KeyTypeEC2, encoded)
	}
}

// create answers the page that sets a passkey up.
func (k *passkey) create(t *testing.T, p *page) *page {
	t.Helper()
	p.want("Create a passkey")
	options, err := virtualwebauthn.ParseAttestationOptions(p.form("prove").data["data-options"])
	if err != nil {
		t.Fatal(err)
	}
	k.device.Options.UserHandle = []byte(options.UserID)
	k.device.AddCredential(k.credential)
	return p.answer("response", virtualwebauthn.CreateAttestationResponse(k.rp, k.device, k.credential, *options))
}

// use answers the page that asks for a passkey.
func (k *passkey) use(t *testing.T, p *page) *page {
	t.Helper()
	options, err := virtualwebauthn.ParseAssertionOptions(p.want("Use your passkey").form("prove").data["data-options"])
	if err != nil {
		t.Fatal(err)
	}
	k.credential.Counter++
	return p.answer("response", virtualwebauthn.CreateAssertionResponse(k.rp, k.device, k.credential, *options))
}

// enrol lets a browser's person set the passkey up where it is first asked for.
func (k *passkey) enrol(t *testing.T, b *browser) tokens {
	t.Helper()
	trip := b.w.trip("acr_values", "phr")
	return trip.tokens(k.use(t, k.create(t, b.open(trip.url))))
}

func TestAPasskeyIsSetUpWhenItIsFirstAskedFor(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("carol")
	w.clock.advance(time.Minute)
	key := newPasskey(w)
	got := key.enrol(t, b)
	if got.login.Level != "phr" || got.login.AuthTime != w.clock.Now().Unix() || strings.Join(got.login.AMR, ",") != "pwd,hwk,user,mfa" {
		t.Errorf("login %v, want phr by the passkey, now", got.login)
	}

	t.Run("and used alone afterwards", func(t *testing.T) {
		trip := w.trip("acr_values", "phr")
		page := w.browser().open(trip.url).want("Sign in").use("webauthn")
		if got := trip.tokens(key.use(t, page)); got.access.Subject != "fabrikam|carol" || got.login.Level != "phr" {
			t.Errorf("%s at %v, want carol at phr", got.access.Subject, got.login)
		}
	})
	t.Run("and again for a payroll within five minutes", func(t *testing.T) {
		w.clock.advance(6 * time.Minute)
		trip := w.trip("acr_values", "phr", "max_age", "300")
		if got := trip.tokens(key.use(t, b.open(trip.url))); got.login.AuthTime != w.clock.Now().Unix() {
			t.Errorf("auth_time %d, want now, %d", got.login.AuthTime, w.clock.Now().Unix())
		}
	})
}

func TestSettingUpNeedsAPasswordThatIsFresh(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("carol")
	w.clock.advance(10 * time.Minute)
	trip := w.trip("acr_values", "phr")
	page := b.open(trip.url).want("Sign in").answer("password", password("carol"))
	key := newPasskey(w)
	trip.tokens(key.use(t, key.create(t, page)))
}

func TestPasskeysThatDoNotCount(t *testing.T) {
	for _, row := range []struct {
		name  string
		spoil func(w *world, k *passkey)
	}{
		{"not verified by the person", func(_ *world, k *passkey) { k.device.Options.UserNotVerified = true }},
		{"for another origin", func(_ *world, k *passkey) { k.rp.Origin = "http://localhost:1" }},
		{"for another site", func(_ *world, k *passkey) { k.rp.ID = "fabrikam.example" }},
		{"of another key", func(_ *world, k *passkey) {
			id := k.credential.ID
			k.credential = newCredential(t)
			k.credential.ID = id
		}},
		{"that was cloned", func(_ *world, k *passkey) { k.credential.Counter = 0 }},
	} {
		w := newWorld(t)
		b := w.browser()
		b.signIn("carol")
		key := newPasskey(w)
		key.enrol(t, b)
		key.credential.Counter += 5
		trip := w.trip("acr_values", "phr", "prompt", "login")
		page := b.open(trip.url)
		if page.title == "Sign in" {
			page = page.use("webauthn")
		}
		page = key.use(t, page) // the counter goes up
		trip.tokens(page)

		trip = w.trip("acr_values", "phr", "prompt", "login")
		page = b.open(trip.url)
		row.spoil(w, key)
		page = key.use(t, page)
		if page.url.Path == "/callback" || page.alert == "" {
			t.Errorf("%s: at %s with alert %q, want to be refused", row.name, page.url, page.alert)
		}
	}
}

func TestAnotherPersonsPasskeyNeverLiftsASession(t *testing.T) {
	w := newWorld(t, func(c *idp.Config) {
		c.Users = append(c.Users, idp.User{Name: "dave", Password: "dave's own", Factors: []string{"webauthn"}})
	})
	carol, dave := w.browser(), w.browser()
	carol.signIn("carol")
	hers := newPasskey(w)
	hers.enrol(t, carol)
	trip := w.trip("acr_values", "phr")
	page := dave.open(trip.url).answer("name", "dave", "password", "dave's own")
	his := newPasskey(w)
	trip.tokens(his.use(t, his.create(t, page)))

	w.clock.advance(time.Hour)
	page = carol.open(w.trip("acr_values", "phr", "max_age", "60").url)
	if page = his.use(t, page); page.url.Path == "/callback" || page.alert == "" {
		t.Errorf("dave's passkey on carol's page: at %s with alert %q, want to be refused", page.url, page.alert)
	}
}

func TestAnAddressHasNoPasskeys(t *testing.T) {
	config := idp.Config{
		Issuer: "http://127.0.0.1:9000", Audience: audience, Users: idp.DemoUsers(), Rule: newLoginRule(t),
		Clients: []idp.Client{{ID: "app", RedirectURIs: []string{"http://127.0.0.1:9001/callback"}}},
	}
	if _, err := idp.New(config); err != nil {
		t.Errorf("New with an address: %v, want a provider without passkeys", err)
	}
}
