package jwks_test

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"testing"

	"stepup/sidecar/token/tokentest"
)

// certificate makes a self-signed certificate of a key made for it, as x5c has it.
func certificate(t *testing.T) string {
	t.Helper()
	k := tokentest.NewKey(t, "ES256", "")
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k.Signer())
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}
