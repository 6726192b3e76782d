package protocol_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
)

const (
	aKey   = "0123456789abcdef0123456789abcdef"
	other  = "fedcba9876543210fedcba9876543210"
	spiffe = "spiffe://fabrikam.example/gateway"
)

func digest(key string) *[sha256.Size]byte {
	d := sha256.Sum256([]byte(key))
	return &d
}

func user(uid uint32) *uint32 { return &uid }

// everybody has one caller of each mark, and root, whose number is zero.
func everybody(t *testing.T) *protocol.Callers {
	t.Helper()
	c, err := protocol.NewCallers([]protocol.Caller{
		{Name: "app", Key: digest(aKey), Doors: []string{"native", "opadata"}},
		{Name: "gateway", SAN: spiffe, Doors: []string{"native", "nginx"}},
		{Name: "host", SAN: "gw.fabrikam.example", Doors: []string{"native"}},
		{Name: "root", UID: user(0), Doors: []string{"nginx"}},
		{Name: "web", UID: user(1000), Doors: []string{"native", "nginx"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// certified is a connection whose client certificate was verified.
func certified(leaf x509.Certificate) *tls.ConnectionState {
	return &tls.ConnectionState{PeerCertificates: []*x509.Certificate{&leaf}, VerifiedChains: [][]*x509.Certificate{{&leaf}}}
}

func uris(list ...string) (parsed []*url.URL) {
	for _, text := range list {
		u, err := url.Parse(text)
		if err != nil {
			panic(err)
		}
		parsed = append(parsed, u)
	}
	return parsed
}

func bearer(fields ...string) protocol.Evidence { return protocol.Evidence{Authorization: fields} }

func named(leaf x509.Certificate) protocol.Evidence { return protocol.Evidence{TLS: certified(leaf)} }

func TestAdmit(t *testing.T) {
	unverified := certified(x509.Certificate{URIs: uris(spiffe)})
	unverified.VerifiedChains = nil
	proxied := bearer("Bearer a.users.token")
	proxied.Proxied, proxied.Peer = true, user(1000)
	for _, row := range []struct {
		name string
		door string
		e    protocol.Evidence
		want string // the caller, or the status
	}{
		{"nothing", "native", protocol.Evidence{}, "401"},
		{"a key", "native", bearer("Bearer " + aKey), "app"},
		{"the scheme's case does not matter", "native", bearer("bEARER " + aKey), "app"},
		{"the key's does", "native", bearer("Bearer " + strings.ToUpper(aKey)), "401"},
		{"an unknown key", "native", bearer("Bearer " + other), "401"},
		{"an empty field", "native", bearer(""), "401"},
		{"an empty key", "native", bearer("Bearer "), "401"},
		{"no scheme", "native", bearer(aKey), "401"},
		{"another scheme", "native", bearer("Basic " + aKey), "401"},
		{"the beginning of a key", "native", bearer("Bearer " + aKey[:31]), "401"},
		{"a key and more", "native", bearer("Bearer " + aKey + "0"), "401"},
		{"a key and a space", "native", bearer("Bearer " + aKey + " "), "401"},
		{"two spaces", "native", bearer("Bearer  " + aKey), "401"},
		{"a tab", "native", bearer("Bearer\t" + aKey), "401"},
		{"the digest in place of the key", "native", bearer("Bearer sha256:" + strings.Repeat("0", 64)), "401"},
		{"two fields", "native", bearer("Bearer "+aKey, "Bearer "+aKey), "401"},
		{"two in one field", "native", bearer("Bearer " + aKey + ", Bearer " + aKey), "401"},
		{"a key at a door that is not its own", "login", bearer("Bearer " + aKey), "403"},
		{"a key at a door of another case", "Native", bearer("Bearer " + aKey), "403"},
		{"a key at no door", "", bearer("Bearer " + aKey), "403"},

		{"a SPIFFE id", "native", named(x509.Certificate{URIs: uris(spiffe)}), "gateway"},
		{"a SPIFFE id of another case", "native", named(x509.Certificate{URIs: uris("spiffe://fabrikam.example/Gateway")}), "401"},
		{"a SPIFFE id below it", "native", named(x509.Certificate{URIs: uris(spiffe + "/x")}), "401"},
		{"a SPIFFE id written otherwise", "native", named(x509.Certificate{URIs: uris("spiffe://fabrikam.example/%67ateway")}), "401"},
		{"a SPIFFE id beside another URI", "native", named(x509.Certificate{URIs: uris("https://x.example/", spiffe)}), "401"},
		{"a SPIFFE id as a DNS name", "native", named(x509.Certificate{DNSNames: []string{spiffe}}), "401"},
		{"a SPIFFE id as an address of mail", "native", named(x509.Certificate{EmailAddresses: []string{spiffe}}), "401"},
		{"a DNS name", "native", named(x509.Certificate{DNSNames: []string{"x.example", "gw.fabrikam.example"}}), "host"},
		{"a DNS name of another case", "native", named(x509.Certificate{DNSNames: []string{"GW.fabrikam.example"}}), "host"},
		{"a DNS name with a star", "native", named(x509.Certificate{DNSNames: []string{"*.fabrikam.example"}}), "401"},
		{"the common name", "native", named(x509.Certificate{Subject: pkix.Name{CommonName: "gw.fabrikam.example"}}), "401"},
		{"an authority", "native", named(x509.Certificate{IsCA: true, DNSNames: []string{"gw.fabrikam.example"}}), "401"},
		{"a certificate that nobody verified", "native", protocol.Evidence{TLS: unverified}, "401"},
		{"TLS without a certificate", "native", protocol.Evidence{TLS: &tls.ConnectionState{}}, "401"},
		{"a known name at a door that is not its own", "opadata", named(x509.Certificate{URIs: uris(spiffe)}), "403"},

		{"a Unix user", "native", protocol.Evidence{Peer: user(1000)}, "web"},
		{"another Unix user", "native", protocol.Evidence{Peer: user(1001)}, "401"},
		{"root", "nginx", protocol.Evidence{Peer: user(0)}, "root"},
		{"root is not everybody", "native", protocol.Evidence{Peer: user(0)}, "403"},

		{"an unknown key beside a known user", "native", protocol.Evidence{Peer: user(1000), Authorization: []string{"Bearer " + other}}, "401"},
		{"a known key beside an unknown user", "native", protocol.Evidence{Peer: user(7), Authorization: []string{"Bearer " + aKey}}, "app"},
		{"two marks, of which one has the door", "opadata", protocol.Evidence{Peer: user(1000), Authorization: []string{"Bearer " + aKey}}, "app"},

		{"a proxy by its user, with a user's token", "nginx", proxied, "web"},
		{"a proxy without a mark", "nginx", protocol.Evidence{Proxied: true}, "403"},
		{"a proxy with a caller's key, sent by its user", "native", protocol.Evidence{Proxied: true, Authorization: []string{"Bearer " + aKey}}, "403"},
	} {
		t.Run(row.name, func(t *testing.T) {
			name, err := everybody(t).Admit(row.door, row.e)
			if got := admitted(t, name, err); got != row.want {
				t.Errorf("Admit(%q) = %s (%v), want %s", row.door, got, err, row.want)
			}
		})
	}
}

func admitted(t *testing.T, name string, err error) string {
	t.Helper()
	if err == nil {
		return name
	}
	p, ok := errors.AsType[*protocol.Problem](err)
	if !ok || name != "" {
		t.Fatalf("Admit = %q, %v; want a name or a problem", name, err)
	}
	return strings.TrimSpace(strings.Split(p.Error(), ":")[0])
}

func TestAdmitWithoutCallers(t *testing.T) {
	var nobody *protocol.Callers
	if name, err := nobody.Admit("native", bearer("Bearer x", "Bearer y")); name != "" || err != nil {
		t.Errorf("Admit without callers = %q, %v; want everybody, unnamed", name, err)
	}
}

func TestNewCallersRefuses(t *testing.T) {
	doors := []string{"native"}
	for name, c := range map[string]protocol.Caller{
		"no name":   {SAN: "a", Doors: doors},
		"no mark":   {Name: "a", Doors: doors},
		"two marks": {Name: "a", SAN: "a", UID: user(0), Doors: doors},
		"no door":   {Name: "a", SAN: "a"},
	} {
		if callers, err := protocol.NewCallers([]protocol.Caller{c}); err == nil || callers != nil {
			t.Errorf("NewCallers with %s = %v, %v; want an error", name, callers, err)
		}
	}
}

// TestCallersAtDoors asks over HTTP: unknown callers get no further than the door, at
// every method of it.
func TestCallersAtDoors(t *testing.T) {
	var got string
	handler := func(c echo.Context) error {
		got = access.CallerOf(c.Request().Context())
		return c.NoContent(http.StatusNoContent)
	}
	srv := serveDoors(t, everybody(t), get("/x", handler))
	for _, row := range []struct {
		method, path, key string
		want              int
		caller            string
	}{
		{"GET", "/own/x", aKey, 204, "app"},
		{"GET", "/own/x", "", 401, ""},
		{"POST", "/own/x", "", 401, ""},
		{"POST", "/own/x", aKey, 405, ""},
		{"GET", "/other/x", aKey, 403, ""},
		{"GET", "/proxied/x", aKey, 403, ""},
		{"GET", "/nowhere", "", 404, ""},
	} {
		got = ""
		req, _ := http.NewRequestWithContext(t.Context(), row.method, srv+row.path, nil)
		if row.key != "" {
			req.Header.Set("Authorization", "Bearer "+row.key)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != row.want || got != row.caller {
			t.Errorf("%s %s with key %q = %d by %q, want %d by %q", row.method, row.path, row.key, resp.StatusCode, got, row.want, row.caller)
		}
		if challenged := resp.Header.Get("WWW-Authenticate") != ""; challenged != (row.want == 401) {
			t.Errorf("%s %s: %d with WWW-Authenticate %q", row.method, row.path, resp.StatusCode, resp.Header.Get("WWW-Authenticate"))
		}
	}
}

func serveDoors(t *testing.T, callers *protocol.Callers, r protocol.Route) string {
	t.Helper()
	e := protocol.NewEcho(protocol.Config{Callers: callers})
	at := func(prefix string) protocol.Route {
		return protocol.Route{Method: r.Method, Path: prefix + r.Path, Serve: r.Serve}
	}
	protocol.Mount(e, "native", at("/own"))
	protocol.Mount(e, "login", at("/other"))
	protocol.MountProxied(e, "opadata", at("/proxied"))
	return serveEcho(t, e)
}

// FuzzAuthorization looks for a field that lets somebody in who has not the key.
func FuzzAuthorization(f *testing.F) {
	for _, seed := range []string{"", "Bearer ", "Bearer " + aKey, "bearer " + aKey, "Bearer " + other, "Basic " + aKey, "Bearer " + aKey + ","} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, field string) {
		c, err := protocol.NewCallers([]protocol.Caller{{Name: "app", Key: digest(aKey), Doors: []string{"native"}}})
		if err != nil {
			t.Fatal(err)
		}
		name, err := c.Admit("native", bearer(field))
		if right := strings.EqualFold(field[:min(7, len(field))], "Bearer ") && field[min(7, len(field)):] == aKey; (err == nil) != right || (name == "app") != right {
			t.Errorf("Admit with Authorization %q = %q, %v", field, name, err)
		}
	})
}
