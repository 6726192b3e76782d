package token_test

import (
	"context"
	"errors"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"stepup/sidecar/access"
	"stepup/sidecar/token"
)

// fixed gives all its keys whatever is asked, as a careless source would.
type fixed []jose.JSONWebKey

func (f fixed) Find(context.Context, string) ([]jose.JSONWebKey, error) { return f, nil }

// broken is a source that fails with an error of its own.
type broken struct{ err error }

func (b broken) Find(context.Context, string) ([]jose.JSONWebKey, error) { return nil, b.err }

// panicking must not be asked.
type panicking struct{ t *testing.T }

func (p panicking) Find(context.Context, string) ([]jose.JSONWebKey, error) {
	p.t.Error("the source of keys was asked")
	return nil, errors.New("asked")
}

func TestASourceThatFails(t *testing.T) {
	for _, row := range []struct {
		name string
		err  error
		want string
	}{
		{"with a code of ours", &token.Error{Code: access.KeyNotFound}, "key_not_found"},
		{"with any other error", errors.New("disk on fire"), "keys_unavailable"},
		{"because the caller gave up", context.Canceled, "keys_unavailable"},
	} {
		b := newBench(t, func(i *token.Issuer) { i.Keys = broken{row.err} })
		b.once(row.name, b.signed(claims(nil)), row.want)
	}
}

// TestNothingIsFetchedForWhatIsRefusedAnyway: checks that need no key come before it.
func TestNothingIsFetchedForWhatIsRefusedAnyway(t *testing.T) {
	b := newBench(t, func(i *token.Issuer) { i.Keys = panicking{t} })
	b.once("a conflicting typ", b.signed(claims(nil), "dpop+jwt"), "typ_mismatch")
	b.once("a look-alike issuer", b.signed(claims(access.Object{"iss": strictURL + "x"})), "issuer_unknown")
	b.once("an algorithm nobody lists", b.withHeader(access.Object{"alg": "HS256"}), "alg_not_allowed")
	b.once("crit", b.withHeader(access.Object{"crit": []string{"x"}}), "header_rejected")
}

// byKid is a set of public keys.
type byKid []jose.JSONWebKey

func (s byKid) Find(_ context.Context, kid string) ([]jose.JSONWebKey, error) {
	set := jose.JSONWebKeySet{Keys: s}
	return set.Key(kid), nil
}
