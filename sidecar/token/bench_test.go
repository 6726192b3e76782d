package token_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
	"stepup/sidecar/token"
	"stepup/sidecar/token/tokentest"
)

// The clock and the leeway of most tests here.
var now = time.Unix(1795428120, 0)

const skew = 30 * time.Second

// The issuers of a bench: the first is held to RFC 9068 strictly and issues ID tokens
// too, the second does not type its tokens.
const (
	strictURL = "https://idp.example/"
	looseURL  = "https://tenant.auth0.example/"
	otherURL  = "https://other.example/"
	api       = "https://api.example/"
	client    = "app"
)

// bench is a Verifier of three issuers, and what signs for the first two.
type bench struct {
	t        testing.TB
	verifier *token.Verifier
	key      tokentest.Key // of strictURL and looseURL
	other    tokentest.Key // of otherURL, under the same kid
	goods    []string      // tokens with the headers that most have
}

func newBench(t testing.TB, change ...func(*token.Issuer)) *bench {
	t.Helper()
	b := &bench{t: t, key: tokentest.NewKey(t, "ES256", "k1"), other: tokentest.NewKey(t, "ES256", "k1")}
	strict := token.Issuer{URL: strictURL, Audiences: []string{api}, Clients: []string{client, "spa"}, Vocabulary: "oidc", Keys: tokentest.Static{b.key}}
	for _, c := range change {
		c(&strict)
	}
	b.verifier = newVerifier(t, skew, 0,
		strict,
		token.Issuer{URL: looseURL, Audiences: []string{api, client}, Vocabulary: "auth0", Keys: tokentest.Static{b.key}},
		token.Issuer{URL: otherURL, Audiences: []string{api}, Vocabulary: "auth0", Keys: tokentest.Static{b.other}},
	)
	return b
}

func newVerifier(t testing.TB, skew time.Duration, maxSize int, issuers ...token.Issuer) *token.Verifier {
	t.Helper()
	v, err := token.NewVerifier(issuers, skew, maxSize)
	if err != nil {
		t.Fatalf("NewVerifier: %v", err)
	}
	return v
}

// claims are those of a good access token, with changes laid over them.
func claims(changes access.Object) access.Object {
	c := access.Object{
		"iss": strictURL, "aud": api, "sub": "alice", "client_id": client, "jti": "j1",
		"iat": now.Unix() - 60, "exp": now.Unix() + 3600, "scope": "openid read:customers",
	}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { _, gone := v.(tokentest.Absent); return gone })
	return c
}

// loose changes claims to those of the issuer that does not type its tokens.
func loose(changes access.Object) access.Object {
	c := access.Object{"iss": looseURL, "azp": client, "client_id": tokentest.Absent{}, "jti": tokentest.Absent{}}
	maps.Copy(c, changes)
	return claims(c)
}

// idToken changes claims to those of an ID token of the strict issuer.
func idToken(changes access.Object) access.Object {
	c := access.Object{"aud": client, "client_id": tokentest.Absent{}, "jti": tokentest.Absent{}, "scope": tokentest.Absent{}, "nonce": "n"}
	maps.Copy(c, changes)
	return claims(c)
}

// signed signs claims as an access token, or under another typ.
func (b *bench) signed(c access.Object, typ ...string) string {
	b.t.Helper()
	return b.key.Sign(b.t, b.key.Header(append(typ, "at+jwt")[0]), c)
}

// withHeader signs good claims under a header with changes laid over it.
func (b *bench) withHeader(changes access.Object) string {
	b.t.Helper()
	h := b.key.Header("at+jwt")
	maps.Copy(h, changes)
	return b.key.Sign(b.t, h, claims(nil))
}

// verify verifies a token by a verifier that knows no header, and by one that knows those of good
// tokens: they must agree, and so must what is kept of it.
func (b *bench) verify(text string) (*token.Claims, error) {
	b.t.Helper()
	b.verifier.ForgetHeaders()
	c, err := b.verifier.Verify(b.t.Context(), now, access.NewCredential(text))
	if b.goods == nil {
		b.goods = []string{b.signed(claims(nil)), b.signed(loose(nil), "JWT")}
	}
	for _, good := range b.goods {
		_, _ = b.verifier.Verify(b.t.Context(), now, access.NewCredential(good)) // of one that b's verifier takes
	}
	again, errAgain := b.verifier.Verify(b.t.Context(), now, access.NewCredential(text))
	if fmt.Sprint(err) != fmt.Sprint(errAgain) || err == nil && c.Subject != again.Subject {
		b.t.Errorf("Verify = %v, %v, and where headers are known %v, %v", c, err, again, errAgain)
	}
	if err == nil {
		if kept := b.again(text); kept != nil && !cmp.Equal(c, kept, sameClaims) {
			b.t.Errorf("as proved, and read from what was written of it:\n%s", cmp.Diff(c, kept, sameClaims))
		}
	}
	return c, err
}

// codeOf is the code with which a token is refused, or "accepted".
func codeOf(t testing.TB, c *token.Claims, err error) string {
	t.Helper()
	if err == nil {
		if c == nil {
			t.Error("no claims and no error")
		}
		return "accepted"
	}
	e, ok := err.(*token.Error)
	if !ok || e == nil {
		t.Fatalf("the error is a %T, want *token.Error", err)
	}
	if c != nil {
		t.Errorf("claims beside the error %v", err)
	}
	if _, ours := access.Lookup(e.Code); !ours {
		t.Errorf("code %q is not in the table", e.Code)
	}
	return string(e.Code)
}

// check verifies one token and compares the code.
func (b *bench) check(what, text, want string) {
	b.t.Helper()
	c, err := b.verify(text)
	if got := codeOf(b.t, c, err); got != want {
		b.t.Errorf("%s: Verify = %s (%v), want %s", what, got, err, want)
	}
}

// raw is the payload of good claims as JSON text, with more members written before the
// last brace, so that a test may write what no encoder would.
func raw(t testing.TB, c access.Object, more string) string {
	t.Helper()
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(data), "}") + more + "}"
}

func num(n int64) json.Number { return json.Number(strconv.FormatInt(n, 10)) }
