package cases

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Keys sign the tokens of cases: a throw-away key for each algorithm that a case names, and
// one of a stranger. They are never written anywhere.
type Keys struct {
	issuer, stranger map[string]any // by algorithm
}

// NewKeys makes the keys that some cases need.
func NewKeys(list []Case) (*Keys, error) {
	k := &Keys{issuer: map[string]any{}, stranger: map[string]any{}}
	for _, c := range list {
		if c.Token == nil || c.Token.Text != "" {
			continue
		}
		for _, ring := range []map[string]any{k.issuer, k.stranger} {
			if err := addKey(ring, algorithmOf(*c.Token)); err != nil {
				return nil, fmt.Errorf("%s: token.header.alg: %w", c.File, err)
			}
		}
	}
	return k, nil
}

func algorithmOf(t Token) string {
	alg, _ := t.Header["alg"].(string)
	return alg
}

func addKey(ring map[string]any, alg string) error {
	if ring[alg] != nil {
		return nil
	}
	private, err := newKey(alg)
	if err == nil {
		ring[alg] = private
	}
	return err
}

func newKey(alg string) (any, error) {
	switch alg {
	case "ES256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "EdDSA":
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512":
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return nil, fmt.Errorf("nobody signs with %q: it is one of ES256, ES384, ES512, EdDSA, RS256 to RS512, PS256 to PS512", alg)
}

// JWKS is the document that publishes the issuer's keys (RFC 7517, section 5).
func (k *Keys) JWKS() ([]byte, error) {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, alg := range slices.Sorted(maps.Keys(k.issuer)) {
		private := jose.JSONWebKey{Key: k.issuer[alg], KeyID: keyID(alg), Algorithm: alg, Use: "sig"}
		set.Keys = append(set.Keys, private.Public())
	}
	return json.Marshal(set)
}

func keyID(alg string) string { return "case-" + alg }

// Sign makes a token of its facts, as a case's Question needs it.
func (k *Keys) Sign(t Token) (string, error) {
	payload, err := payloadOf(t.Claims)
	if err != nil {
		return "", err
	}
	ring := k.issuer
	switch t.SignedBy {
	case "", "issuer", "nobody":
	case "stranger":
		ring = k.stranger
	default:
		return "", fmt.Errorf("token.signed_by is %q; it is issuer, stranger or nobody", t.SignedBy)
	}
	signed, err := sign(ring, t.Header, payload)
	if t.SignedBy == "nobody" && err == nil {
		signed = signed[:strings.LastIndexByte(signed, '.')+1]
	}
	return signed, err
}

// payloadOf is the whole payload; a text is JSON as it stands, good or bad.
func payloadOf(claims any) ([]byte, error) {
	if text, ok := claims.(string); ok {
		return []byte(text), nil
	}
	return json.Marshal(claims)
}

func sign(ring map[string]any, header map[string]any, payload []byte) (string, error) {
	alg, _ := header["alg"].(string)
	kid, named := header["kid"].(string)
	if !named {
		kid = keyID(alg)
	}
	options := &jose.SignerOptions{}
	for name, value := range header {
		if name != "alg" && name != "kid" {
			options = options.WithHeader(jose.HeaderKey(name), value)
		}
	}
	signer, err := jose.NewSigner(jose.SigningKey{
		Algorithm: jose.SignatureAlgorithm(alg), Key: jose.JSONWebKey{Key: ring[alg], KeyID: kid},
	}, options)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}
