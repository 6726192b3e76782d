package idp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Rule is the login rule: which factors are still to be proved, and which claims follow.
// [RuleAt] asks a sidecar; another implementation evaluates the rule in the same process.
type Rule interface {
	Login(ctx context.Context, q Question) (Answer, error)
}

// A Question tells the login rule what was asked, by whom, and what they proved. Its JSON
// is the body of POST /v1/login.
type Question struct {
	AuthorizationRequest AuthorizationRequest `json:"authorization_request"`
	User                 Person               `json:"user"`
	Session              Proved               `json:"session"`
	Client               Application          `json:"client"`

	// Now is the provider's clock, in whole seconds, for a rule in the same process; over
	// HTTP the rule has its own.
	Now int64 `json:"-"`
}

// An AuthorizationRequest has the parameters of an authorization request that the rule
// reads, empty where absent (OpenID Connect Core, section 3.1.2.1).
type AuthorizationRequest struct {
	Scope     string         `json:"scope,omitempty"`
	ACRValues string         `json:"acr_values,omitempty"`
	MaxAge    string         `json:"max_age,omitempty"`
	Prompt    string         `json:"prompt,omitempty"`
	Claims    map[string]any `json:"claims,omitempty"`
}

// A Person is who signs in, with the factors they can be asked for, the preferred one
// first. Until it is known who signs in, the ID is empty and the factors are those that
// anybody can begin with.
type Person struct {
	ID      string   `json:"id"`
	Factors []string `json:"factors"`
}

// Proved is what this person completed in this session.
type Proved struct {
	Completed   []Proof        `json:"completed"`
	RequestedAt int64          `json:"requested_at"` // when the authorization request came in
	Refresh     bool           `json:"refresh"`
	Claims      map[string]any `json:"claims"` // of the login, on a refresh; else empty
}

// A Proof is a factor that was completed, and when.
type Proof struct {
	Factor string `json:"factor"`
	Time   int64  `json:"time"`
}

// An Application is the OAuth client.
type Application struct {
	ID         string         `json:"id"`
	Properties map[string]any `json:"properties"`
}

// An Answer has exactly one of Factors, Claims and Error.
type Answer struct {
	Factors          []string `json:"factors,omitempty"` // still to be proved
	RememberedDevice string   `json:"remembered_device,omitempty"`
	Claims           *Claims  `json:"claims,omitempty"`
	Error            string   `json:"error,omitempty"`
}

// Claims are what tokens tell of a login.
type Claims struct {
	AuthenticationLevel string   `json:"authentication_level"`
	ACR                 string   `json:"acr"`
	AMR                 []string `json:"amr"`
	AuthTime            int64    `json:"auth_time"`
}

// The errors that the rule may answer, which the client is told (OpenID Connect Core,
// section 3.1.2.6; OpenID Connect Core Error Code unmet_authentication_requirements).
const (
	errorLoginRequired       = "login_required"
	errorInteractionRequired = "interaction_required"
	errorUnmet               = "unmet_authentication_requirements"
)

// ask asks the login rule, and holds its answer to the contract. Every error is a fault:
// nobody is signed in on one.
func (p *Provider) ask(ctx context.Context, q Question) (Answer, error) {
	a, err := p.config.Rule.Login(ctx, q)
	if err != nil {
		return Answer{}, fmt.Errorf("asking the login rule: %w", err)
	}
	if err := a.check(q); err != nil {
		return Answer{}, fmt.Errorf("reading the login rule's answer: %w", err)
	}
	return a, nil
}

func (a Answer) check(q Question) error {
	told := 0
	for _, there := range []bool{len(a.Factors) > 0, a.Claims != nil, a.Error != ""} {
		if there {
			told++
		}
	}
	switch {
	case told != 1:
		return fmt.Errorf("%d of factors, claims and error; there must be one", told)
	case a.Claims != nil:
		return a.Claims.check(q)
	case a.Error != "":
		return checkError(a.Error)
	}
	return checkFactors(a.Factors, q)
}

func checkError(code string) error {
	if !slices.Contains([]string{errorLoginRequired, errorInteractionRequired, errorUnmet}, code) {
		return fmt.Errorf("error %q is none of the rule's", code)
	}
	return nil
}

// checkFactors refuses what this person cannot be asked for.
func checkFactors(factors []string, q Question) error {
	for _, f := range factors {
		if !slices.Contains(q.User.Factors, f) {
			return fmt.Errorf("factor %q is not one of %s", f, strings.Join(q.User.Factors, ", "))
		}
	}
	if q.Session.Refresh {
		return errors.New("factors on a refresh, when nobody is there to prove them")
	}
	return nil
}

// check refuses claims for which nothing was proved, or not yet.
func (c Claims) check(q Question) error {
	switch {
	case c.AuthenticationLevel == "" && c.ACR == "":
		return errors.New("claims without a level")
	case c.AuthTime <= 0 || c.AuthTime > q.Now:
		return fmt.Errorf("auth_time %d is not a moment up to now, %d", c.AuthTime, q.Now)
	case len(q.Session.Completed) == 0:
		return errors.New("claims although nothing was proved")
	}
	return nil
}

// with adds a proof, in the place of an earlier one of the same factor.
func with(proofs []Proof, factor string, now time.Time) []Proof {
	kept := slices.DeleteFunc(slices.Clone(proofs), func(p Proof) bool { return p.Factor == factor })
	return append(kept, Proof{factor, now.Unix()})
}
