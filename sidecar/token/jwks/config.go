package jwks

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"stepup/sidecar/token"
)

// Config says where an issuer's keys are. At most one of JWKSURI and JWKSFile may be set;
// with neither they are found by discovery.
type Config struct {
	Issuer   string // for discovery, compared with the metadata's issuer byte for byte
	JWKSURI  string // the address of the key set
	JWKSFile string // a file with the key set, read again whenever it changes
	CAFile   string // PEM roots to trust instead of the system's; empty: the system's

	Now     func() time.Time // nil: time.Now
	Logger  *slog.Logger     // nil: silent
	Observe func(Fetch)      // called after every attempt, for metrics; nil: not called
}

// A Fetch is one attempt to get a key set.
type Fetch struct {
	Issuer  string
	Took    time.Duration
	Keys    int // usable keys at hand after it
	Skipped int // keys of the set that verify nothing
	Err     error
}

// Limits of one request for metadata or keys.
const (
	requestTimeout = 5 * time.Second
	maxBody        = 512 << 10
	maxHeader      = 64 << 10
)

func (c Config) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

func (c Config) logger() *slog.Logger {
	if c.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Logger
}

// source opens what the configuration names, without reaching for it yet.
func (c Config) source() (source, error) {
	switch {
	case c.JWKSURI != "" && c.JWKSFile != "":
		return nil, errors.New("jwks_uri and jwks_file are both set: keep one")
	case c.JWKSFile != "":
		return &file{path: c.JWKSFile}, nil
	case c.JWKSURI != "":
		if _, err := checkURL(c.JWKSURI); err != nil {
			return nil, fmt.Errorf("jwks_uri: %w", err)
		}
	default:
		if err := checkIssuer(c.Issuer); err != nil {
			return nil, fmt.Errorf("issuer: %w", err)
		}
	}
	client, err := newClient(c.CAFile)
	if err != nil {
		return nil, err
	}
	return &remote{client: client, now: c.now, issuer: c.Issuer, configured: c.JWKSURI}, nil
}

// newClient makes a client that follows no redirect, sends no cookie, and trusts the
// roots in caFile alone if there is one.
func newClient(caFile string) (*http.Client, error) {
	roots, err := readRoots(caFile)
	if err != nil {
		return nil, err
	}
	return &http.Client{
		Timeout:       requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: requestTimeout}).DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    requestTimeout,
			MaxIdleConns:           1,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: maxHeader,
			ForceAttemptHTTP2:      true,
		},
	}, nil
}

func readRoots(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("ca_file: %s has no certificate in PEM form", path)
	}
	return roots, nil
}

// checkURL admits https, and http on loopback.
func checkURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("not a URL") // not repeated: there may be a password in it
	case u.Host == "" || u.Opaque != "":
		return nil, fmt.Errorf("%s is not an absolute URL with a host", token.Quote(raw))
	case u.User != nil:
		return nil, errors.New("a URL with a user name or password")
	case u.Fragment != "":
		return nil, fmt.Errorf("%s has a fragment", token.Quote(raw))
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return u, nil
	}
	return nil, fmt.Errorf("%s is neither https nor http on loopback", token.Quote(raw))
}

// checkIssuer admits what discovery can work on (RFC 8414, section 2).
func checkIssuer(raw string) error {
	u, err := checkURL(raw)
	if err == nil && (u.RawQuery != "" || u.ForceQuery) {
		return fmt.Errorf("%q has a query, so discovery cannot work: set jwks_uri or jwks_file", raw)
	}
	return err
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
