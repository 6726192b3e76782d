package jwks_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stepup/sidecar/token/jwks"
	"stepup/sidecar/token/tokentest"
)

func TestDiscovery(t *testing.T) {
	notFound := tokentest.Answer(http.StatusNotFound, "text/plain", "")
	for _, row := range []struct {
		name           string
		path           string // of the issuer
		spoil          func(*tokentest.Issuer)
		want           string
		openID, oauth2 int // how often each metadata was asked for
	}{
		{"an OpenID provider", "", nil, found, 1, 0},
		{"with a slash at its end", "/", nil, found, 1, 0},
		{"with a path", "/tenants/a", nil, found, 1, 0},
		{"with a path and a slash", "/tenants/a/", nil, found, 1, 0},
		{"an OAuth server", "", func(i *tokentest.Issuer) { i.Handle(tokentest.OpenIDMetadata, notFound) }, found, 1, 1},
		{"an OAuth server with a path", "/tenants/a", func(i *tokentest.Issuer) { i.Handle(tokentest.OpenIDMetadata, notFound) }, found, 1, 1},
		{"an OAuth server with a path and a slash", "/tenants/a/", func(i *tokentest.Issuer) { i.Handle(tokentest.OpenIDMetadata, notFound) }, found, 1, 1},
		{"neither", "", func(i *tokentest.Issuer) {
			i.Handle(tokentest.OpenIDMetadata, notFound)
			i.Handle(tokentest.OAuthMetadata, notFound)
		}, "keys_unavailable", 1, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBench(t, tokentest.WithPath(row.path))
			if row.spoil != nil {
				row.spoil(b.issuer)
			}
			if got := b.find("key-1"); got != row.want {
				t.Errorf("Find = %s, want %s (%s)", got, row.want, b.set.Status().LastError)
			}
			openID, oauth2 := b.issuer.Fetches(tokentest.OpenIDMetadata), b.issuer.Fetches(tokentest.OAuthMetadata)
			if openID != row.openID || oauth2 != row.oauth2 {
				t.Errorf("asked for metadata %d and %d times, want %d and %d", openID, oauth2, row.openID, row.oauth2)
			}
		})
	}
}

// TestMetadataIsRefused: metadata is believed about its own issuer only, and leads only to
// where we would go by ourselves.
func TestMetadataIsRefused(t *testing.T) {
	for _, row := range []struct {
		name, document, want string // %s: the issuer's URL
	}{
		{"another issuer's", `{"issuer":"https://other.example","jwks_uri":"%s/keys"}`, "not exactly"},
		{"with a slash more", `{"issuer":"%s/","jwks_uri":"%s/keys"}`, "not exactly"},
		{"without an issuer", `{"jwks_uri":"%s/keys"}`, "not exactly"},
		{"without jwks_uri", `{"issuer":"%s"}`, "jwks_uri"},
		{"with issuer twice", `{"issuer":"%s","issuer":"%s","jwks_uri":"%s/keys"}`, "duplicate"},
		{"in another case", `{"Issuer":"%s","jwks_uri":"%s/keys"}`, "not exactly"},
		{"leading to http", `{"issuer":"%s","jwks_uri":"http://keys.example/keys"}`, "neither https nor http on loopback"},
		{"leading to a file", `{"issuer":"%s","jwks_uri":"file:///etc/passwd"}`, "not an absolute URL"},
		{"leading to somebody's password", `{"issuer":"%s","jwks_uri":"https://u:p@keys.example/keys"}`, "user name"},
		{"not JSON", `<html>`, "invalid character"},
		{"a list", `["%s"]`, "array"},
		{"too large", `{"issuer":"%s","x":"` + strings.Repeat("x", 512<<10) + `"}`, "more than 524288 bytes"},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBench(t)
			document := strings.ReplaceAll(row.document, "%s", b.issuer.URL)
			b.issuer.Handle(tokentest.OpenIDMetadata, tokentest.Answer(http.StatusOK, "application/json", document))
			b.issuer.Handle(tokentest.OAuthMetadata, tokentest.Answer(http.StatusNotFound, "text/plain", ""))
			b.want("refused", "key-1", "keys_unavailable", 0)
			if got := b.set.Status().LastError; !strings.Contains(got, row.want) {
				t.Errorf("LastError = %s, want %q in it", got, row.want)
			}
			if strings.Contains(b.set.Status().LastError, "u:p") {
				t.Errorf("LastError tells the password: %s", b.set.Status().LastError)
			}
		})
	}
}

