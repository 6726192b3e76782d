package token

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"stepup/sidecar/access"
)

// canonical refuses the spellings of a part whose unused bits are set. Go's decoder and
// go-jose take them, so that one signature would verify under many texts.
var canonical = base64.RawURLEncoding.Strict()

// parts are those of a token's text.
type parts struct{ header, payload, signature string }

// cut separates the parts. Charset and size come first: the base64 decoders below skip
// line ends, and whoever counts dots should not count a million of them.
func cut(text string, maxSize int) (parts, *Error) {
	if len(text) > maxSize {
		return parts{}, refuse(access.TokenMalformed, "%d bytes, more than %d", len(text), maxSize)
	}
	for at := range len(text) {
		if !ofToken[text[at]] {
			return parts{}, refuse(access.TokenMalformed, "%s", foreign(text, at))
		}
	}
	switch dots := strings.Count(text, "."); dots {
	case 2:
		first, rest, _ := strings.Cut(text, ".")
		second, third, _ := strings.Cut(rest, ".")
		return parts{header: first, payload: second, signature: third}, nil
	case 4:
		return parts{}, refuse(access.TokenEncryptedUnsupported, "five parts: a JWE")
	default:
		return parts{}, refuse(access.TokenMalformed, "%d dots: not a JWS", dots)
	}
}

// schemes are those by which tokens are presented (RFC 6750, section 2.1; RFC 9449, section 7.1).
var schemes = [...]string{"Bearer", "DPoP"}

// foreign says what is wrong with a text whose character at a byte is in no token. Two of the
// cases are slips that people make when they copy one.
func foreign(text string, at int) string {
	for _, scheme := range schemes {
		if text[at] == ' ' && strings.EqualFold(text[:at], scheme) {
			return "begins with a scheme: send the token without " + scheme
		}
	}
	if strings.Trim(text[at:], " \t\r\n") == "" {
		return "ends in white space"
	}
	return fmt.Sprintf("a character at byte %d that no token has", at)
}

// ofToken tells of each byte whether a token may have it: the alphabet of base64url, and dots.
var ofToken = [256]bool{
	'A': true, 'B': true, 'C': true, 'D': true, 'E': true, 'F': true, 'G': true, 'H': true, 'I': true, 'J': true, 'K': true, 'L': true, 'M': true,
	'N': true, 'O': true, 'P': true, 'Q': true, 'R': true, 'S': true, 'T': true, 'U': true, 'V': true, 'W': true, 'X': true, 'Y': true, 'Z': true,
	'a': true, 'b': true, 'c': true, 'd': true, 'e': true, 'f': true, 'g': true, 'h': true, 'i': true, 'j': true, 'k': true, 'l': true, 'm': true,
	'n': true, 'o': true, 'p': true, 'q': true, 'r': true, 's': true, 't': true, 'u': true, 'v': true, 'w': true, 'x': true, 'y': true, 'z': true,
	'0': true, '1': true, '2': true, '3': true, '4': true, '5': true, '6': true, '7': true, '8': true, '9': true, '-': true, '_': true, '.': true,
}

// decodePart decodes a header or a payload, and returns its text too, of which the texts in it
// are parts.
func decodePart(part, what string) (access.Object, string, *Error) {
	data, err := canonical.DecodeString(part)
	if err != nil {
		return nil, "", &Error{Code: access.TokenMalformed, Detail: what + " is not canonical base64url", Err: err}
	}
	text := string(data)
	o, err := decodeObject(text)
	switch err {
	case nil:
		return o, text, refuseLookAlikes(o, what)
	case errNumber:
		return nil, "", refuse(access.TokenClaimInvalid, "%s has a number out of range", what)
	}
	// A decoder's error quotes the text it stumbled over, which is the token's.
	return nil, "", refuse(access.TokenMalformed, "%s is not a strict JSON object", what)
}

// decodeSignature refuses a signature that is empty or has another spelling.
func decodeSignature(part string) ([]byte, *Error) {
	data, err := canonical.DecodeString(part)
	if err != nil || len(data) == 0 {
		return nil, &Error{Code: access.TokenMalformed, Detail: "the signature is not canonical base64url", Err: err}
	}
	return data, nil
}

// verificationNames are the names that verification reads in headers and payloads.
var verificationNames = [...]string{
	"alg", "typ", "kid", "crit", "b64", "zip", "enc", "cty",
	"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "cnf", "client_id", "azp", "scope",
}

// refuseLookAlikes refuses a name that differs from one of ours in case only. We would
// not see it, others take it for the same (Go's encoding/json does).
func refuseLookAlikes(o access.Object, what string) *Error {
	for name := range o {
		if ours, like := lookAlike(name); like {
			return refuse(access.TokenMalformed, "%s has a name that some would read as %q", what, ours)
		}
	}
	return nil
}

// lookAlike tells which of our names another one differs from in case only.
func lookAlike(name string) (ours string, like bool) {
	if isLower(name) {
		return "", false // as ours are: it is one of them, or another name by any reading
	}
	for _, ours := range verificationNames {
		if strings.EqualFold(name, ours) {
			return ours, true
		}
	}
	return "", false
}

// isLower reports that a text is ASCII without upper case. The Kelvin sign and the long s, which
// fold to k and s, are not.
func isLower(text string) bool {
	for _, c := range []byte(text) {
		if 'A' <= c && c <= 'Z' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
