package fleettest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"slices"
	"testing"

	"github.com/open-policy-agent/opa/v1/bundle"
)

// A Bundle is what a bundle is made of. The zero Bundle is one without anything in it.
type Bundle struct {
	Revision string
	Roots    []string          // nil: no roots are declared, so that it owns everything
	Files    map[string]string // by path
	Patch    string            // a delta's operations as JSON; empty: a snapshot
	Key      *Key              // signs; nil: unsigned
}

// With is the bundle with other files besides, under another revision.
func (b Bundle) With(revision string, files map[string]string) Bundle {
	all := maps.Clone(b.Files)
	maps.Copy(all, files)
	b.Revision, b.Files = revision, all
	return b
}

// SignedBy is the bundle with a signature.
func (b Bundle) SignedBy(k *Key) Bundle { b.Key = k; return b }

// Build makes the archive.
func (b Bundle) Build(t testing.TB) []byte {
	t.Helper()
	files := b.files(t)
	if b.Key != nil {
		files[".signatures.json"] = b.Key.sign(t, pack(t, files))
	}
	return pack(t, files)
}

func (b Bundle) files(t testing.TB) map[string]string {
	t.Helper()
	manifest := map[string]any{"revision": b.Revision}
	if b.Roots != nil {
		manifest["roots"] = b.Roots
	}
	text, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{".manifest": string(text)}
	maps.Copy(files, b.Files)
	if b.Patch != "" {
		files["patch.json"] = `{"data":` + b.Patch + `}`
	}
	return files
}

// pack writes files as OPA does: with a leading slash, gzipped.
func pack(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	gz := gzip.NewWriter(&out)
	w := tar.NewWriter(gz)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		header := &tar.Header{Name: "/" + name, Mode: 0o600, Typeflag: tar.TypeReg, Size: int64(len(files[name]))}
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := gz.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// A Key signs bundles.
type Key struct {
	ID      string
	Public  string // PEM, as a configuration of OPA has it
	private string
}

// NewKey makes a key for ES256.
func NewKey(t testing.TB, id string) *Key {
	t.Helper()
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(pair)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&pair.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	text := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return &Key{ID: id, Public: text("PUBLIC KEY", public), private: text("PRIVATE KEY", private)}
}

// Config is the member of OPA's keys for this key.
func (k *Key) Config() map[string]any {
	return map[string]any{k.ID: map[string]any{"algorithm": "ES256", "key": k.Public}}
}

// sign makes what opa sign makes, by the same function.
func (k *Key) sign(t testing.TB, unsigned []byte) string {
	t.Helper()
	b, err := bundle.NewReader(bytes.NewReader(unsigned)).WithSkipBundleVerification(true).Read()
	if err != nil {
		t.Fatalf("reading what is to be signed: %v", err)
	}
	if err := b.GenerateSignature(bundle.NewSigningConfig(k.private, "ES256", ""), k.ID, false); err != nil {
		t.Fatalf("signing: %v", err)
	}
	text, err := json.Marshal(b.Signatures)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
