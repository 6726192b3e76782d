package protocol

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"stepup/sidecar/access"
)

// MinKey is how many characters a caller's key has at least. Only a digest of it is kept,
// and one without salt protects nothing that could be guessed.
const MinKey = 32

// A Caller is somebody who may ask. Of its marks exactly one is set.
type Caller struct {
	Name string
	// SAN is a subject alternative name of its client certificate: a URI if it has "://",
	// such as a SPIFFE id, else a DNS name. It is compared as a whole.
	SAN string
	// Key is the SHA-256 digest of its key.
	Key *[sha256.Size]byte
	// UID is the user it runs as, at the other end of a Unix socket.
	UID *uint32
	// Doors are those at which it may ask.
	Doors []string
}

// Evidence is what a request, or the connection it came by, proves of who sends it.
type Evidence struct {
	// TLS is the state of the connection; nil: it speaks plainly.
	TLS *tls.ConnectionState
	// Authorization holds all fields of that name, where it speaks of the caller. At the
	// doors of proxies it speaks of the user, and is left out.
	Authorization []string
	// Proxied says that this is such a door: no key can be asked for.
	Proxied bool
	// Peer is the user at the other end of a Unix socket; nil: not known.
	Peer *uint32
}

// Callers are those who may ask. A nil one lets everybody in who reaches the listener. It
// is never changed, and safe for concurrent use.
type Callers struct{ list []Caller }

// NewCallers returns the callers; none gives nil, by which everybody may ask. A caller
// without a name, without exactly one mark or without a door is an error.
func NewCallers(list []Caller) (*Callers, error) {
	if len(list) == 0 {
		return nil, nil
	}
	for _, c := range list {
		if c.Name == "" || len(c.Doors) == 0 || c.marks() != 1 {
			return nil, fmt.Errorf("caller %q: needs a name, one of san, key_hash and uid, and doors", c.Name)
		}
	}
	return &Callers{slices.Clone(list)}, nil
}

func (c Caller) marks() (n int) {
	for _, set := range []bool{c.SAN != "", c.Key != nil, c.UID != nil} {
		if set {
			n++
		}
	}
	return n
}

// Admit returns the name of who asks at a door. The error is a [*Problem]: 401 for
// somebody who is not known, 403 for somebody who is not to ask here. A key that is not
// known is never treated as none: it refuses also whom another mark would let in.
//
// At a door of proxies both are 403: a 401 would reach the user as one about their login.
func (c *Callers) Admit(door string, e Evidence) (name string, err error) {
	if c == nil {
		return "", nil
	}
	known, err := c.recognise(e)
	if err != nil || len(known) == 0 {
		return "", unknownCaller(e.Proxied, err)
	}
	for _, caller := range known {
		if slices.Contains(caller.Doors, door) {
			return caller.Name, nil
		}
	}
	return "", callerProblem(http.StatusForbidden, access.CallerForbidden,
		"This caller may not ask at this door: list the door in its entry of callers.")
}

// recognise returns the callers that the evidence proves.
func (c *Callers) recognise(e Evidence) ([]Caller, error) {
	key, err := presentedKey(e)
	if err != nil {
		return nil, err
	}
	var known []Caller
	var keyKnown bool
	names := certifiedNames(e.TLS)
	for _, caller := range c.list {
		byKey := key != nil && caller.Key != nil && subtle.ConstantTimeCompare(key[:], caller.Key[:]) == 1
		keyKnown = keyKnown || byKey
		if byKey || caller.is(e.Peer) || caller.SAN != "" && slices.Contains(names, caller.SAN) {
			known = append(known, caller)
		}
	}
	if key != nil && !keyKnown {
		return nil, errors.New("the key in Authorization is not that of a caller")
	}
	return known, nil
}

func (c Caller) is(peer *uint32) bool { return c.UID != nil && peer != nil && *c.UID == *peer }

// presentedKey returns the digest of the key that a caller sent, nil if none was.
func presentedKey(e Evidence) (*[sha256.Size]byte, error) {
	switch {
	case e.Proxied || len(e.Authorization) == 0:
		return nil, nil
	case len(e.Authorization) > 1:
		return nil, errors.New("the field Authorization must be sent once")
	}
	scheme, key, _ := strings.Cut(e.Authorization[0], " ")
	// RFC 9110, section 11.1: the scheme's case does not matter; the key's does.
	if !strings.EqualFold(scheme, "Bearer") || len(key) < MinKey {
		return nil, fmt.Errorf("the field Authorization must be Bearer with a caller's key of at least %d characters", MinKey)
	}
	digest := sha256.Sum256([]byte(key))
	return &digest, nil
}

// certifiedNames returns the names of a client certificate that was verified: DNS names in
// lower case, and URIs. The common name is none of them (RFC 9525, section 2), and a
// certificate of an authority speaks for nobody.
func certifiedNames(state *tls.ConnectionState) []string {
	if state == nil || len(state.VerifiedChains) == 0 || len(state.VerifiedChains[0]) == 0 {
		return nil
	}
	leaf := state.VerifiedChains[0][0]
	if leaf.IsCA {
		return nil
	}
	names := certifiedURIs(leaf)
	for _, name := range leaf.DNSNames {
		// A URI in the place of a DNS name must not be taken for one.
		if !strings.Contains(name, "/") {
			names = append(names, strings.ToLower(name))
		}
	}
	return names
}

// certifiedURIs returns none if one of several is a SPIFFE id, which stands alone
// (X509-SVID, section 2).
func certifiedURIs(leaf *x509.Certificate) []string {
	var uris []string
	for _, uri := range leaf.URIs {
		if strings.EqualFold(uri.Scheme, "spiffe") && len(leaf.URIs) > 1 {
			return nil
		}
		uris = append(uris, uri.String())
	}
	return uris
}

func unknownCaller(proxied bool, why error) *Problem {
	detail := "The caller is none of the configured callers."
	if why != nil {
		detail = "The caller is not known: " + why.Error() + "."
	}
	status := http.StatusUnauthorized
	if proxied {
		status = http.StatusForbidden
	}
	return callerProblem(status, access.CallerUnauthenticated, detail)
}

func callerProblem(status int, code access.Code, detail string) *Problem {
	return &Problem{Status: status, Detail: detail, Reasons: []access.Reason{access.Because(code)}}
}
