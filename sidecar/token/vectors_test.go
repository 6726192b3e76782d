package token

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"stepup/sidecar/access"
)

// vector is a signature printed in an RFC.
type vector struct {
	Source  string `json:"source"`
	Alg     string `json:"alg"`
	Key     string `json:"key"` // a file with the public JWK
	Compact string `json:"compact"`
}

const vectors = "../../testdata/vectors/jws"

// TestPrintedSignatures takes the examples of RFC 7515, RFC 7520 and RFC 8037 through the
// same choice of keys and the same check of signatures as tokens.
func TestPrintedSignatures(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(vectors, "*.json"))
	if err != nil || len(files) < 6 {
		t.Fatalf("%d vectors in %s (%v), want at least 6", len(files), vectors, err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) {
			v, key := readVector(t, path)
			parts := strings.Split(v.Compact, ".")
			checkVector(t, v, key, parts)
			parts[2] = flipBit(t, parts[2])
			if _, err := checkSignature(strings.Join(parts, "."), algorithm(v), []jose.JSONWebKey{key}); err == nil || err.Code != access.SignatureInvalid {
				t.Errorf("%s with a bit changed: checkSignature = %v, want %s", v.Source, err, access.SignatureInvalid)
			}
		})
	}
}

func checkVector(t *testing.T, v vector, key jose.JSONWebKey, parts []string) {
	t.Helper()
	if err := fits(key, header{alg: v.Alg, kid: key.KeyID}); err != nil {
		t.Errorf("%s: fits = %v, want none", v.Source, err)
	}
	if err := checkCanonical(parts[2]); err != nil {
		t.Errorf("%s: checkCanonical = %v, want none", v.Source, err)
	}
	got, failure := checkSignature(v.Compact, algorithm(v), []jose.JSONWebKey{key})
	want, _ := base64.RawURLEncoding.DecodeString(parts[1])
	if failure != nil || string(got) != string(want) {
		t.Errorf("%s: checkSignature = %q, %v; want %q", v.Source, got, failure, want)
	}
}

func algorithm(v vector) []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.SignatureAlgorithm(v.Alg)}
}

func readVector(t *testing.T, path string) (vector, jose.JSONWebKey) {
	t.Helper()
	var v vector
	var key jose.JSONWebKey
	readJSON(t, path, &v)
	readJSON(t, filepath.Join(vectors, v.Key), &key)
	return v, key
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatalf("reading %s: %v", path, err)
	}
}

func flipBit(t *testing.T, part string) string {
	t.Helper()
	data, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	return base64.RawURLEncoding.EncodeToString(data)
}
