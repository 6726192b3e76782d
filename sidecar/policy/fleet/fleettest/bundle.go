package fleettest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/util"
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
		files[".signatures.json"] = b.Key.sign(t, files)
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

// sign makes what opa sign makes, by the same functions.
func (k *Key) sign(t testing.TB, files map[string]string) string {
	t.Helper()
	hasher, err := bundle.NewSignatureHasher(bundle.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	var infos []bundle.FileInfo
	for _, name := range slices.Sorted(maps.Keys(files)) {
		hash, err := hasher.HashFile(content(t, name, files[name]))
		if err != nil {
			t.Fatal(err)
		}
		infos = append(infos, bundle.NewFile(name, hex.EncodeToString(hash), bundle.SHA256.String()))
	}
	token, err := bundle.GenerateSignedToken(infos, bundle.NewSigningConfig(k.private, "ES256", ""), k.ID)
	if err != nil {
		t.Fatalf("signing: %v", err)
	}
	return fmt.Sprintf(`{"signatures":[%q]}`, token)
}

// content is what is hashed of a file: of JSON its value, of any other its bytes.
func content(t testing.TB, name, text string) any {
	t.Helper()
	if !bundle.IsStructuredDoc(name) {
		return []byte(text)
	}
	var value any
	if err := util.UnmarshalJSON([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// Tampered makes the archive of a signed bundle and then puts other files in, as somebody
// does who has no key.
func Tampered(t testing.TB, b Bundle, files map[string]string) []byte {
	t.Helper()
	signed := b.files(t)
	signed[".signatures.json"] = b.Key.sign(t, signed)
	maps.Copy(signed, files)
	return pack(t, signed)
}
