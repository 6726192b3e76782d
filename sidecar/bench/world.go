package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	issuerURL = "https://idp.example/"
	audience  = "https://api.example/"
	routes    = 20
)

// rules are the policy of all rows: a scope, a level and an age for each of twenty routes, of
// which every fifth needs a second factor. Nobody in a run has one.
const rules = `
default allow := false

route := data.routes[input.resource.id]

allow if {
	route.scope in scopes
	route.level in levels
	age <= 3600
}
`

// ours reads what the sidecar verified, and theirs verifies, with the same results.
const (
	ours = `package bench
` + rules + `
scopes := input.token.scopes
levels := input.assurance.levels
age := input.assurance.age
`
	theirs = `package bench
` + rules + `
verified := io.jwt.decode_verify(input.token, {"cert": data.keys, "iss": "` + issuerURL + `", "aud": "` + audience + `"})
claims := verified[2] if verified[0]
scopes := split(claims.scope, " ")
levels contains "normal" if some m in claims.amr
levels contains "mfa" if "mfa" in claims.amr
age := (time.now_ns() / 1000000000) - claims.auth_time
answer := {"allow": allow, "subject": claims.sub}
`
)

// A world is what all candidates answer about: keys, tokens, rules and data, in a folder.
type world struct {
	dir   string
	rsa   *rsa.PrivateKey
	ec    *ecdsa.PrivateKey
	keys  *httptest.Server
	began time.Time
}

func newWorld(dir string) (*world, error) {
	w := &world{dir: dir, began: time.Now()}
	var err error
	if w.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return nil, err
	}
	if w.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: w.rsa.Public(), KeyID: "rs", Algorithm: "RS256", Use: "sig"}, {Key: w.ec.Public(), KeyID: "es", Algorithm: "ES256", Use: "sig"},
	}})
	if err != nil {
		return nil, err
	}
	w.keys = httptest.NewServer(http.HandlerFunc(func(a http.ResponseWriter, _ *http.Request) {
		a.Header().Set("Content-Type", "application/json")
		_, _ = a.Write(set)
	}))
	return w, w.write(set)
}

// write puts down what the candidates read.
func (w *world) write(keys []byte) error {
	levels := map[string]string{}
	for n := range routes {
		levels[route(n)] = "normal"
		if isShut(n) {
			levels[route(n)] = "mfa"
		}
	}
	data := object{"routes": tableOf(levels), "keys": string(keys)}
	return files{
		"ours/p.rego": ours, "ours/data.json": asJSON(data), "theirs/p.rego": theirs, "theirs/data.json": asJSON(data),
		"keys.json": string(keys),
		"stepup.yaml": fmt.Sprintf("policy: {path: %s, package: bench}\nissuers:\n  - {issuer: %q, audiences: [%q], vocabulary: oidc, jwks_uri: %q}\n",
			filepath.Join(w.dir, "ours"), issuerURL, audience, w.keys.URL),
	}.write(w.dir)
}

// issuer is an entry of issuers, whose keys are in a file.
func (w *world) issuer(url, vocabulary string) string {
	return fmt.Sprintf("  - {issuer: %q, audiences: [%q], vocabulary: %s, jwks_file: %q}\n", url, audience, vocabulary, filepath.Join(w.dir, "keys.json"))
}

// isShut says of which routes a step-up is wanted.
func isShut(n int) bool { return n%5 == 4 }

func route(n int) string { return fmt.Sprintf("/r%d", n) }

// tokens signs so many tokens, each of somebody else, on all processors.
func (w *world) tokens(alg jose.SignatureAlgorithm, count int) ([]string, error) {
	list, errs := make([]string, count), make([]error, runtime.NumCPU())
	var signing sync.WaitGroup
	for part := range errs {
		signing.Go(func() {
			for n := part; n < count && errs[part] == nil; n += len(errs) {
				list[n], errs[part] = w.token(alg, n)
			}
		})
	}
	signing.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (w *world) token(alg jose.SignatureAlgorithm, n int) (string, error) {
	return w.sign(alg, w.claims(n))
}

// claims are those of somebody who signed in a minute ago, with a password.
func (w *world) claims(n int) object {
	at := w.began.Unix()
	return object{
		"iss": issuerURL, "aud": audience, "sub": fmt.Sprintf("auth0|%024d", n), "client_id": "intranet", "jti": rand.Text(),
		"iat": at, "exp": at + 3600, "auth_time": at - 60, "amr": []string{"pwd"}, "scope": "openid profile email read write",
		"email": fmt.Sprintf("person.%d@fabrikam.example", n), "name": "A. Person", "tenant": "fabrikam", "sid": rand.Text(),
	}
}

func (w *world) sign(alg jose.SignatureAlgorithm, claims object) (string, error) {
	var key crypto.PrivateKey = w.rsa
	kid := "rs"
	if alg == jose.ES256 {
		key, kid = w.ec, "es"
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: kid}},
		(&jose.SignerOptions{}).WithType("at+jwt"))
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}
