package pdp

import (
	"context"

	"stepup/sidecar/access"
	"stepup/sidecar/derive"
)

// whyStepUp says which half of the present login falls short of the one that would do.
func (o *oracle) whyStepUp(ctx context.Context, present derive.Present, way derive.Way) access.Code {
	switch {
	case present.Weaker(way.Login, o.policy.Order()):
		return access.LevelTooLow
	case present.Lacks(way.Login) && o.scopeWouldDo(ctx, way):
		return access.ScopeInsufficient
	case len(o.vocabulary.AuthTime) == 0:
		return access.LevelTooLow // no login here has an age: what is left is how they signed in
	case o.doc.Assurance.AuthTime == 0:
		return access.LoginTimeUnknown
	}
	return access.LoginTooOld
}

// scopeWouldDo reports whether the login that would do would also do at the age of the
// present one: then only a scope is missing.
func (o *oracle) scopeWouldDo(ctx context.Context, way derive.Way) bool {
	for m := range way.Login.Claims {
		c := derive.Candidate{Login: way.Login, Number: way.Number, Member: m}
		if allowed, err := o.Allows(ctx, c, o.doc.Age()); err != nil || !allowed {
			return false
		}
	}
	return true
}

// whyDeny says why no login would do.
func (o *oracle) whyDeny(ctx context.Context, found derive.Finding) access.Code {
	switch {
	case found.TooShort:
		return access.WindowTooShort
	case o.timeWouldDo(ctx):
		return access.LoginTimeUnknown
	}
	return access.NotAllowed
}

// timeWouldDo reports whether one of the logins would do, if only the provider's tokens
// told when it was.
func (o *oracle) timeWouldDo(ctx context.Context) bool {
	if len(o.vocabulary.AuthTime) > 0 {
		return false
	}
	for n, login := range o.vocabulary.Logins {
		if o.freshWouldDo(ctx, derive.Way{Login: login, Number: n}) {
			return true
		}
	}
	return false
}

// freshWouldDo reports whether a login would do, were it known to be of this moment.
func (o *oracle) freshWouldDo(ctx context.Context, way derive.Way) bool {
	for m := range way.Login.Claims {
		doc := o.document(derive.Candidate{Login: way.Login, Number: way.Number, Member: m})
		doc.Assurance.AuthTime = doc.Now
		if allowed, err := o.allows(ctx, doc); err != nil || !allowed {
			return false
		}
	}
	return true
}
