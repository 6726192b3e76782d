package token

import (
	"encoding/base64"
	"fmt"
	"strings"

	"stepup/sidecar/access"
)

// canonical refuses the spellings of a part whose unused bits are set. Go's decoder and
// go-jose take them, so that one signature would verify under many texts.
var canonical = base64.RawURLEncoding.Strict()

// cut separates the parts. Charset and size come first: the base64 decoders below skip
// line ends, and whoever counts dots should not count a million of them.
func cut(text string, maxSize int) ([]string, *Error) {
	if len(text) > maxSize {
		return nil, refuse(access.TokenMalformed, "%d bytes, more than %d", len(text), maxSize)
	}
	if at := strings.IndexFunc(text, notOfToken); at >= 0 {
		return nil, refuse(access.TokenMalformed, "%s", foreign(text, at))
	}
	switch dots := strings.Count(text, "."); dots {
	case 2:
		return strings.Split(text, "."), nil
	case 4:
		return nil, refuse(access.TokenEncryptedUnsupported, "five parts: a JWE")
	default:
		return nil, refuse(access.TokenMalformed, "%d dots: not a JWS", dots)
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

func notOfToken(r rune) bool {
	switch {
	case 'A' <= r && r <= 'Z', 'a' <= r && r <= 'z', '0' <= r && r <= '9':
		return false
	}
	return r != '-' && r != '_' && r != '.'
}

// decodePart decodes a header or a payload, and returns its bytes too.
func decodePart(part, what string) (access.Object, []byte, *Error) {
	data, err := canonical.DecodeString(part)
	if err != nil {
		return nil, nil, &Error{Code: access.TokenMalformed, Detail: what + " is not canonical base64url", Err: err}
	}
	o, err := decodeObject(data)
	switch err {
	case nil:
		return o, data, refuseLookAlikes(o, what)
	case errNumber:
		return nil, nil, refuse(access.TokenClaimInvalid, "%s has a number out of range", what)
	}
	// A decoder's error quotes the text it stumbled over, which is the token's.
	return nil, nil, refuse(access.TokenMalformed, "%s is not a strict JSON object", what)
}

// checkCanonical refuses a signature that is empty or has another spelling.
func checkCanonical(part string) *Error {
	if data, err := canonical.DecodeString(part); err != nil || len(data) == 0 {
		return &Error{Code: access.TokenMalformed, Detail: "the signature is not canonical base64url", Err: err}
	}
	return nil
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
		for _, ours := range verificationNames {
			if name != ours && strings.EqualFold(name, ours) {
				return refuse(access.TokenMalformed, "%s has a name that some would read as %q", what, ours)
			}
		}
	}
	return nil
}
