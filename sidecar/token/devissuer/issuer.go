package devissuer

import (
	"context"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"stepup/sidecar/access"
	"stepup/sidecar/token"
)

// What the development issuer and its tokens are called unless told otherwise.
const (
	URL        = token.Development
	Audience   = "https://stepup.invalid/api"
	Client     = "stepup-dev"
	Vocabulary = "stepup-demo"
)

// An Issuer mints tokens with the key of one state folder. It is safe for concurrent use.
type Issuer struct {
	key jose.JSONWebKey // private
}

// Open returns the issuer whose key is in folder, making both on first use. See
// [StateFolder] for where that is by default.
func Open(folder string) (*Issuer, error) {
	k, err := loadKey(folder)
	if err != nil {
		return nil, err
	}
	return &Issuer{key: k}, nil
}

// Configuration returns the entry with which a Verifier accepts this issuer's tokens:
// access tokens for [Audience] and ID tokens for [Client].
func (i *Issuer) Configuration() token.Issuer {
	return token.Issuer{
		URL: URL, Audiences: []string{Audience}, Clients: []string{Client},
		Vocabulary: Vocabulary, Algorithms: []string{string(jose.ES256)}, Keys: i,
	}
}

// Generation implements [token.Rotating]: the key is the same as long as the process lives.
func (i *Issuer) Generation() (number uint64, settled bool) { return 0, true }

// Find implements [token.Keys] with the one public key.
func (i *Issuer) Find(_ context.Context, kid string) ([]jose.JSONWebKey, error) {
	if kid != "" && kid != i.key.KeyID {
		return nil, &token.Error{Code: access.KeyNotFound, Detail: fmt.Sprintf("the development issuer's key has another kid than one %s", token.Unverified(kid))}
	}
	return []jose.JSONWebKey{i.key.Public()}, nil
}
