package token

import (
	"context"
	"time"

	"stepup/sidecar/access"
)

// Rotating is what [Keys] are beside that can tell when they are others than before. Keys
// that cannot are asked for every token.
//
// Generation returns a number that changes with the keys, and whether a Find would return
// keys of that generation at once: false while there are none, or while it is time to ask
// for newer ones. It is called for every token, does no work, and is safe for concurrent
// use.
type Rotating interface {
	Generation() (number uint64, settled bool)
}

// A Standing is all that a proof hangs on besides the text of its token and the
// configuration: the issuer's keys, and the clock. The zero value holds at no moment.
type Standing struct {
	keys        Rotating // nil: nobody tells when they change
	generation  uint64
	from, until int64 // the times of the token, with leeway; until is the first second after
}

// Holds reports whether verifying the same token anew, at this moment, would prove the
// same.
func (s Standing) Holds(now time.Time) bool {
	if s.keys == nil || now.Unix() < s.from || now.Unix() >= s.until {
		return false
	}
	generation, settled := s.keys.Generation()
	return settled && generation == s.generation
}

// Prove is [Verifier.Verify], and tells besides for how long that stands.
func (v *Verifier) Prove(ctx context.Context, now time.Time, c access.Credential) (*Claims, Standing, error) {
	claims, standing, err := v.prove(ctx, now, c)
	if err != nil {
		return nil, Standing{}, err // not the nil *Error of a success
	}
	return claims, standing, nil
}

// standing is taken before the keys are looked up: had they changed in between, a proof by
// the old ones would pass for one by the new.
func (i *issuer) standing() Standing {
	keys, can := i.Keys.(Rotating)
	if !can {
		return Standing{}
	}
	generation, settled := keys.Generation()
	if !settled {
		return Standing{}
	}
	return Standing{keys: keys, generation: generation}
}

// within bounds a standing by the times of a token, as [times.check] holds them against
// the clock.
func (s Standing) within(t times, skew time.Duration) Standing {
	leeway := int64(skew / time.Second)
	s.until = *t.exp + leeway
	for _, beginning := range []*int64{t.nbf, t.iat} {
		if beginning != nil {
			s.from = max(s.from, *beginning-leeway)
		}
	}
	return s
}