// TestMetadataMayNotLeaveTLS: an https issuer's keys are not fetched over http, not even
// from loopback.
func TestMetadataMayNotLeaveTLS(t *testing.T) {
	issuer := tokentest.New(t, tokentest.WithTLS())
	plain := tokentest.New(t)
	b := benchOf(t, issuer, func(c *jwks.Config) { c.CAFile = issuer.CAFile() })
	issuer.Handle(tokentest.OpenIDMetadata, tokentest.Answer(http.StatusOK, "application/json",
		`{"issuer":"`+issuer.URL+`","jwks_uri":"`+plain.JWKSURI()+`"}`))
	issuer.Handle(tokentest.OAuthMetadata, tokentest.Answer(http.StatusNotFound, "text/plain", ""))
	b.want("refused", "key-1", "keys_unavailable", 0)
	if n := plain.Fetches(""); n != 0 {
		t.Errorf("the other server was asked %d times", n)
	}
}

// TestKeysThatMovedAreFound: metadata may be fresh for a day, but when the keys are not
// where it said, it is asked again.
func TestKeysThatMovedAreFound(t *testing.T) {
	b := newBench(t)
	b.issuer.SetHeader("Cache-Control", "max-age=86400")
	b.want("first", "key-1", found, 1)
	next := b.issuer.Rotate()
	b.issuer.Handle("/new", tokentest.Answer(http.StatusOK, "application/json", string(b.issuer.JWKS())))
	b.issuer.Handle(tokentest.KeySet, tokentest.Answer(http.StatusGone, "text/plain", ""))
	b.issuer.Handle(tokentest.OpenIDMetadata, tokentest.Answer(http.StatusOK, "application/json",
		`{"issuer":"`+b.issuer.URL+`","jwks_uri":"`+b.issuer.URL+`/new"}`))
	b.want("gone from where they were", next.ID, "key_not_found", 2)
	b.clock.Advance(30 * time.Second)
	b.want("found where they are", next.ID, found, 2)
}

func TestAnswersThatAreRefused(t *testing.T) {
	for _, row := range []struct {
		name, contentType, body, want string
		status                        int
	}{
		{"a page", "text/html", `{"keys":[]}`, "content type", 200},
		{"no content type", "", `{"keys":[]}`, "content type", 200},
		{"an error", "application/json", `{"keys":[]}`, "500", 500},
		{"not modified, unasked", "application/json", "", "304", 304},
		{"no keys member", "application/json", `{}`, `"keys"`, 200},
		{"keys null", "application/json", `{"keys":null}`, `"keys"`, 200},
		{"keys an object", "application/json", `{"keys":{}}`, "key set", 200},
		{"keys twice", "application/json", `{"keys":[],"keys":[]}`, "duplicate", 200},
		{"two documents", "application/json", `{"keys":[]}{"keys":[]}`, "key set", 200},
		{"more than 100 keys", "application/json", `{"keys":[` + strings.Repeat("{},", 100) + `{}]}`, "101 keys", 200},
		{"too large", "application/json", `{"keys":[],"x":"` + strings.Repeat("x", 512<<10) + `"}`, "524288", 200},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBench(t)
			b.issuer.Handle(tokentest.KeySet, tokentest.Answer(row.status, row.contentType, row.body))
			b.want("refused", "key-1", "keys_unavailable", 1)
			if got := b.set.Status().LastError; !strings.Contains(got, row.want) {
				t.Errorf("LastError = %s, want %q in it", got, row.want)
			}
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := tokentest.New(t)
	for _, path := range []string{tokentest.KeySet, tokentest.OpenIDMetadata} {
		b := newBench(t)
		b.issuer.Handle(tokentest.OAuthMetadata, tokentest.Answer(http.StatusNotFound, "text/plain", ""))
		b.issuer.Handle(path, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+path, http.StatusFound)
		})
		if got := b.find("key-1"); got != "keys_unavailable" {
			t.Errorf("%s redirects: Find = %s, want keys_unavailable", path, got)
		}
	}
	if n := elsewhere.Fetches(""); n != 0 {
		t.Errorf("the other server was asked %d times", n)
	}
}

