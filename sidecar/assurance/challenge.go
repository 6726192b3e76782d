package assurance

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"stepup/sidecar/access"
)

// challenge is the form in which a kind of provider wants to be told of a step-up; empty
// is RFC 9470.
type challenge string

// insufficientClaims is Microsoft Entra's: the client is told, and tells the provider, in a
// claims parameter (OpenID Connect Core, section 5.5) which value of a claim is wanted.
// Entra does not read acr_values.
const insufficientClaims challenge = "insufficient_claims"

// asked adds what asks for a login where that follows from the claims it shows: the first
// value of the words claim, as essential.
func (v *Vocabulary) asked(l Login) Login {
	values := textsOf(l.Claims[0][v.wordsClaim])
	if v.challenge != insufficientClaims || len(values) == 0 {
		return l
	}
	l.Request = maps.Clone(l.Request)
	if l.Request == nil {
		l.Request = map[string]string{}
	}
	l.Request["claims"] = claimsRequest(v.wordsClaim, values[0])
	return l
}

// claimsRequest is the JSON of a claims parameter, without white space: it travels in a
// header.
func claimsRequest(claim, value string) string {
	type wanted struct {
		Essential bool   `json:"essential"`
		Value     string `json:"value"`
	}
	text, err := json.Marshal(map[string]map[string]wanted{"access_token": {claim: {true, value}}})
	if err != nil {
		panic("assurance: claims parameter: " + err.Error()) // strings of printable ASCII always encode
	}
	return string(text)
}

// Challenges turns what to ask the provider for into what a resource server sends in
// WWW-Authenticate. The claims are those of the token that was refused; they are asked for only
// where they are looked at.
//
// Entra's form stands instead of RFC 9470, not beside it: its clients look for one Bearer
// challenge. It is sent only to clients that say in xms_cc that they understand it, and
// only for a value that the token lacks: it cannot ask for a fresh login, and would be met
// without one. Otherwise RFC 9470 holds.
func (v *Vocabulary) Challenges(s access.StepUpAdvice, claims func() access.Object) []access.Challenge {
	wanted := s.AuthorizationRequest["claims"]
	if v.challenge != insufficientClaims || wanted == "" || v.has(claims(), wanted) || !understandsClaims(claims()) {
		return access.StepUpChallenges(s)
	}
	return []access.Challenge{{
		Scheme: access.SchemeBearer,
		Error:  string(insufficientClaims),
		Claims: &access.ClaimsChallenge{
			AuthorizationURI: commonEndpoint,
			Request:          base64.StdEncoding.EncodeToString([]byte(wanted)),
		},
	}}
}

// has reports whether claims have what a claims parameter asks for.
func (v *Vocabulary) has(claims access.Object, wanted string) bool {
	return slices.ContainsFunc(textsOf(claims[v.wordsClaim]), func(value string) bool {
		return claimsRequest(v.wordsClaim, value) == wanted
	})
}

// commonEndpoint serves every tenant; with it the realm must be empty. An issuer does not
// tell its cloud's other endpoints, and clients go to the tenant that they know anyway.
const commonEndpoint = "https://login.microsoftonline.com/common/oauth2/authorize"

// understandsClaims reports whether the client declared the capability cp1. The values are
// compared without case, as documented.
func understandsClaims(claims access.Object) bool {
	return slices.ContainsFunc(textsOf(claims["xms_cc"]), func(capability string) bool {
		return strings.EqualFold(capability, "cp1")
	})
}
