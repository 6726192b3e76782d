package token_test

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"stepup/sidecar/access"
	"stepup/sidecar/token"
	"stepup/sidecar/token/tokentest"
)

// TestTokensMadeByOpenSSL verifies tokens made by a program that shares no code with us.
func TestTokensMadeByOpenSSL(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no openssl command")
		}
		t.Skip("there is no openssl command")
	}
	folder := t.TempDir()
	signWithOpenSSL(t, folder, claims(nil))
	algorithms := []string{"RS256", "PS256", "ES256", "EdDSA"}
	keys := byKid{}
	for _, alg := range algorithms {
		keys = append(keys, publicKey(t, filepath.Join(folder, alg+".pem"), alg))
	}
	b := newBench(t, func(i *token.Issuer) { i.Keys = keys })
	for _, alg := range algorithms {
		text, err := os.ReadFile(filepath.Join(folder, alg+".jwt"))
		if err != nil {
			t.Fatal(err)
		}
		b.check(alg, string(text), "accepted")
		other := tokentest.Encode([]byte(raw(t, claims(nil), " ")))
		b.check(alg+" with another payload", tokentest.WithPart(string(text), 1, other), "signature_invalid")
	}
}

func signWithOpenSSL(t *testing.T, folder string, c access.Object) {
	t.Helper()
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "claims.json"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("sh", "../../testdata/vectors/openssl.sh", folder).CombinedOutput(); err != nil {
		t.Fatalf("openssl.sh: %v\n%s", err, out)
	}
}

func publicKey(t *testing.T, path, kid string) jose.JSONWebKey {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		t.Fatalf("%s is not PEM", path)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: key, KeyID: kid}
}
