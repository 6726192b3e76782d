package pdp

import (
	"encoding/json"

	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
	"stepup/sidecar/token"
)

// What values take in memory, about. It is measured in memory_test.go, and errs towards
// more: what is told here is what bounds a cache.
const (
	sizeOfText    = 16  // of a string's header
	sizeOfValue   = 80  // of an entry of a map from text to any, with its share of empty places
	sizeOfMap     = 64  // of a map without its entries
	sizeOfPlaces  = 208 // of a map's first places, beyond one entry: there are eight of them at once
	sizeOfProof   = 512 // of a proof with its standings, claims and reading
	sizeOfRequest = 768 // of a request without its texts
	sizeOfSaid    = 256 // of a saying without what hangs on it
	sizeOfLogin   = 512 // of one login of an advice
)

// size tells what a proof takes that was read from its text. What is read of its claims now and then is
// gone with the next run of the garbage collector, and not told.
func (p *proof) size() int {
	n := sizeOfProof + sizeOfClaims(p.claims) + sizeOfReading(p.read.reading)
	if e := p.claims.Evidence; e != nil {
		n += sizeOfClaims(e)
	}
	return n
}

// The texts of claims, and those of readings, are parts of one; they are counted twice, as parts of the payload too.
func sizeOfClaims(c *token.Claims) int {
	return sizeOfProof + 2*c.All.Size() + sizeOfText*(len(c.Scopes)+len(c.Audiences))
}

func sizeOfReading(r assurance.Reading) int {
	return sizeOfValue * (len(r.Assurance.Methods) + len(r.Assurance.Levels) + len(r.Invalid))
}

func (s *saying) size() int {
	n := sizeOfSaid
	for _, r := range s.ruling.Reasons {
		n += 2*sizeOfText + len(r.Code) + len(r.Message)
	}
	for _, o := range s.ruling.Obligations {
		n += sizeOfObject(o)
	}
	for _, o := range s.ruling.Labels {
		n += sizeOfObject(o)
	}
	for name, value := range s.ruling.Headers {
		n += 2*sizeOfText + len(name) + len(value)
	}
	if s.advice != nil {
		n += sizeOfLogin * (1 + len(s.advice.Alternatives))
		for _, value := range s.advice.AuthorizationRequest {
			n += (1 + len(s.advice.Alternatives)) * len(value)
		}
	}
	return n
}

// SizeOf tells how much memory a request takes with its token, about.
func SizeOf(r access.Request) int {
	n := sizeOfRequest + len(r.Credential.Reveal()) + len(r.Evidence.Reveal())
	for _, text := range []string{r.Asserted.ID, r.Action.Name, r.Resource.Type, r.Resource.ID} {
		n += len(text)
	}
	for _, o := range []access.Object{r.Asserted.Properties, r.Action.Properties, r.Resource.Properties, r.Context} {
		n += sizeOfObject(o)
	}
	if r.HTTP == nil {
		return n
	}
	n += len(r.HTTP.Path)*2 + len(r.HTTP.Segments)*sizeOfText
	for _, lists := range []map[string][]string{r.HTTP.Query, r.HTTP.Headers} {
		for name, values := range lists {
			n += sizeOfValue + len(name)
			for _, value := range values {
				n += sizeOfText + len(value)
			}
		}
	}
	return n
}

// SizeOfValue tells how much memory a value of JSON takes, about.
func SizeOfValue(v any) int { return sizeOf(v) }

func sizeOfObject(o access.Object) int {
	n := sizeOfMap
	if len(o) > 0 {
		n += sizeOfPlaces
	}
	for name, value := range o {
		n += sizeOfValue + len(name) + sizeOf(value)
	}
	return n
}

func sizeOf(v any) int {
	switch v := v.(type) {
	case string:
		return sizeOfText + len(v)
	case json.Number:
		return sizeOfText + len(v)
	case []any:
		n := 2 * sizeOfText
		for _, e := range v {
			n += sizeOfText + sizeOf(e)
		}
		return n
	case map[string]any:
		return sizeOfObject(v)
	}
	return sizeOfText
}

func sizeOfRequirements(r access.Requirements) int {
	n := sizeOfSaid
	for _, issuer := range r.Issuers {
		n += sizeOfText + sizeOfLogin*len(issuer.Logins)
	}
	return n
}
