package idp

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"time"
)

// A factor is one way of proving who is there. Begin opens a challenge; Finish judges
// what came back for it, once: errWrong asks again, any other error is a fault.
type factor interface {
	begin(ctx context.Context, c *challenge) (prompt, error)
	finish(ctx context.Context, c *challenge, answer url.Values) error
}

// A challenge is one person being asked for one factor.
type challenge struct {
	method   string
	account  *account // nil: whoever has the passkey
	state    string   // finds the challenge again when the browser comes back from elsewhere
	returnTo string   // where it comes back to
	now      time.Time
	memory   any // what begin wants finish to know; it never leaves the provider
}

// A prompt is what the person sees: a page of ours, or somebody else's.
type prompt struct {
	page     string // name of the template
	options  string // for the page's script
	redirect string // elsewhere
}

// errWrong is the answer that does not prove it. What was wrong is for the log.
var errWrong = errors.New("the answer does not prove the factor")

// addFactors makes the factors that this provider has.
func (p *Provider) addFactors() error {
	p.factors = map[string]factor{methodPassword: passwordFactor{p}, methodTOTP: totpFactor{}}
	passkeys, err := newPasskeys(p.config.Issuer)
	if err != nil {
		return err
	}
	if p.passkeys = passkeys; passkeys != nil {
		p.factors[methodPasskey] = passkeyFactor{p}
	}
	if d := p.config.Duo; d != nil {
		if err := d.check(); err != nil {
			return err
		}
		p.factors[methodDuo] = duoFactor{*d, p.config.HTTP, p.config.Now}
	}
	if c := p.config.Custom; c != nil {
		if err := c.check(); err != nil {
			return err
		}
		p.factors[methodCustom] = customFactor{*c, p.config.Now}
	}
	return nil
}

// methodsOf lists what a person can be asked for here: the password, and theirs.
func (p *Provider) methodsOf(a *account) []string {
	methods := []string{methodPassword}
	for _, m := range a.factors() {
		if p.factors[m] != nil && !slices.Contains(methods, m) {
			methods = append(methods, m)
		}
	}
	return methods
}

// factors are the person's own, with those that were set up meanwhile.
func (a *account) factors() []string {
	all := slices.Clone(a.user.Factors)
	for _, m := range []string{methodTOTP, methodPasskey} {
		if a.ready(m) {
			all = append(all, m)
		}
	}
	return all
}

// beginners are the factors by which somebody can say who they are.
func (p *Provider) beginners() []string {
	if p.passkeys == nil {
		return []string{methodPassword}
	}
	return []string{methodPassword, methodPasskey}
}

type passwordFactor struct{ p *Provider }

func (passwordFactor) begin(context.Context, *challenge) (prompt, error) {
	return prompt{page: "password"}, nil
}

// finish compares with the account's password, or with nobody's, so that a name that does
// not exist takes as long as one that does.
func (f passwordFactor) finish(_ context.Context, c *challenge, answer url.Values) error {
	hash := f.p.unknown
	if c.account != nil {
		hash = c.account.password
	}
	f.p.hashing <- struct{}{}
	defer func() { <-f.p.hashing }()
	if !hash.matches(answer.Get("password")) || c.account == nil {
		return errWrong
	}
	return nil
}

type totpFactor struct{}

func (totpFactor) begin(context.Context, *challenge) (prompt, error) {
	return prompt{page: "otp"}, nil
}

func (totpFactor) finish(_ context.Context, c *challenge, answer url.Values) error {
	return judgeCode(c.account.takeCode(answer.Get("code"), c.now))
}
