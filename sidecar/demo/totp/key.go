package totp

import (
	"bytes"
	"fmt"
	"image/png"
	"net/url"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
)

// A Key is a secret on its way to an authenticator app. The zero value is none.
type Key struct{ key *otp.Key }

// New makes a key with a fresh secret of 160 bits, as RFC 4226 recommends in section 4
// (R6), for an account at an issuer; the app shows both names.
func New(issuer, account string) (Key, error) {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: issuer, AccountName: account})
	if err != nil {
		return Key{}, fmt.Errorf("making a TOTP secret for %q: %w", account, err)
	}
	return Key{key}, nil
}

// For makes the key of a secret that is known already, to show its picture again.
func For(issuer, account, secret string) (Key, error) {
	address := url.URL{
		Scheme: "otpauth", Host: "totp", Path: "/" + issuer + ":" + account,
		RawQuery: url.Values{"secret": {secret}, "issuer": {issuer}}.Encode(),
	}
	key, err := otp.NewKeyFromURL(address.String())
	if err != nil {
		return Key{}, fmt.Errorf("reading the TOTP secret of %q: %w", account, err)
	}
	return Key{key}, nil
}

// Secret returns the secret in base32, for those who type it.
func (k Key) Secret() string { return k.key.Secret() }

// URL returns the otpauth address that the picture shows.
func (k Key) URL() string { return k.key.URL() }

// PNG draws the address as a QR code, size pixels wide and high.
func (k Key) PNG(size int) ([]byte, error) {
	picture, err := k.key.Image(size, size)
	if err != nil {
		return nil, fmt.Errorf("drawing the QR code: %w", err)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		return nil, fmt.Errorf("writing the QR code: %w", err)
	}
	return out.Bytes(), nil
}
