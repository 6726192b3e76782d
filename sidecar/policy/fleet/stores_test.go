package fleet_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"stepup/sidecar/policy/fleet"
)

// TestARegistryOfImages takes bundles from an OCI registry, as opa push and oras put them
// there.
func TestARegistryOfImages(t *testing.T) {
	origin := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(origin.Close)
	push(t, origin.URL, good("r1").Build(t))
	w := newWorld(t, map[string]any{
		"services":              map[string]any{"origin": map[string]any{"url": origin.URL, "type": "oci"}},
		"bundles":               map[string]any{"shop": map[string]any{"service": "origin", "trigger": "manual", "resource": strings.TrimPrefix(origin.URL, "http://") + "/team/shop:latest"}},
		"persistence_directory": t.TempDir(),
	})
	w.mustFetch()
	w.wants("the first image", "shop@r1", "")
	push(t, origin.URL, good("bad").With("bad", map[string]string{"shop/policy.rego": "package shop\n"}).Build(t))
	if err := w.fetch(); err == nil || !strings.Contains(err.Error(), "package shop has no rule allow") {
		t.Errorf("an image without allow: %v", err)
	}
	w.wants("a bad image", "shop@r1", fleet.ErrorActivation)
	push(t, origin.URL, good("r2").Build(t))
	w.mustFetch()
	w.wants("the next image", "shop@r2", "")
	origin.Close()
	_ = w.fetch()
	w.wants("without the registry", "shop@r2", fleet.ErrorDownload)
}

// push puts a bundle into a registry as the one layer of an image, by the OCI Distribution
// Specification, sections "Pushing blobs" and "Pushing manifests".
func push(t *testing.T, registry string, archive []byte) {
	t.Helper()
	send := func(method, path, kind string, body []byte) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, registry+"/v2/team/shop/"+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", kind)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusCreated {
			t.Fatalf("%s %s: %s", method, path, resp.Status)
		}
	}
	blob := func(kind string, body []byte) map[string]any {
		sum := sha256.Sum256(body)
		digest := "sha256:" + hex.EncodeToString(sum[:])
		send(http.MethodPost, "blobs/uploads/?digest="+digest, "application/octet-stream", body)
		return map[string]any{"mediaType": kind, "digest": digest, "size": len(body)}
	}
	const manifest = "application/vnd.oci.image.manifest.v1+json"
	text, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": manifest,
		"config": blob("application/vnd.oci.image.config.v1+json", []byte("{}")),
		"layers": []any{blob("application/vnd.oci.image.layer.v1.tar+gzip", archive)},
	})
	if err != nil {
		t.Fatal(err)
	}
	send(http.MethodPut, "manifests/latest", manifest, text)
}

// TestABucket takes bundles from a store that speaks S3, with requests that OPA signs. The
// store does not check who signed; that they are signed is looked at before it.
func TestABucket(t *testing.T) {
	backend := s3mem.New()
	if err := backend.CreateBucket("bundles"); err != nil {
		t.Fatal(err)
	}
	put := func(archive []byte) {
		t.Helper()
		if _, err := backend.PutObject("bundles", "shop.tar.gz", nil, bytes.NewReader(archive), int64(len(archive)), nil); err != nil {
			t.Fatal(err)
		}
	}
	put(good("r1").Build(t))
	store := gofakes3.New(backend).Server()
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/") {
			http.Error(w, "not signed", http.StatusForbidden)
			return
		}
		store.ServeHTTP(w, r)
	}))
	t.Cleanup(origin.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "made up for this test")
	t.Setenv("AWS_REGION", "eu-central-1")
	service := func(credentials map[string]any) map[string]any {
		return map[string]any{
			"services": map[string]any{"origin": map[string]any{"url": origin.URL + "/bundles", "credentials": credentials}},
			"bundles":  map[string]any{"shop": map[string]any{"service": "origin", "trigger": "manual", "resource": "shop.tar.gz"}},
		}
	}
	signed := service(map[string]any{"s3_signing": map[string]any{"environment_credentials": map[string]any{}}})
	w := newWorld(t, signed)
	w.mustFetch()
	w.wants("the first object", "shop@r1", "")
	put(good("r2").Build(t))
	w.mustFetch()
	w.wants("the next object", "shop@r2", "")

	w.restart(service(map[string]any{}))
	if err := w.fetch(); err == nil {
		t.Error("a bundle was fetched without a signature")
	}
	w.wants("unsigned requests", "", fleet.ErrorHTTP)
}
