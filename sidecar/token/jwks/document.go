package jwks

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"stepup/sidecar/token"
)

// maxKeys bounds a key set.
const maxKeys = 100

// document is a key set as it was read: the keys that can verify something, and why the
// others cannot.
type document struct {
	keys     []jose.JSONWebKey
	skipped  []string
	lifetime time.Duration // how long it may be used without asking again
	same     bool          // what was read before is still so; keys and skipped are empty
}

// parse reads a JWK Set. The set as a whole must be sound; a key that is not, or is of
// a kind we do not know, is skipped (RFC 7517, section 5). go-jose would refuse the whole
// set for one of them.
func parse(data []byte) (document, error) {
	var set struct {
		Keys *[]jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return document{}, fmt.Errorf("reading the key set: %w", err)
	}
	if set.Keys == nil {
		return document{}, errors.New(`the key set has no member "keys"`)
	}
	if n := len(*set.Keys); n > maxKeys {
		return document{}, fmt.Errorf("the key set has %d keys, more than %d", n, maxKeys)
	}
	doc := document{}
	for i, raw := range *set.Keys {
		k, err := parseKey(raw)
		if err != nil {
			doc.skipped = append(doc.skipped, fmt.Sprintf("key %d (kid %s): %v", i+1, token.Quote(k.KeyID), err))
			continue
		}
		doc.keys = append(doc.keys, k)
	}
	return doc, nil
}

// members are those of a JWK that go-jose does not keep, or that must not be there.
type members struct {
	KeyID  string         `json:"kid"`
	KeyOps []string       `json:"key_ops"`
	D      jsontext.Value `json:"d"`
	K      jsontext.Value `json:"k"`
	Priv   jsontext.Value `json:"priv"`
}

// parseKey reads one key. On an error the key returned holds nothing but its kid.
func parseKey(raw jsontext.Value) (jose.JSONWebKey, error) {
	var m members
	if err := json.Unmarshal(raw, &m); err != nil {
		return jose.JSONWebKey{}, err
	}
	named := jose.JSONWebKey{KeyID: m.KeyID}
	if m.D != nil || m.K != nil || m.Priv != nil {
		return named, errors.New("it is private or symmetric, so whoever has read it can sign with it")
	}
	if m.KeyOps != nil && !slices.Contains(m.KeyOps, "verify") {
		return named, errors.New("its key_ops has no verify")
	}
	k, err := decodeKey(raw)
	if err == nil {
		err = token.CheckKey(k)
	}
	if err != nil {
		return named, err
	}
	return k, nil
}

// decodeKey guards against a library that panics on what a server sent.
func decodeKey(raw []byte) (k jose.JSONWebKey, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the JOSE library panicked: %v", r)
		}
	}()
	err = k.UnmarshalJSON(raw)
	return k, err
}
