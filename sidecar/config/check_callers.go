package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// doors returns the names of the doors, as the record has them.
func doors() []string {
	return append([]string{"native", "login", "authzen", "opadata", "admin", "envoy"}, proxies()...)
}

// proxies returns the doors of proxies that send on their user's Authorization: no key of
// the proxy's own can stand there.
func proxies() []string { return []string{"nginx", "traefik", "caddy", "haproxy"} }

// Key returns the digest by which a caller's key is known; nil if it is not known by one.
func (c Caller) Key() (*[sha256.Size]byte, error) {
	if c.KeyHash == "" {
		return nil, nil
	}
	digits, named := strings.CutPrefix(c.KeyHash, "sha256:")
	raw, err := hex.DecodeString(digits)
	switch {
	case !named || err != nil || len(raw) != sha256.Size || strings.ToLower(digits) != digits:
		return nil, errors.New("is not sha256: and 64 lower-case hexadecimal digits")
	case [sha256.Size]byte(raw) == sha256.Sum256(nil), [sha256.Size]byte(raw) == sha256.Sum256([]byte("\n")):
		return nil, errors.New("is the hash of nothing")
	}
	return (*[sha256.Size]byte)(raw), nil
}

// checkCallers checks each caller, and that no two have the same name or mark: of those
// one would be let in where the other was meant.
func (l *loader) checkCallers(callers []Caller) {
	for i, c := range callers {
		path := fmt.Sprintf("callers[%d]", i)
		l.checkCallerName(path, c, callers[:i])
		l.checkMark(path, c, callers[:i])
		l.checkCallerDoors(path, c)
	}
}

func (l *loader) checkCallerName(path string, c Caller, before []Caller) {
	switch {
	case strings.TrimSpace(c.Name) == "":
		l.missing(path+".name", path, "missing", "give this caller the name that the log is to show")
	case slices.ContainsFunc(before, func(o Caller) bool { return o.Name == c.Name }):
		l.refuse(path+".name", fmt.Sprintf("%q is there twice", c.Name), "give each caller its own name")
	}
}

// checkMark wants exactly one of san, key_hash and uid, and one that can prove something
// on a listener as configured.
func (l *loader) checkMark(path string, c Caller, before []Caller) {
	given := map[string]string{}
	for name, value := range map[string]string{"san": c.SAN, "key_hash": c.KeyHash, "uid": string(c.UID)} {
		if value != "" {
			given[name] = value
		}
	}
	if len(given) != 1 {
		l.missing(path+".name", path, "a caller is known by one of san, key_hash and uid", "give exactly one, and a second entry for a second one")
		return
	}
	same := func(o Caller) bool { return o.SAN == c.SAN && o.KeyHash == c.KeyHash && o.UID == c.UID }
	if i := slices.IndexFunc(before, same); i >= 0 {
		l.refuse(path+".name", fmt.Sprintf("known by the same as %s", before[i].Name), "put their doors into one entry")
	}
	switch {
	case c.SAN != "":
		l.checkSAN(path+".san", c.SAN)
	case c.KeyHash != "":
		l.checkKeyHash(path+".key_hash", c)
	default:
		l.checkUID(path + ".uid")
	}
}

// checkSAN wants a name as certificates have it, to be compared as a whole.
func (l *loader) checkSAN(path, san string) {
	if wrong := wrongSAN(san); wrong != "" {
		l.refuse(path, fmt.Sprintf("%q %s", san, wrong), "write one DNS name in lower case, or one URI such as spiffe://fabrikam.example/gateway")
		return
	}
	if l.config.HTTP.TLS.ClientCA == "" && l.config.Envoy.TLS.ClientCA == "" {
		l.refuse(path, "no listener asks for client certificates", "set http.tls.client_ca, or know this caller by key_hash or uid")
	}
}

func wrongSAN(san string) string {
	if strings.Contains(san, "://") {
		if u, err := url.Parse(san); err != nil || u.String() != san || u.Host == "" {
			return "is not a URI in its plain form"
		}
		return ""
	}
	if strings.Contains(san, "*") {
		return "has a *, but names are compared as a whole"
	}
	if _, err := netip.ParseAddr(san); err == nil {
		return "is an IP address, by which nobody is known"
	}
	if checkHost(san) != nil || strings.ToLower(san) != san || strings.HasSuffix(san, ".") {
		return "is not a DNS name in lower case"
	}
	return ""
}

func (l *loader) checkKeyHash(path string, c Caller) {
	if _, err := c.Key(); err != nil {
		l.refuse(path, err.Error(), `write sha256: and what printf %s "$key" | openssl dgst -sha256 -r | cut -d" " -f1 prints`)
		return
	}
	for _, door := range c.Doors {
		if slices.Contains(proxies(), door) {
			l.refuse(path, fmt.Sprintf("the door %s gets its user's Authorization, so no key can be sent there", door), "know this caller by san or uid")
		}
	}
}

func (l *loader) checkUID(path string) {
	for _, address := range []Address{l.config.HTTP.Address, l.config.Envoy.Address, l.config.Admin.Address} {
		if network, _ := address.Network(); network == "unix" {
			return
		}
	}
	l.refuse(path, "no listener is a Unix socket", "let http.address be unix:///path/to.sock, or know this caller by san or key_hash")
}

// checkCallerDoors wants every door by its name: none would keep the caller out, and which
// were meant by leaving them out is a guess.
func (l *loader) checkCallerDoors(path string, c Caller) {
	l.filled(path+".doors", c.Doors)
	if len(c.Doors) == 0 {
		l.missing(path+".doors", path, "missing, so this caller could not ask anywhere", "list the doors: "+strings.Join(doors(), ", "))
	}
	if c.SAN != "" && slices.Contains(c.Doors, "admin") {
		l.refuse(path+".doors", "admin.address asks for no certificates, so this caller would never be known there", "know it by key_hash or uid, in an entry of its own")
	}
	for i, door := range c.Doors {
		if door != "" && !slices.Contains(doors(), door) {
			l.refuse(fmt.Sprintf("%s.doors[%d]", path, i), fmt.Sprintf("%q is no door", door), "the nearest is "+nearest(door, doors()))
		}
	}
}
