package wwwauth

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"stepup/sidecar/access"
)

// ErrUnprintable says that a challenge cannot be written without changing what it
// means: a line break, a list item with a space in it, a scheme that is no token.
var ErrUnprintable = errors.New("challenge cannot be written")

// Print returns the field value of one challenge. Only the members that are set are
// written, in the order of the example of RFC 9470, section 3; a challenge with none is
// the bare scheme. Errors are [ErrUnprintable].
func Print(c access.Challenge) (string, error) {
	if !isToken(c.Scheme) {
		return "", fmt.Errorf("%w: %q is no authentication scheme", ErrUnprintable, c.Scheme)
	}
	var p printer
	p.signInAt(c.Claims)
	p.text("error", c.Error)
	p.text("error_description", c.Description)
	p.list("acr_values", c.ACRValues)
	p.seconds("max_age", c.MaxAge)
	p.list("scope", c.Scope)
	p.claims(c.Claims)
	if p.err != nil {
		return "", p.err
	}
	return strings.TrimSuffix(c.Scheme+" "+strings.Join(p.params, ", "), " "), nil
}

// PrintAll returns one field value for each challenge, never nil: one line per
// challenge is what every reader understands.
func PrintAll(challenges []access.Challenge) ([]string, error) {
	lines := make([]string, 0, len(challenges))
	for _, c := range challenges {
		line, err := Print(c)
		if err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// printer collects parameters and remembers the first that cannot be written.
type printer struct {
	params []string
	err    error
}

// text writes words meant for people. Controls and what is not ASCII are left out,
// which cannot change what a program reads in them.
func (p *printer) text(name, value string) {
	if strings.ContainsAny(value, "\r\n") {
		p.refuse(name, "has a line break")
		return
	}
	if shown := printable(value); shown != "" {
		p.add(name, shown)
	}
}

// list writes values joined by spaces. Nothing is left out of them, for a scope or acr
// that lost a character is another one, and one with a space is two.
func (p *printer) list(name string, values []string) {
	if len(values) == 0 {
		return
	}
	for _, v := range values {
		if v == "" || strings.Contains(v, " ") || printable(v) != v {
			p.refuse(name, "has a value that is not printable ASCII without spaces")
			return
		}
	}
	p.add(name, strings.Join(values, " "))
}

// signInAt and claims write what Microsoft Entra's clients look for, in the order of its
// documentation. The realm is empty because the common endpoint demands it.
func (p *printer) signInAt(c *access.ClaimsChallenge) {
	switch {
	case c == nil:
	case c.AuthorizationURI == "" || c.Request == "":
		p.refuse("claims", "lacks the address or the request")
	default:
		p.add("realm", "")
		p.list("authorization_uri", []string{c.AuthorizationURI})
	}
}

func (p *printer) claims(c *access.ClaimsChallenge) {
	if c != nil {
		p.list("claims", []string{c.Request})
		p.add("cc_type", "authcontext")
	}
}

func (p *printer) seconds(name string, value *int64) {
	switch {
	case value == nil:
	case *value < 0:
		p.refuse(name, "is negative")
	default:
		p.add(name, strconv.FormatInt(*value, 10))
	}
}

func (p *printer) add(name, value string) {
	p.params = append(p.params, name+`="`+quoting.Replace(value)+`"`)
}

func (p *printer) refuse(name, why string) {
	if p.err == nil {
		p.err = fmt.Errorf("%w: %s %s", ErrUnprintable, name, why)
	}
}

// quoting escapes what would end or bend a quoted-string (RFC 9110, section 5.6.4).
var quoting = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// printable returns s without controls and without anything beyond ASCII.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
}

// isToken reports whether s is a token (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		if !isTokenChar(s[i]) {
			return false
		}
	}
	return s != ""
}

func isTokenChar(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' ||
		strings.IndexByte("!#$%&'*+-.^_`|~", b) >= 0
}
