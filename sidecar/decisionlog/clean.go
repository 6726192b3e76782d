package decisionlog

import (
	"encoding/json"
	"math"
	"regexp"
	"strconv"
	"strings"

	"stepup/sidecar/access"
)

// redacted stands where a credential was.
const redacted = "[redacted]"

// compactJOSE is what looks like a JWS or JWE in compact form (RFC 7515 and RFC 7516, each
// section 7.1) wherever it stands in a text: a token, a DPoP proof, a client assertion.
// What begins with eyJ is the base64url of an object, which every JOSE header is.
var compactJOSE = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{6,}(?:(?:\.|%2[eE])[A-Za-z0-9_-]*){1,4}`)

// scheme is a text that is the value of an Authorization field.
var scheme = regexp.MustCompile(`(?i)^\s*(bearer|dpop|basic)\s+[^\s]{16,}\s*$`)

// secretNames are members that hold credentials whatever is in them, in lower case: the
// header fields that carry them, and the parameters that do (RFC 6750, section 2; RFC
// 6749, appendix A; RFC 7521, section 4.2; OpenID Connect Core).
var secretNames = map[string]bool{
	"authorization": true, "proxy-authorization": true, "cookie": true, "set-cookie": true,
	"dpop": true, "x-subject-token": true, "x-forwarded-access-token": true, "x-auth-request-access-token": true, "x-auth-token": true, "x-api-key": true,
	"access_token": true, "refresh_token": true, "id_token": true, "id_token_hint": true, "subject_token": true,
	"actor_token": true, "client_secret": true, "client_assertion": true, "assertion": true, "code_verifier": true, "password": true, "passwd": true,
}

// secrets are the texts that must not be in an event: what was presented, and its segments, since who has
// all of them has the token.
type secrets struct{ whole, segments []string }

func secretsOf(r access.Request) (s secrets) {
	for _, c := range []access.Credential{r.Credential, r.Evidence} {
		if len(c.Reveal()) >= minSecret {
			s.whole = append(s.whole, c.Reveal())
		}
	}
	for _, whole := range s.whole {
		if strings.Count(whole, ".") >= maxSegments {
			continue // no JWS and no JWE
		}
		for segment := range strings.SplitSeq(whole, ".") {
			if len(segment) >= minSecret && len(segment) < len(whole) {
				s.segments = append(s.segments, segment)
			}
		}
	}
	return s
}

// Cleaned returns a copy of a value of JSON without the credentials of a request, or what looks
// like one, for whatever tells of questions to people.
func Cleaned(value access.Object, r access.Request) access.Object {
	return secretsOf(r).clean(value).(access.Object)
}

// minSecret is the length from which a presented text is looked for in others. A shorter
// one is no token that anybody would issue, and would make holes in common words.
const minSecret = 16

// maxSegments are those of a JWE (RFC 7516, section 7.1).
const maxSegments = 5

// maxDepth is how many objects and lists may be in one another. Requests and tokens have fewer; of what a policy makes
// the rest is told as tooDeep, since whoever reads the event, such as OPA's encoder, has an end of its own.
const (
	maxDepth = 100
	tooDeep  = "[too deep]"
)

// clean returns a copy in which no text has a credential in it. The copy shares nothing
// with the value, which others go on using: masks are carried out in it.
func (s secrets) clean(value any) any { return s.cleanTo(maxDepth, value) }

func (s secrets) cleanTo(depth int, value any) any {
	if depth == 0 {
		return tooDeep
	}
	switch v := value.(type) {
	case map[string]any:
		return s.object(depth, v)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = s.cleanTo(depth-1, item)
		}
		return out
	case string:
		return s.text(v)
	case json.Number:
		return readable(v)
	case int:
		return readable(json.Number(strconv.Itoa(v)))
	case int64:
		return readable(json.Number(strconv.FormatInt(v, 10)))
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return strconv.FormatFloat(v, 'g', -1, 64)
		}
		return v
	case nil, bool:
		return v
	}
	return s.foreign(depth, value)
}

func (s secrets) object(depth int, o map[string]any) map[string]any {
	out := make(map[string]any, len(o))
	for name, value := range o {
		if secretNames[strings.ToLower(name)] {
			out[name] = redacted
			continue
		}
		out[s.text(name)] = s.cleanTo(depth-1, value)
	}
	return out
}

func (s secrets) text(text string) string {
	for _, secret := range s.whole {
		text = strings.ReplaceAll(text, secret, redacted)
	}
	// Before the segments, so that of one that is cut short nothing is left.
	if strings.Contains(text, "eyJ") {
		text = compactJOSE.ReplaceAllLiteralString(text, redacted)
	}
	for _, segment := range s.segments {
		text = strings.ReplaceAll(text, segment, redacted)
	}
	if len(text) > minSecret && mayBegin(text) && scheme.MatchString(text) {
		return redacted
	}
	return text
}

// mayBegin reports whether the first letter of a text is that of a [scheme].
func mayBegin(text string) bool {
	text = strings.TrimLeft(text, "\t\n\f\r ")
	return text != "" && strings.IndexByte("bBdD", text[0]) >= 0
}

// foreign brings a value of another type to JSON's own first.
func (s secrets) foreign(depth int, value any) any {
	text, err := json.Marshal(value)
	if err != nil {
		return redacted
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	var plain any
	if decoder.Decode(&plain) != nil {
		return redacted
	}
	return s.cleanTo(depth, plain)
}

// readable is a number as it is if who reads it as a double reads the same, and else its text (RFC 7493, section 2.2).
// OPA's encoder is one who does, of a chunk that got too large: it would round the number, and lose the chunk with all
// others at one that no double comes near.
func readable(n json.Number) any {
	if held(n) {
		return n
	}
	return string(n)
}

// held reports whether a text is a number of JSON that a double holds.
func held(n json.Number) bool {
	if len(n) > maxNumber || !json.Valid([]byte(n)) {
		return false
	}
	double, err := strconv.ParseFloat(string(n), 64)
	if err != nil {
		return false
	}
	digits, exponent := decimal(string(n))
	if shortest, e := decimal(strconv.FormatFloat(double, 'e', -1, 64)); shortest == digits && e == exponent {
		return true
	}
	return double != 0 && math.Abs(double) < 1<<53 && exponent < 0 && len(digits) <= doubleDigits
}

const (
	doubleDigits = 17  // are enough to tell every double from others: a fraction with as many is one that a program printed
	maxNumber    = 800 // is longer than any double is written
)

// sound reports whether [secrets.clean] leaves all numbers and levels of a value as they are.
func sound(depth int, value any) bool {
	switch v := value.(type) {
	case map[string]any:
		for _, item := range v {
			if !sound(depth-1, item) {
				return false
			}
		}
	case []any:
		for _, item := range v {
			if !sound(depth-1, item) {
				return false
			}
		}
	case json.Number:
		return held(v)
	case float64:
		return !math.IsInf(v, 0) && !math.IsNaN(v)
	}
	return depth > 0
}

// decimal is a number without its sign as digits, of which neither the first nor the last is a zero, and the power of ten
// that they are multiplied with.
func decimal(number string) (digits string, exponent int) {
	mantissa, power, _ := strings.Cut(strings.ToLower(strings.TrimLeft(number, "+-")), "e")
	exponent, _ = strconv.Atoi(power) // none is zero, and one out of range is that of no double
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits = strings.TrimLeft(whole+fraction, "0")
	short := strings.TrimRight(digits, "0")
	if short == "" {
		return "", 0
	}
	return short, exponent - len(fraction) + len(digits) - len(short)
}
