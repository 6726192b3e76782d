package idp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"stepup/sidecar/demo/totp"
)

// newPasskeys prepares WebAuthn for the issuer's host; nil if that is an address, which
// can be no relying party's ID (WebAuthn Level 3, section 5.1.3: a domain).
func newPasskeys(issuer string) (*webauthn.WebAuthn, error) {
	u, err := url.Parse(issuer)
	if err != nil || net.ParseIP(u.Hostname()) != nil {
		return nil, err
	}
	w, err := webauthn.New(&webauthn.Config{
		RPID: u.Hostname(), RPDisplayName: "Fabrikam", RPOrigins: []string{u.Scheme + "://" + u.Host},
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey:      protocol.ResidentKeyRequirementRequired,
			UserVerification: protocol.VerificationRequired,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("preparing passkeys: %w", err)
	}
	return w, nil
}

// passkeyFactor demands user verification: only then does one passkey stand for what the
// person has and what they know or are.
type passkeyFactor struct{ p *Provider }

func (f passkeyFactor) begin(_ context.Context, c *challenge) (prompt, error) {
	verified := webauthn.WithUserVerification(protocol.VerificationRequired)
	var assertion *protocol.CredentialAssertion
	var session *webauthn.SessionData
	var err error
	if c.account == nil {
		assertion, session, err = f.p.passkeys.BeginDiscoverableLogin(verified)
	} else {
		assertion, session, err = f.p.passkeys.BeginLogin(c.account, verified)
	}
	if err != nil {
		return prompt{}, fmt.Errorf("asking for a passkey: %w", err)
	}
	c.memory = session
	options, err := json.Marshal(assertion)
	return prompt{page: "passkey", options: string(options)}, err
}

// finish verifies the assertion. Where the challenge is for one person, only that
// person's passkeys count; otherwise it finds out whose it is.
func (f passkeyFactor) finish(_ context.Context, c *challenge, answer url.Values) error {
	response, session, err := f.parse(c, answer)
	if err != nil {
		return err
	}
	var credential *webauthn.Credential
	if c.account == nil {
		credential, err = f.p.passkeys.ValidateDiscoverableLogin(func(_, handle []byte) (webauthn.User, error) {
			c.account = f.p.accountByHandle(handle)
			if c.account == nil {
				return nil, errors.New("nobody has this user handle")
			}
			return c.account, nil
		}, *session, response)
	} else {
		credential, err = f.p.passkeys.ValidateLogin(c.account, *session, response)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errWrong, err)
	}
	if credential.Authenticator.CloneWarning { // WebAuthn Level 3, section 7.2
		return fmt.Errorf("%w: the authenticator's counter went back: it may have been cloned", errWrong)
	}
	c.account.keepCredential(*credential)
	return nil
}

func (f passkeyFactor) parse(c *challenge, answer url.Values) (*protocol.ParsedCredentialAssertionData, *webauthn.SessionData, error) {
	session, ok := c.memory.(*webauthn.SessionData)
	if !ok {
		return nil, nil, errWrong
	}
	response, err := protocol.ParseCredentialRequestResponseBody(bytes.NewReader([]byte(answer.Get("response"))))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errWrong, err)
	}
	return response, session, nil
}

func (p *Provider) accountByHandle(handle []byte) *account {
	for _, a := range p.accounts {
		if bytes.Equal(a.handle, handle) {
			return a
		}
	}
	return nil
}

// An enrolment sets up a factor of a person who is signed in.
type enrolment interface {
	begin(c *challenge) (prompt, error)
	finish(c *challenge, answer url.Values) error
}

func (p *Provider) enrolment(method string) enrolment {
	switch {
	case method == methodTOTP:
		return totpEnrolment{}
	case method == methodPasskey && p.passkeys != nil:
		return passkeyEnrolment{p}
	}
	return nil
}

type passkeyEnrolment struct{ p *Provider }

func (e passkeyEnrolment) begin(c *challenge) (prompt, error) {
	var known []protocol.CredentialDescriptor
	for _, credential := range c.account.WebAuthnCredentials() {
		known = append(known, credential.Descriptor())
	}
	creation, session, err := e.p.passkeys.BeginRegistration(c.account, webauthn.WithExclusions(known))
	if err != nil {
		return prompt{}, fmt.Errorf("preparing a passkey: %w", err)
	}
	c.memory = session
	options, err := json.Marshal(creation)
	return prompt{page: "enrol-passkey", options: string(options)}, err
}

func (e passkeyEnrolment) finish(c *challenge, answer url.Values) error {
	session, ok := c.memory.(*webauthn.SessionData)
	if !ok {
		return errWrong
	}
	response, err := protocol.ParseCredentialCreationResponseBody(bytes.NewReader([]byte(answer.Get("response"))))
	if err != nil {
		return fmt.Errorf("%w: %w", errWrong, err)
	}
	credential, err := e.p.passkeys.CreateCredential(c.account, *session, response)
	if err != nil {
		return fmt.Errorf("%w: %w", errWrong, err)
	}
	c.account.addCredential(*credential)
	return nil
}

type totpEnrolment struct{}

func (totpEnrolment) begin(c *challenge) (prompt, error) {
	shown := prompt{page: "enrol-otp"}
	if _, again := c.memory.(totp.Key); again { // after a wrong code the secret stays
		return shown, nil
	}
	key, err := totp.New("Fabrikam", c.account.user.Name)
	c.memory = key
	return shown, err
}

func (totpEnrolment) finish(c *challenge, answer url.Values) error {
	key, ok := c.memory.(totp.Key)
	if !ok {
		return errWrong
	}
	return judgeCode(c.account.enrolTOTP(key.Secret(), answer.Get("code"), c.now))
}

// judgeCode tells a code that does not count from a fault.
func judgeCode(err error) error {
	if errors.Is(err, totp.ErrWrong) || errors.Is(err, totp.ErrUsed) {
		return fmt.Errorf("%w: %w", errWrong, err)
	}
	return err
}
