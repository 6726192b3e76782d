package token

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
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
			checkVector(t, v, key)
			text := strings.Split(v.Compact, ".")
			for part, name := range []string{"header", "payload", "signature"} {
				changed := slices.Clone(text)
				changed[part] = flipBit(t, changed[part])
				if err := v.check(t, strings.Join(changed, "."), key); err == nil || err.Code != access.SignatureInvalid && part > 0 {
					t.Errorf("%s with a bit of the %s changed: checkSignature = %v, want %s", v.Source, name, err, access.SignatureInvalid)
				}
			}
		})
	}
}

func checkVector(t *testing.T, v vector, key jose.JSONWebKey) {
	t.Helper()
	if err := fits(key, header{alg: v.Alg, kid: key.KeyID}); err != nil {
		t.Errorf("%s: fits = %v, want none", v.Source, err)
	}
	if failure := v.check(t, v.Compact, key); failure != nil {
		t.Errorf("%s: checkSignature = %v, want none", v.Source, failure)
	}
}

// check takes a text through the check of signatures as a token goes, and once more with its
// header known.
func (v vector) check(t *testing.T, text string, key jose.JSONWebKey) *Error {
	t.Helper()
	p := parsed{}
	var err *Error
	if p.parts, err = cut(text, DefaultMaxSize); err != nil {
		t.Fatal(err)
	}
	if p.signature, err = decodeSignature(p.parts.signature); err != nil {
		t.Fatal(err)
	}
	payload, wrong := canonical.DecodeString(p.parts.payload)
	if wrong != nil {
		t.Fatal(wrong)
	}
	p.raw = string(payload)
	first := checkSignature(&p, algorithm(v), []jose.JSONWebKey{key})
	if again := checkSignature(&p, algorithm(v), []jose.JSONWebKey{key}); p.form != nil && (again == nil) != (first == nil) {
		t.Errorf("%s: checkSignature = %v, with a known header %v", v.Source, first, again)
	}
	return first
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
