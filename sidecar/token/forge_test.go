package token_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"testing"

	"stepup/sidecar/token/tokentest"
)

// hmacWith makes a MAC keyed with a public key's PEM text.
func hmacWith(k tokentest.Key, header, payload string) []byte {
	der, _ := x509.MarshalPKIXPublicKey(k.Public())
	mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	mac.Write([]byte(tokentest.Encode([]byte(header)) + "." + tokentest.Encode([]byte(payload))))
	return mac.Sum(nil)
}

// selfSigned makes a certificate for a key, signed with that key, as x5c has it.
func selfSigned(t testing.TB, k tokentest.Key) string {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k.Signer())
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}
