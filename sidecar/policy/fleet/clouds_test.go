package fleet_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stepup/sidecar/policy/fleet"
)

// Two tokens of an identity service.
const first, second = "the-first-token", "the-second-token"

// A cloud is a machine's identity service and an object store that takes its tokens, on one
// loopback server, in the shapes that a provider documents.
type cloud struct {
	url string

	mu      sync.Mutex
	archive []byte // the one object
	etag    string
	issues  string // the token that the identity service gives; empty: it refuses
	accepts string // the token that the store takes
	wrong   []string
}

// newCloud serves identity and store; each judges a request by what is missing or wrong in it.
func newCloud(t *testing.T, identity func(*http.Request) string, token func(string) any, store func(*http.Request) string) *cloud {
	t.Helper()
	c := &cloud{issues: first, accepts: first}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /identity/", func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.refuses(w, http.StatusBadRequest, identity(r)) {
			return
		}
		if c.issues == "" {
			http.Error(w, `{"error":"invalid_request","error_description":"Identity not found"}`, http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(token(c.issues))
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.refuses(w, http.StatusNotFound, store(r)) {
			return
		}
		if r.Header.Get("Authorization") != "Bearer "+c.accepts {
			http.Error(w, "invalid credentials", http.StatusUnauthorized)
			return
		}
		w.Header().Set("ETag", c.etag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(c.archive))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// refuses answers and remembers what is wrong with a request, if anything is.
func (c *cloud) refuses(w http.ResponseWriter, status int, wrong string) bool {
	if wrong == "" {
		return false
	}
	c.wrong = append(c.wrong, wrong)
	http.Error(w, wrong, status)
	return true
}

// set changes what the cloud holds, issues or takes.
func (c *cloud) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

func (c *cloud) put(t *testing.T, revision string) {
	t.Helper()
	archive := good(revision).Build(t)
	c.set(func() { c.archive, c.etag = archive, fmt.Sprintf("%q", revision) })
}

// serves puts a cloud through what happens to a bundle there. Whatever goes wrong, the last good
// one stays.
func (c *cloud) serves(t *testing.T, resource string, service map[string]any) {
	t.Helper()
	c.put(t, "r1")
	w := newWorld(t, map[string]any{
		"services": map[string]any{"origin": service},
		"bundles":  map[string]any{"shop": map[string]any{"service": "origin", "trigger": "manual", "resource": resource}},
	})
	w.mustFetch()
	w.wants("the first object", "shop@r1", "")
	c.put(t, "r2")
	w.mustFetch()
	w.wants("the next object", "shop@r2", "")
	w.mustFetch()
	w.wants("the same object again", "shop@r2", "")

	c.put(t, "r3")
	refused := func(what, kind string, change func()) {
		t.Helper()
		c.set(change)
		if err := w.fetch(); err == nil {
			t.Errorf("%s: the fetch succeeded", what)
		}
		w.wants(what, "shop@r2", kind)
	}
	refused("a token that the store does not take", fleet.ErrorHTTP, func() { c.accepts = second })
	refused("an identity that is not known", fleet.ErrorDownload, func() { c.issues = "" })
	c.set(func() { c.issues = second })
	w.mustFetch()
	w.wants("the new token", "shop@r3", "")

	if len(c.wrong) > 0 {
		t.Errorf("requests that this provider would refuse:\n%s", strings.Join(slices.Compact(c.wrong), "\n"))
	}
	if strings.Contains(w.log.String(), first) || strings.Contains(w.log.String(), second) {
		t.Errorf("a token is in the log:\n%s", w.log)
	}
}

// misses says which of the pairs (what it is, got, want) is not as wanted.
func misses(triples ...string) string {
	var wrong []string
	for i := 0; i < len(triples); i += 3 {
		if triples[i+1] != triples[i+2] {
			wrong = append(wrong, fmt.Sprintf("%s = %q, want %q", triples[i], triples[i+1], triples[i+2]))
		}
	}
	return strings.Join(wrong, "; ")
}

// TestAGoogleBucket takes bundles from Google Cloud Storage with the token of the machine's
// service account.
//
//   - The token: https://cloud.google.com/compute/docs/access/authenticate-workloads
//   - The object: https://cloud.google.com/storage/docs/json_api/v1/objects/get; a slash in its
//     name is encoded, https://cloud.google.com/storage/docs/request-endpoints#encoding
func TestAGoogleBucket(t *testing.T) {
	const scope = "https://www.googleapis.com/auth/devstorage.read_only"
	c := newCloud(t, func(r *http.Request) string {
		return misses(
			"the metadata path", r.URL.Path, "/identity/computeMetadata/v1/instance/service-accounts/default/token",
			"scopes", r.URL.Query().Get("scopes"), scope,
			"Metadata-Flavor", r.Header.Get("Metadata-Flavor"), "Google",
		)
	}, func(token string) any {
		return map[string]any{"access_token": token, "expires_in": 3599, "token_type": "Bearer"}
	}, func(r *http.Request) string {
		return misses(
			"the object's path", r.URL.EscapedPath(), "/storage/v1/b/fabrikam-bundles/o/policies%2Fshop.tar.gz",
			"alt", r.URL.Query().Get("alt"), "media",
		)
	})
	c.serves(t, "policies%2Fshop.tar.gz?alt=media", map[string]any{
		"url":         c.url + "/storage/v1/b/fabrikam-bundles/o",
		"credentials": map[string]any{"gcp_metadata": map[string]any{"endpoint": c.url + "/identity", "scopes": []any{scope}}},
	})
}

// TestAnAzureContainer takes bundles from Azure Blob Storage with the token of a managed identity.
//
//   - The token: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token,
//     in App Service https://learn.microsoft.com/azure/app-service/overview-managed-identity
//   - The blob: https://learn.microsoft.com/rest/api/storageservices/get-blob; a bearer token wants
//     x-ms-version, https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory
func TestAnAzureContainer(t *testing.T) {
	t.Run("a virtual machine", func(t *testing.T) {
		c := newAzure(t, "2018-02-01", "Metadata", "true")
		c.servesAzure(t, map[string]any{"endpoint": c.url + azureIdentity, "client_id": azureClient})
	})
	t.Run("an application in App Service", func(t *testing.T) {
		t.Setenv("IDENTITY_HEADER", "made up")
		c := newAzure(t, "2019-08-01", "X-Identity-Header", "made up")
		t.Setenv("IDENTITY_ENDPOINT", c.url+azureIdentity)
		c.servesAzure(t, map[string]any{"client_id": azureClient})
	})
}

const azureIdentity, azureClient = "/identity/oauth2/token", "11111111-2222-3333-4444-555555555555"

// newAzure is Azure with an identity service of this version, which knows the machine's own
// requests by a header.
func newAzure(t *testing.T, version, header, value string) *cloud {
	t.Helper()
	return newCloud(t, func(r *http.Request) string {
		return misses(
			"the identity path", r.URL.Path, azureIdentity,
			"api-version", r.URL.Query().Get("api-version"), version,
			"resource", r.URL.Query().Get("resource"), "https://storage.azure.com/",
			"client_id", r.URL.Query().Get("client_id"), azureClient,
			header, r.Header.Get(header), value,
		)
	}, func(token string) any {
		return map[string]any{
			"access_token": token, "expires_in": "3599", "expires_on": "1795428120", "not_before": "1795424520",
			"resource": "https://storage.azure.com/", "token_type": "Bearer",
		}
	}, func(r *http.Request) string {
		return misses(
			"the blob's path", r.URL.Path, "/bundles/policies/shop.tar.gz",
			"x-ms-version", r.Header.Get("x-ms-version"), "2023-11-03",
		)
	})
}

func (c *cloud) servesAzure(t *testing.T, identity map[string]any) {
	t.Helper()
	c.serves(t, "policies/shop.tar.gz", map[string]any{
		"url": c.url + "/bundles", "headers": map[string]any{"x-ms-version": "2023-11-03"},
		"credentials": map[string]any{"azure_managed_identity": identity},
	})
}
