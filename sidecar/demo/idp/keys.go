package idp

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// signatureAlgorithm is what every client and resource server has to know (OpenID Connect
// Core, section 15.1; RFC 9068, section 2.1).
const signatureAlgorithm = jose.RS256

// A ring has the key that signs, the one that will, and the last that did, and publishes
// all three: a new key is known before it is used, and an old one as long as its tokens
// live.
type ring struct {
	lifetime time.Duration

	mu      sync.Mutex
	keys    []jose.JSONWebKey // next, present, last
	present time.Time         // since when the present key signs
	made    int
}

func newRing(now time.Time, lifetime time.Duration) (*ring, error) {
	r := &ring{lifetime: lifetime}
	return r, r.replace(now)
}

// replace forgets all keys, without notice, and makes new ones.
func (r *ring) replace(now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys = nil
	for range 2 {
		if err := r.add(); err != nil {
			return err
		}
	}
	r.present = now
	return nil
}

// rotate lets the next key sign, and announces another.
func (r *ring) rotate(now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rotateLocked(now)
}

func (r *ring) rotateLocked(now time.Time) error {
	if err := r.add(); err != nil {
		return err
	}
	r.keys = r.keys[:min(len(r.keys), 3)]
	r.present = now
	return nil
}

func (r *ring) add() error {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return fmt.Errorf("making a signing key: %w", err)
	}
	r.made++
	key := jose.JSONWebKey{Key: private, KeyID: fmt.Sprintf("%d-%s", r.made, randomText(6)), Algorithm: string(signatureAlgorithm), Use: "sig"}
	r.keys = append([]jose.JSONWebKey{key}, r.keys...)
	return nil
}

func (r *ring) signer(now time.Time) (jose.JSONWebKey, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.present) >= r.lifetime {
		if err := r.rotateLocked(now); err != nil {
			return jose.JSONWebKey{}, err
		}
	}
	return r.keys[1], nil
}

// published returns the public keys.
func (r *ring) published() jose.JSONWebKeySet {
	r.mu.Lock()
	defer r.mu.Unlock()
	set := jose.JSONWebKeySet{}
	for _, k := range r.keys {
		set.Keys = append(set.Keys, k.Public())
	}
	return set
}

// sign makes a token of the given typ.
func (r *ring) sign(now time.Time, typ string, claims map[string]any) (string, error) {
	key, err := r.signer(now)
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("writing claims: %w", err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: signatureAlgorithm, Key: key}, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		return "", fmt.Errorf("preparing to sign: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("signing: %w", err)
	}
	return signed.CompactSerialize()
}

// errNotOurs covers whatever is wrong with a token that should be ours.
var errNotOurs = errors.New("the token is not one of this provider's")

// verify reads a token that this provider signed, of the given typ. Whether it expired
// is for the caller to say.
func (r *ring) verify(text, typ string) (map[string]any, error) {
	signed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{signatureAlgorithm})
	if err != nil || len(signed.Signatures) != 1 || signed.Signatures[0].Header.ExtraHeaders[jose.HeaderType] != typ {
		return nil, errNotOurs
	}
	payload, err := signed.Verify(r.published())
	if err != nil {
		return nil, errNotOurs
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil, errNotOurs
	}
	return claims, nil
}