func TestTLS(t *testing.T) {
	issuer := tokentest.New(t, tokentest.WithTLS())
	trusting := benchOf(t, issuer, func(c *jwks.Config) { c.CAFile = issuer.CAFile() })
	trusting.want("with the issuer's own root", "key-1", found, 1)
	distrusting := benchOf(t, issuer, nil)
	distrusting.want("with the system's roots", "key-1", "keys_unavailable", 1)
}

func TestNewRefuses(t *testing.T) {
	folder := t.TempDir()
	empty := filepath.Join(folder, "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		give jwks.Config
		want string // in the error; empty: none
	}{
		{"https", jwks.Config{Issuer: "https://idp.example"}, ""},
		{"a private address", jwks.Config{Issuer: "https://10.0.0.1/realm"}, ""},
		{"http on loopback", jwks.Config{Issuer: "http://127.0.0.1:8080"}, ""},
		{"http on loopback, IPv6", jwks.Config{Issuer: "http://[::1]:8080"}, ""},
		{"http on localhost", jwks.Config{Issuer: "http://localhost"}, ""},
		{"http elsewhere", jwks.Config{Issuer: "http://idp.example"}, "neither https nor http on loopback"},
		{"http on what looks like loopback", jwks.Config{Issuer: "http://127.0.0.1.example"}, "neither"},
		{"a user name", jwks.Config{Issuer: "https://user:secret@idp.example"}, "user name"},
		{"a user name in what is no URL", jwks.Config{Issuer: "https://user:secret@idp.example:x"}, "not a URL"},
		{"a query", jwks.Config{Issuer: "https://idp.example?a=b"}, "query"},
		{"a fragment", jwks.Config{Issuer: "https://idp.example#a"}, "fragment"},
		{"no host", jwks.Config{Issuer: "https:///a"}, "host"},
		{"no URL", jwks.Config{Issuer: "idp"}, "absolute"},
		{"nothing", jwks.Config{}, "absolute"},
		{"any issuer with jwks_uri", jwks.Config{Issuer: "urn:idp", JWKSURI: "https://idp.example/keys?p=x"}, ""},
		{"jwks_uri over http", jwks.Config{Issuer: "https://idp.example", JWKSURI: "http://idp.example/keys"}, "jwks_uri"},
		{"any issuer with jwks_file", jwks.Config{Issuer: "urn:idp", JWKSFile: "keys.json"}, ""},
		{"both", jwks.Config{JWKSURI: "https://idp.example/keys", JWKSFile: "keys.json"}, "both"},
		{"no such ca_file", jwks.Config{Issuer: "https://idp.example", CAFile: filepath.Join(folder, "none")}, "ca_file"},
		{"a ca_file without a certificate", jwks.Config{Issuer: "https://idp.example", CAFile: empty}, "no certificate"},
	} {
		_, err := jwks.New(row.give)
		switch {
		case row.want == "" && err != nil:
			t.Errorf("%s: New = %v, want none", row.name, err)
		case row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)):
			t.Errorf("%s: New = %v, want an error with %q", row.name, err, row.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error tells the password: %v", row.name, err)
		}
	}
}
