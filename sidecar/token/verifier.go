package token

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"stepup/sidecar/access"
)

// The limits of a Verifier's configuration.
const (
	MaxClockSkew   = 2 * time.Minute
	DefaultMaxSize = 16 << 10
)

// A Verifier decides whether tokens are genuine, meant for us and valid now. Of tokens it
// keeps nothing but how their headers read. It is safe for concurrent use.
type Verifier struct {
	seen       forms
	issuers    map[string]*issuer
	byNumber   []*issuer
	algorithms []string // of all issuers together, each once
	skew       time.Duration
	maxSize    int
}

// NewVerifier checks the configuration. Skew is the leeway for other clocks, at most
// [MaxClockSkew]; maxSize bounds the text of a token, 0 meaning [DefaultMaxSize]. Without
// issuers every token is refused.
func NewVerifier(issuers []Issuer, skew time.Duration, maxSize int) (*Verifier, error) {
	if skew < 0 || skew > MaxClockSkew {
		return nil, fmt.Errorf("clock_skew %s is not between 0s and %s", skew, MaxClockSkew)
	}
	if maxSize < 0 {
		return nil, fmt.Errorf("limits.token %d is negative", maxSize)
	}
	v := &Verifier{issuers: map[string]*issuer{}, skew: skew, maxSize: maxSize}
	if maxSize == 0 {
		v.maxSize = DefaultMaxSize
	}
	var all error
	for _, c := range issuers {
		all = errors.Join(all, v.add(c))
	}
	if all != nil {
		return nil, all
	}
	return v, nil
}

func (v *Verifier) add(c Issuer) error {
	i, err := newIssuer(c)
	if err != nil {
		return fmt.Errorf("issuer %q: %w", c.URL, err)
	}
	if _, twice := v.issuers[c.URL]; twice {
		return fmt.Errorf("issuer %q is configured twice", c.URL)
	}
	i.number = len(v.byNumber)
	v.issuers[c.URL], v.byNumber = i, append(v.byNumber, i)
	for _, a := range i.algorithms {
		if !slices.Contains(v.algorithms, string(a)) {
			v.algorithms = append(v.algorithms, string(a))
		}
	}
	return nil
}

// parsed is a token on its way through the checks.
type parsed struct {
	header
	parts     parts
	form      *form // of the header, if it is known; else nil until the signature is checked
	signature []byte
	raw       string // the payload
	claims    access.Object
	times     times
	audiences []string
	client    string
}

// Verify answers what a token proves at one moment, or why it is not accepted. The error
// is always of type *[Error]. The checks stand in the order in which they are made; the
// first that fails is told.
func (v *Verifier) Verify(ctx context.Context, now time.Time, c access.Credential) (*Claims, error) {
	claims, _, err := v.Prove(ctx, now, c)
	return claims, err
}

func (v *Verifier) prove(ctx context.Context, now time.Time, c access.Credential) (*Claims, Standing, *Error) {
	if !c.Presented() {
		return nil, Standing{}, refuse(access.NoCredentials, "no token")
	}
	p, err := v.parse(c.Reveal())
	if err != nil {
		return nil, Standing{}, v.hint(err, c.Reveal())
	}
	i, err := v.issuerOf(p)
	if err != nil {
		return nil, Standing{}, v.hint(err, c.Reveal())
	}
	standing := i.standing()
	if err := i.checkOrigin(ctx, &p); err != nil {
		return nil, Standing{}, err
	}
	// From here on the payload is the issuer's own word.
	if err := i.checkTimes(&p, now, v.skew); err != nil {
		return nil, Standing{}, err
	}
	claims, err := i.conclude(p)
	if err != nil {
		return nil, Standing{}, err
	}
	v.seen.keep(p)
	return claims, standing.within(p.times, v.skew), nil
}

