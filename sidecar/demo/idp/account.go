package idp

import (
	"crypto/rand"
	"slices"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"stepup/sidecar/demo/totp"
)

// An account is a person as the provider knows them. Its methods may be called from any
// goroutine.
type account struct {
	user     User // without the password
	password passwordHash
	handle   []byte // WebAuthn's user handle, which tells nothing

	mu          sync.Mutex
	totpSecret  string
	totpLast    int64 // the step of the last code that counted
	credentials []webauthn.Credential
}

func newAccount(u User) *account {
	a := &account{user: u, password: hashPassword(u.Password), handle: make([]byte, 32), totpSecret: u.TOTPSecret}
	rand.Read(a.handle)
	a.user.Password = ""
	return a
}

// ready reports whether a factor is set up, so that it can be proved.
func (a *account) ready(method string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch method {
	case methodTOTP:
		return a.totpSecret != ""
	case methodPasskey:
		return len(a.credentials) > 0
	}
	return true
}

// takeCode judges a code, and lets it count once however many send it at a time.
func (a *account) takeCode(code string, now time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.takeCodeOf(a.totpSecret, code, now)
}

func (a *account) takeCodeOf(secret, code string, now time.Time) error {
	step, err := totp.Verify(secret, code, now, a.totpLast)
	if err != nil {
		return err
	}
	a.totpLast = step
	return nil
}

// enrolTOTP takes the secret of an authenticator app that has just shown a code of it.
func (a *account) enrolTOTP(secret, code string, now time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.takeCodeOf(secret, code, now); err != nil {
		return err
	}
	a.totpSecret = secret
	return nil
}

func (a *account) addCredential(c webauthn.Credential) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.credentials = append(a.credentials, c)
}

// keepCredential keeps what an authenticator told when it was used: its counter.
func (a *account) keepCredential(c webauthn.Credential) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.credentials {
		if slices.Equal(a.credentials[i].ID, c.ID) {
			a.credentials[i] = c
		}
	}
}

// The interface of a user that go-webauthn asks for.

func (a *account) WebAuthnID() []byte          { return a.handle }
func (a *account) WebAuthnName() string        { return a.user.Name }
func (a *account) WebAuthnDisplayName() string { return a.user.fullName() }

func (a *account) WebAuthnCredentials() []webauthn.Credential {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.credentials)
}
