package wwwauth

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"stepup/sidecar/access"
)

// ErrMalformed says that a field value is not a list of challenges.
var ErrMalformed = errors.New("malformed WWW-Authenticate")

// A Challenge is one challenge as it was read. It has either a Token68 or Params or
// neither.
type Challenge struct {
	Scheme  string // as it was written; compare with [strings.EqualFold]
	Token68 string
	Params  map[string]string // by lower-case name, unquoted; nil if there are none
}

// Parse reads a field value with any number of challenges. A parameter given twice in
// one challenge is refused, because readers differ on which of the two counts. Errors
// are [ErrMalformed].
func Parse(field string) ([]Challenge, error) {
	r := reader{rest: field}
	var found []Challenge
	for r.skipCommas(); r.rest != ""; r.skipCommas() {
		c, err := r.challenge()
		if err != nil {
			return nil, fmt.Errorf("%w at byte %d: %w", ErrMalformed, len(field)-len(r.rest), err)
		}
		found = append(found, c)
	}
	if found == nil {
		return nil, fmt.Errorf("%w: it holds no challenge", ErrMalformed)
	}
	return found, nil
}

// Access returns the challenge in the words of package access. Parameters that those
// do not know are left out; a max_age that is not a number of seconds is refused.
func (c Challenge) Access() (access.Challenge, error) {
	maxAge, err := c.maxAge()
	if err != nil {
		return access.Challenge{}, err
	}
	return access.Challenge{
		Scheme:      c.Scheme,
		Error:       c.Params["error"],
		Description: c.Params["error_description"],
		ACRValues:   strings.Fields(c.Params["acr_values"]),
		MaxAge:      maxAge,
		Scope:       strings.Fields(c.Params["scope"]),
		Claims:      c.claims(),
	}, nil
}

// claims reads a claims challenge of Microsoft Entra. One without its two parts says
// nothing that could be followed.
func (c Challenge) claims() *access.ClaimsChallenge {
	uri, request := c.Params["authorization_uri"], c.Params["claims"]
	if uri == "" || request == "" {
		return nil
	}
	return &access.ClaimsChallenge{AuthorizationURI: uri, Request: request}
}

// maxAge reads a non-negative decimal integer (RFC 9470, section 3).
func (c Challenge) maxAge() (*int64, error) {
	text, given := c.Params["max_age"]
	if !given {
		return nil, nil
	}
	seconds, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return nil, fmt.Errorf("%w: max_age is not a number of seconds", ErrMalformed)
	}
	age := int64(seconds)
	return &age, nil
}

// reader stands somewhere in a field value.
type reader struct{ rest string }

// The ways in which a challenge is malformed.
var (
	errNoScheme   = errors.New("an authentication scheme must stand here")
	errSeparation = errors.New("a comma or the end must follow")
	errValue      = errors.New("a token or quoted-string must follow the equals sign")
	errOpenQuote  = errors.New("the quoted-string does not end")
	errQuoted     = errors.New("a control character in a quoted-string")
	errTwice      = errors.New("the parameter is given twice")
)

// challenge reads a scheme and what belongs to it, and stops before the next scheme.
func (r *reader) challenge() (Challenge, error) {
	scheme := r.token()
	if scheme == "" {
		return Challenge{}, errNoScheme
	}
	c := Challenge{Scheme: scheme}
	if r.rest != "" && !r.at(" ") && !r.at(",") {
		return Challenge{}, errSeparation
	}
	if !r.at(" ") {
		return c, nil
	}
	r.skip(" ")
	if text, ok := r.token68(); ok {
		c.Token68 = text
		return c, r.separated()
	}
	if r.rest != "" && !r.at(",") && !r.atParam() {
		return Challenge{}, errSeparation
	}
	err := r.params(&c) // on its own line: c is returned as it is afterwards
	return c, err
}

// params reads parameters up to the next scheme. A comma can end a parameter or a
// challenge, and only what follows the next token tells which.
func (r *reader) params(c *Challenge) error {
	for r.skipCommas(); r.atParam(); r.skipCommas() {
		if err := r.param(c); err != nil {
			return err
		}
		if err := r.separated(); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) param(c *Challenge) error {
	name := strings.ToLower(r.token())
	r.skip(" \t")
	r.rest = r.rest[1:] // the equals sign that atParam saw
	r.skip(" \t")
	value, err := r.value()
	if err != nil {
		return err
	}
	if _, twice := c.Params[name]; twice {
		return errTwice
	}
	if c.Params == nil {
		c.Params = map[string]string{}
	}
	c.Params[name] = value
	return nil
}

func (r *reader) value() (string, error) {
	if r.at(`"`) {
		return r.quoted()
	}
	if token := r.token(); token != "" {
		return token, nil
	}
	return "", errValue
}

// quoted reads a quoted-string (RFC 9110, section 5.6.4).
func (r *reader) quoted() (string, error) {
	var text strings.Builder
	for i := 1; i < len(r.rest); i++ {
		b := r.rest[i]
		if b == '"' {
			r.rest = r.rest[i+1:]
			return text.String(), nil
		}
		if b == '\\' && i+1 < len(r.rest) {
			i++
			b = r.rest[i]
		}
		if b < ' ' && b != '\t' || b == 0x7f {
			return "", errQuoted
		}
		text.WriteByte(b)
	}
	return "", errOpenQuote
}

// token68 reads the other form of credentials (RFC 9110, section 11.2), which is told
// from a parameter by what follows: nothing but padding.
func (r *reader) token68() (string, bool) {
	end := 0
	for end < len(r.rest) && isToken68Char(r.rest[end]) {
		end++
	}
	if end == 0 {
		return "", false
	}
	for end < len(r.rest) && r.rest[end] == '=' {
		end++
	}
	after := strings.TrimLeft(r.rest[end:], " \t")
	if after != "" && after[0] != ',' {
		return "", false
	}
	text := r.rest[:end]
	r.rest = r.rest[end:]
	return text, true
}

// atParam looks ahead for a token and an equals sign.
func (r *reader) atParam() bool {
	ahead := *r
	if ahead.token() == "" {
		return false
	}
	ahead.skip(" \t")
	return ahead.at("=")
}

func (r *reader) separated() error {
	r.skip(" \t")
	if r.rest == "" || r.at(",") {
		return nil
	}
	return errSeparation
}

func (r *reader) token() string {
	end := 0
	for end < len(r.rest) && isTokenChar(r.rest[end]) {
		end++
	}
	token := r.rest[:end]
	r.rest = r.rest[end:]
	return token
}

func (r *reader) at(prefix string) bool { return strings.HasPrefix(r.rest, prefix) }
func (r *reader) skip(chars string)     { r.rest = strings.TrimLeft(r.rest, chars) }
func (r *reader) skipCommas()           { r.skip(", \t") }

func isToken68Char(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' ||
		strings.IndexByte("-._~+/", b) >= 0
}