// parse takes a token apart and applies what holds for every issuer. The payload is read
// only to learn whom to ask for keys; nothing in it is believed yet.
func (v *Verifier) parse(text string) (p parsed, err *Error) {
	if p.parts, err = cut(text, v.maxSize); err != nil {
		return p, err
	}
	if err := v.readHeader(&p); err != nil {
		return p, err
	}
	// Only now: an empty signature is first of all an algorithm that nobody allows.
	if p.signature, err = decodeSignature(p.parts.signature); err != nil {
		return p, err
	}
	p.claims, p.raw, err = decodePart(p.parts.payload, "the payload")
	return p, err
}

// readHeader reads the header, unless one that is byte for byte the same was read before.
func (v *Verifier) readHeader(p *parsed) *Error {
	if p.form = v.seen.find(p.parts.header); p.form != nil {
		p.header = p.form.header
		return nil
	}
	head, _, err := decodePart(p.parts.header, "the header")
	if err != nil {
		return err
	}
	p.header, err = readHeader(head, v.algorithms)
	return err
}

// hint adds to the log's detail, and to no answer, what a token is that people copy from a first
// try to a server without --dev. Nothing of the token is repeated or believed.
func (v *Verifier) hint(err *Error, text string) *Error {
	if err.Code != access.AlgNotAllowed && err.Code != access.IssuerUnknown || v.issuers[Development] != nil {
		return err
	}
	parts, wrong := cut(text, v.maxSize)
	if wrong != nil {
		return err
	}
	claims, _, wrong := decodePart(parts.payload, "the payload")
	if wrong != nil || claims["iss"] != Development {
		return err
	}
	err.Detail += "; it names the development issuer, whose tokens count under --dev only"
	return err
}

// issuerOf picks the issuer by the exact text of iss. Nothing is ever fetched on the word
// of a token whose issuer is not configured.
func (v *Verifier) issuerOf(p parsed) (*issuer, *Error) {
	iss, ok := p.claims["iss"].(string)
	if !ok {
		return nil, refuse(access.IssuerUnknown, "iss is missing or not a string")
	}
	i, known := v.issuers[iss]
	if !known {
		return nil, refuse(access.IssuerUnknown, "the issuer is not configured%s", v.nearly(iss))
	}
	return i, nil
}

// nearly names the configured issuer that an unknown one was probably meant to be: the two differ
// by a slash at the end or by case and by nothing else, which is another issuer all the same (RFC
// 7519, section 4.1.1). It repeats our configuration and nothing of the token.
func (v *Verifier) nearly(iss string) string {
	for _, ours := range slices.Sorted(maps.Keys(v.issuers)) {
		bare, oursBare := strings.TrimSuffix(iss, "/"), strings.TrimSuffix(ours, "/")
		switch {
		case asciiLower(bare) != asciiLower(oursBare):
		case bare == oursBare:
			return fmt.Sprintf("; it differs from the configured %q by the slash at the end only", ours)
		case (bare == iss) == (oursBare == ours):
			return fmt.Sprintf("; it differs from the configured %q by upper and lower case only", ours)
		default:
			return fmt.Sprintf("; it differs from the configured %q by case and the slash at the end only", ours)
		}
	}
	return ""
}

// checkOrigin applies the issuer's own rules for headers, and then the signature.
func (i *issuer) checkOrigin(ctx context.Context, p *parsed) *Error {
	if !slices.Contains(i.algorithms, jose.SignatureAlgorithm(p.alg)) {
		return refuse(access.AlgNotAllowed, "alg %s is not in the issuer's list", p.alg)
	}
	if !i.mayHaveType(p.typ) {
		return refuse(access.TypMismatch, "a typ %s is not that of a token accepted here: %s", Unverified(p.typ), i.taken())
	}
	keys, err := i.candidates(ctx, p.header)
	if err != nil {
		return err
	}
	return checkSignature(p, i.algorithms, keys)
}

func (i *issuer) checkTimes(p *parsed, now time.Time, skew time.Duration) *Error {
	var err *Error
	if p.times, err = readTimes(p.claims); err != nil {
		return err
	}
	if i.profile.strict && p.times.iat == nil {
		return refuse(access.TokenClaimInvalid, "no iat")
	}
	return p.times.check(now, skew)
}
