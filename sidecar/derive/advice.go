package derive

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
)

// A Present is the login as it is, for which a step-up is sought.
type Present struct {
	Levels []string
	Scopes []string
}

// Advise turns the ways that would do, of which there is at least one, into what to ask
// the provider for.
func (p Present) Advise(ways []Way, order assurance.Order) *access.StepUpAdvice {
	first := ways[0]
	advice := p.advice(first, p.request(ways, order))
	advice.ACRValues = acrValues(ways, first.MaxAge)
	for _, way := range ways[1:] {
		alternative := p.advice(way, way)
		alternative.ACRValues = way.Login.ACRValues()
		advice.Alternatives = append(advice.Alternatives, alternative)
	}
	return &advice
}

// advice says what a way demands and how to ask for a login.
func (p Present) advice(demands, ask Way) access.StepUpAdvice {
	return access.StepUpAdvice{
		Level:                demands.Login.Level,
		MaxAge:               demands.MaxAge,
		AuthorizationRequest: authorizationRequest(ask.Login, p.Scopes, demands.MaxAge),
	}
}

// request chooses the login to ask for: the weakest that is no weaker than the present one
// and holds for as long as the weakest that would do, so that nobody is asked to sign in
// more weakly than they did. Without one it is the weakest that would do itself.
func (p Present) request(ways []Way, order assurance.Order) Way {
	for _, way := range ways {
		if way.Holds(ways[0].MaxAge) && covers(order.Implied(way.Login.Level), p.Levels) {
			return way
		}
	}
	return ways[0]
}

// acrValues collects what asks for a login that was evaluated to hold up to maxAge, weakest
// first (RFC 9470, section 3: any one of them will do).
func acrValues(ways []Way, maxAge *int64) []string {
	values := []string{}
	for _, way := range ways {
		if !way.Holds(maxAge) {
			continue
		}
		for _, value := range way.Login.ACRValues() {
			if !slices.Contains(values, value) {
				values = append(values, value)
			}
		}
	}
	return values
}

// authorizationRequest returns the parameters that ask for a login (OpenID Connect Core,
// section 3.1.2.1): its own, the scopes of both, and the age.
func authorizationRequest(login assurance.Login, scopes []string, maxAge *int64) map[string]string {
	request := maps.Clone(login.Request)
	if request == nil {
		request = map[string]string{}
	}
	if scope := strings.Join(assurance.UniteScopes(scopes, strings.Fields(login.Request["scope"]), login.Scopes), " "); scope != "" {
		request["scope"] = scope
	}
	if maxAge != nil {
		request["max_age"] = strconv.FormatInt(*maxAge, 10)
	}
	return request
}

// Weaker reports whether the present login lacks a level of another.
func (p Present) Weaker(login assurance.Login, order assurance.Order) bool {
	return !covers(p.Levels, order.Implied(login.Level))
}

// Lacks reports whether the present login lacks a scope that another brings.
func (p Present) Lacks(login assurance.Login) bool { return !covers(p.Scopes, login.Scopes) }

func covers(set, wanted []string) bool {
	for _, one := range wanted {
		if !slices.Contains(set, one) {
			return false
		}
	}
	return true
}
