package tokentest_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"stepup/sidecar/token/tokentest"
)

// TestKeysAgreeWithGoJose holds our own signing to a library that we share no code with.
func TestKeysAgreeWithGoJose(t *testing.T) {
	for _, alg := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"} {
		t.Run(alg, func(t *testing.T) {
			k := tokentest.NewKey(t, alg, "a")
			text := k.Sign(t, k.Header("at+jwt"), `{"a":1}`)
			jws, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
			if err != nil {
				t.Fatalf("ParseSignedCompact: %v", err)
			}
			got, err := jws.Verify(k.Public())
			if err != nil || string(got) != `{"a":1}` {
				t.Errorf("Verify = %q, %v; want the payload", got, err)
			}
		})
	}
}

func TestIssuerMisbehavesWhenAsked(t *testing.T) {
	i := tokentest.New(t)
	get := func() (int, string) {
		resp, err := http.Get(i.JWKSURI())
		if err != nil {
			return 0, ""
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	if status, body := get(); status != 200 || body != string(i.JWKS()) {
		t.Errorf("at first: %d %s, want the key set", status, body)
	}
	i.Handle(tokentest.KeySet, tokentest.Answer(500, "text/plain", "oops"))
	if status, body := get(); status != 500 || body != "oops" {
		t.Errorf("with Handle: %d %s, want 500 oops", status, body)
	}
	i.Handle(tokentest.KeySet, nil)
	i.Down()
	if status, _ := get(); status != 0 {
		t.Errorf("down: %d, want a broken connection", status)
	}
	i.Up()
	i.Stall()
	answered := make(chan int)
	go func() { status, _ := get(); answered <- status }()
	i.Resume()
	if status := <-answered; status != 200 {
		t.Errorf("after Resume: %d, want 200", status)
	}
	// Go's client repeats a GET on a connection that broke, so there may be one more.
	if n := i.Fetches(tokentest.KeySet); n < 4 {
		t.Errorf("Fetches = %d, want at least 4", n)
	}
}

func TestOtherSpellingDecodesTheSame(t *testing.T) {
	part := tokentest.Encode([]byte("a"))
	other, ok := tokentest.OtherSpelling(part)
	if !ok || other == part {
		t.Fatalf("OtherSpelling(%q) = %q, %t; want another", part, other, ok)
	}
	if _, ok := tokentest.OtherSpelling(tokentest.Encode([]byte("abc"))); ok {
		t.Errorf("three bytes have no unused bits, yet there is another spelling")
	}
}
