package jwks

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"stepup/sidecar/token"
)

// How long an answer counts as fresh, whatever its sender says.
const (
	minLifetime     = time.Minute
	maxLifetime     = 24 * time.Hour
	defaultLifetime = 15 * time.Minute
)

// remote is a key set on a server. It is used by one refresh at a time.
type remote struct {
	client     *http.Client
	now        func() time.Time
	issuer     string
	configured string // jwks_uri of the configuration; empty: discovery

	found      string // jwks_uri that discovery found
	foundUntil time.Time
	etag       string // of the key set read last, at the address tagged
	tagged     string
}

func (r *remote) changed() bool { return false }

func (r *remote) fetch(ctx context.Context) (document, error) {
	address, err := r.address(ctx)
	if err != nil {
		return document{}, err
	}
	doc, err := r.fetchKeys(ctx, address)
	if err != nil {
		// The keys may have moved: ask the metadata again next time.
		r.found = ""
		return document{}, fmt.Errorf("fetching the key set: %w", err)
	}
	return doc, nil
}

func (r *remote) fetchKeys(ctx context.Context, address string) (document, error) {
	etag := ""
	if r.tagged == address {
		etag = r.etag
	}
	got, err := r.get(ctx, address, etag, "application/jwk-set+json", "application/json")
	if err != nil {
		return document{}, err
	}
	if got.same {
		return document{same: true, lifetime: got.lifetime}, nil
	}
	doc, err := parse(got.body)
	if err != nil {
		return document{}, err
	}
	doc.lifetime = got.lifetime
	r.etag, r.tagged = got.etag, address
	return doc, nil
}

// address says where the key set is, by discovery if the configuration does not.
func (r *remote) address(ctx context.Context) (string, error) {
	if r.configured != "" {
		return r.configured, nil
	}
	if r.found != "" && r.now().Before(r.foundUntil) {
		return r.found, nil
	}
	m, lifetime, err := r.discover(ctx)
	if err != nil {
		return "", err
	}
	r.found, r.foundUntil = m.JWKSURI, r.now().Add(lifetime)
	return r.found, nil
}

// metadata is what we read of a provider's metadata.
type metadata struct {
	Issuer  string `json:"issuer"`
	JWKSURI string `json:"jwks_uri"`
}

// discover asks for the OpenID provider's metadata first, and then for that of the OAuth
// server. A server that does not answer at all is asked once only.
func (r *remote) discover(ctx context.Context) (metadata, time.Duration, error) {
	var all error
	for _, address := range wellKnown(r.issuer) {
		m, lifetime, err := r.fetchMetadata(ctx, address)
		if err == nil {
			return m, lifetime, nil
		}
		all = errors.Join(all, fmt.Errorf("discovery: %w", err))
		if _, noAnswer := errors.AsType[*url.Error](err); noAnswer {
			break
		}
	}
	return metadata{}, 0, all
}

// wellKnown returns the two addresses of metadata: OpenID Connect Discovery 1.0, section
// 4.1, appends to the issuer; RFC 8414, section 3.1, inserts before its path.
func wellKnown(issuer string) []string {
	issuer = strings.TrimSuffix(issuer, "/")
	addresses := []string{issuer + "/.well-known/openid-configuration"}
	u, err := url.Parse(issuer)
	if err != nil {
		return addresses
	}
	origin := u.Scheme + "://" + u.Host
	return append(addresses, origin+"/.well-known/oauth-authorization-server"+u.EscapedPath())
}

func (r *remote) fetchMetadata(ctx context.Context, address string) (metadata, time.Duration, error) {
	got, err := r.get(ctx, address, "", "application/json")
	if err != nil {
		return metadata{}, 0, err
	}
	var m metadata
	if err := json.Unmarshal(got.body, &m); err != nil {
		return metadata{}, 0, fmt.Errorf("%s: %w", address, err)
	}
	return m, got.lifetime, r.checkMetadata(address, m)
}

// checkMetadata refuses metadata that is not the issuer's own (RFC 8414, section 3.3), or
// that leads to where we would not go for the issuer itself.
func (r *remote) checkMetadata(address string, m metadata) error {
	if m.Issuer != r.issuer {
		return fmt.Errorf("%s: its issuer is %s, not exactly %q", address, token.Quote(m.Issuer), r.issuer)
	}
	keys, err := checkURL(m.JWKSURI)
	if err != nil {
		return fmt.Errorf("%s: jwks_uri: %w", address, err)
	}
	if keys.Scheme == "http" && !strings.HasPrefix(r.issuer, "http:") {
		return fmt.Errorf("%s: jwks_uri %s is http, the issuer is https", address, token.Quote(m.JWKSURI))
	}
	return nil
}

// answer is a response that is fit to be read.
type answer struct {
	body     []byte
	same     bool // 304: what etag named still holds
	etag     string
	lifetime time.Duration
}

func (r *remote) get(ctx context.Context, address, etag string, types ...string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Accept", strings.Join(types, ", "))
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	got := answer{etag: resp.Header.Get("ETag"), lifetime: lifetimeOf(resp.Header)}
	if resp.StatusCode == http.StatusNotModified && etag != "" {
		got.same = true
		return got, nil
	}
	if err := checkResponse(resp, types); err != nil {
		return answer{}, fmt.Errorf("%s: %w", address, err)
	}
	if got.body, err = readLimited(resp.Body); err != nil {
		return answer{}, fmt.Errorf("%s: %w", address, err)
	}
	return got, nil
}

func checkResponse(resp *http.Response, types []string) error {
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return fmt.Errorf("answered with %s; redirects are not followed: configure where it leads", resp.Status)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("answered with %s", resp.Status)
	}
	given := resp.Header.Get("Content-Type")
	if got, _, err := mime.ParseMediaType(given); err != nil || !slices.Contains(types, got) {
		return fmt.Errorf("content type %s is not %s", token.Quote(given), strings.Join(types, " or "))
	}
	return nil
}

// lifetimeOf reads Cache-Control (RFC 9111, section 5.2.2) within our own limits. A
// provider about to exchange its keys says no-cache: then it is the shortest.
func lifetimeOf(h http.Header) time.Duration {
	lifetime := defaultLifetime
	for directive := range strings.SplitSeq(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
		switch name {
		case "no-cache", "no-store":
			return minLifetime
		case "max-age":
			lifetime = secondsOf(strings.Trim(value, `"`))
		}
	}
	return min(max(lifetime, minLifetime), maxLifetime)
}

// secondsOf reads a delta-seconds; one too large to read is the largest there is, and
// anything else is stale (RFC 9111, sections 1.2.2 and 4.2.1).
func secondsOf(text string) time.Duration {
	seconds, err := strconv.ParseUint(text, 10, 31)
	switch {
	case err == nil:
		return time.Duration(seconds) * time.Second
	case errors.Is(err, strconv.ErrRange):
		return maxLifetime
	}
	return 0
}
