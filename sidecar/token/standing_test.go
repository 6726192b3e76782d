package token_test

import (
	"context"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"stepup/sidecar/access"
	"stepup/sidecar/token"
	"stepup/sidecar/token/tokentest"
)

// turning are keys that rotate while somebody looks for one.
type turning struct {
	tokentest.Static
	number  uint64
	unready bool
	turns   bool // at the next Find
}

func (k *turning) Find(ctx context.Context, kid string) ([]jose.JSONWebKey, error) {
	found, err := k.Static.Find(ctx, kid)
	if k.turns {
		k.number++
	}
	return found, err
}

func (k *turning) Generation() (uint64, bool) { return k.number, !k.unready }

// A proof stands within the token's times and as long as the keys are the same.
func TestStanding(t *testing.T) {
	keys := &turning{}
	b := newBench(t, func(i *token.Issuer) { i.Keys = keys })
	keys.Static = tokentest.Static{b.key}
	at := func(seconds int64) time.Time { return now.Add(time.Duration(seconds) * time.Second) }
	for name, row := range map[string]struct {
		claims      access.Object
		from, until int64 // the first second and the first after, from now
	}{
		"iat and exp":      {access.Object{"iat": now.Unix() - 60, "exp": now.Unix() + 600}, -90, 630},
		"nbf after iat":    {access.Object{"iat": now.Unix() - 60, "nbf": now.Unix() - 20, "exp": now.Unix() + 600}, -50, 630},
		"nbf before iat":   {access.Object{"iat": now.Unix() - 60, "nbf": now.Unix() - 90, "exp": now.Unix() + 600}, -90, 630},
		"expired, leeway":  {access.Object{"iat": now.Unix() - 60, "exp": now.Unix() - 10}, -90, 20},
		"fractional times": {access.Object{"iat": float64(now.Unix()) - 59.5, "exp": float64(now.Unix()) + 600.5}, -89, 630},
	} {
		text := access.NewCredential(b.signed(claims(row.claims)))
		_, standing, err := b.verifier.Prove(t.Context(), now, text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, moment := range []int64{row.from - 1, row.from, row.until - 1, row.until} {
			_, err := b.verifier.Verify(t.Context(), at(moment), text)
			if holds := standing.Holds(at(moment)); holds != (err == nil) {
				t.Errorf("%s: Holds(%+d s) = %t, but verified anew: %v", name, moment, holds, err)
			}
		}
		if standing.Holds(at(row.from-1)) || !standing.Holds(at(row.from)) || !standing.Holds(at(row.until-1)) || standing.Holds(at(row.until)) {
			t.Errorf("%s: does not hold from %+d s to %+d s", name, row.from, row.until)
		}
	}
}

func TestStandingOfKeys(t *testing.T) {
	keys := &turning{}
	b := newBench(t, func(i *token.Issuer) { i.Keys = keys })
	keys.Static = tokentest.Static{b.key}
	prove := func() token.Standing {
		t.Helper()
		_, standing, err := b.verifier.Prove(t.Context(), now, access.NewCredential(b.signed(claims(nil))))
		if err != nil {
			t.Fatal(err)
		}
		return standing
	}
	want := func(what string, s token.Standing, holds bool) {
		t.Helper()
		if s.Holds(now) != holds {
			t.Errorf("%s: Holds = %t", what, !holds)
		}
	}
	before := prove()
	want("the same keys", before, true)
	keys.unready = true
	want("keys that are to be asked for", before, false)
	want("a proof by such keys", prove(), false)
	keys.unready = false
	want("the same keys again", before, true)
	keys.number++
	want("other keys", before, false)
	keys.turns = true
	want("keys that rotated while they were looked up", prove(), false)
	want("nothing", token.Standing{}, false)
}

// Keys that cannot tell when they change are asked every time.
func TestNoStandingWithoutGenerations(t *testing.T) {
	b := newBench(t, func(i *token.Issuer) { i.Keys = fixed(nil) })
	b.verifier = newVerifier(t, skew, 0, token.Issuer{URL: strictURL, Audiences: []string{api}, Vocabulary: "oidc", Keys: silent{tokentest.Static{b.key}}})
	_, standing, err := b.verifier.Prove(t.Context(), now, access.NewCredential(b.signed(claims(nil))))
	if err != nil || standing.Holds(now) {
		t.Errorf("Prove: %v, holds %t", err, standing.Holds(now))
	}
}

type silent struct{ keys token.Keys }

func (s silent) Find(ctx context.Context, kid string) ([]jose.JSONWebKey, error) {
	return s.keys.Find(ctx, kid)
}
