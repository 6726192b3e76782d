package bundles_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/bundle"

	"stepup/sidecar/policy"
)

// published are the bundles with what their manifests claim and the files in them.
var published = map[string]struct{ roots, files []string }{
	"fabrikam":        {[]string{"fabrikam"}, []string{"/fabrikam/fabrikam.rego"}},
	"corp-vocabulary": {[]string{"stepup/levels/badge", "stepup/vocabularies/corp"}, nil},
}

// TestBundles builds everything twice, as `make bundles` does, with one key: the bytes are the
// same, the signature holds, another key's does not, and there is in them what there should be.
func TestBundles(t *testing.T) {
	key, other := signingKey(t), signingKey(t)
	first, again, stranger := build(t, key), build(t, key), build(t, other)
	built, err := filepath.Glob(filepath.Join(first, "*.tar.gz"))
	if err != nil || len(built) != len(published) {
		t.Fatalf("built %v, %v; want %d bundles", built, err, len(published))
	}
	for name, want := range published {
		one := readFile(t, filepath.Join(first, name+".tar.gz"))
		if !bytes.Equal(one, readFile(t, filepath.Join(again, name+".tar.gz"))) {
			t.Errorf("%s: two builds of the same differ", name)
		}
		b, err := verified(one, first)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if b.Manifest.Revision != "test-revision" || !slices.Equal(*b.Manifest.Roots, want.roots) {
			t.Errorf("%s: revision %q, roots %q; want test-revision, %q", name, b.Manifest.Revision, *b.Manifest.Roots, want.roots)
		}
		var files []string
		for _, m := range b.Modules {
			files = append(files, m.Path)
		}
		if diff := cmp.Diff(want.files, files); diff != "" {
			t.Errorf("%s: modules (-want +got):\n%s", name, diff)
		}
		if _, err := verified(readFile(t, filepath.Join(stranger, name+".tar.gz")), first); err == nil {
			t.Errorf("%s: signed with another key, and verified", name)
		}
	}
}

// TestCorpVocabulary puts the published vocabulary beside the published policy: it names a level
// and a kind of provider that are not shipped, and an issuer uses them.
func TestCorpVocabulary(t *testing.T) {
	dir := t.TempDir()
	copyTree(t, "corp-vocabulary/stepup", filepath.Join(dir, "stepup"))
	copyTree(t, "../policies/fabrikam", filepath.Join(dir, "fabrikam"))
	p, err := policy.Open(context.Background(), policy.Config{
		Path: dir, Package: "fabrikam", Issuers: []policy.Use{{Issuer: "https://login.corp.example/", Vocabulary: "corp", MaxLevel: "badge"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var levels []string
	for _, login := range p.Current().Vocabulary("https://login.corp.example/").Logins {
		levels = append(levels, login.Level)
	}
	if diff := cmp.Diff([]string{"normal", "mfa", "badge"}, levels); diff != "" {
		t.Errorf("logins of corp (-want +got):\n%s", diff)
	}
}

// build runs the script of make bundles and returns the folder it filled.
func build(t *testing.T, key string) string {
	t.Helper()
	out := t.TempDir()
	cmd := exec.Command("../.ci/bundles", out)
	cmd.Env = append(os.Environ(), "SIGNING_KEY="+key, "REVISION=test-revision")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return out
}

func signingKey(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "signing.key")
	cmd := exec.Command("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", file)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("making a key: %v\n%s", err, text)
	}
	return file
}

// verified reads a bundle with the public key that stands beside the built ones.
func verified(archive []byte, folder string) (bundle.Bundle, error) {
	public, err := os.ReadFile(filepath.Join(folder, "development.pub.pem"))
	if err != nil {
		return bundle.Bundle{}, err
	}
	keys := map[string]*bundle.KeyConfig{"default": {Key: string(public), Algorithm: "RS256"}}
	return bundle.NewReader(bytes.NewReader(archive)).
		WithBundleVerificationConfig(bundle.NewVerificationConfig(keys, "default", "", nil)).Read()
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// copyTree copies what a policy consists of, without its tests.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(to, func(path string, _ os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "_test.rego") {
			return os.Remove(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
