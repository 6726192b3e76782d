package policy_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"

	"stepup/sidecar/policy"
)

// An entry of an archive; the zero kind is a file.
type entry struct {
	name, text string
	kind       byte
	link       string
}

func tarGz(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	gz := gzip.NewWriter(&buf)
	w := tar.NewWriter(gz)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: 0o644, Size: int64(len(e.text)), Typeflag: tar.TypeReg}
		if e.kind != 0 {
			h.Typeflag, h.Linkname = e.kind, e.link
		}
		if e.kind == tar.TypeXGlobalHeader {
			h = &tar.Header{Name: e.name, Typeflag: e.kind, PAXRecords: map[string]string{"comment": "a967dab"}}
		}
		must(t, w.WriteHeader(h))
		_, err := w.Write([]byte(e.text))
		must(t, err)
	}
	must(t, w.Close())
	must(t, gz.Close())
	return buf.Bytes()
}

func bundleFile(t *testing.T, content []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "intranet.tar.gz")
	must(t, os.WriteFile(name, content, 0o644))
	return name
}

func openBundle(t *testing.T, content []byte) (*policy.Policies, error) {
	t.Helper()
	return policy.Open(context.Background(), policy.Config{Path: bundleFile(t, content), Package: "p"})
}

const allowAll = "package p\n\nallow := true\n"

func TestOpenBundle(t *testing.T) {
	for _, row := range []struct {
		name     string
		entries  []entry
		revision string
	}{
		{"as tar writes it", []entry{{name: "./", kind: tar.TypeDir}, {name: "./p.rego", text: allowAll}}, "intranet@"},
		{"as OPA writes it", []entry{{name: "/data.json", text: "{}"}, {name: "/p/p.rego", text: allowAll}}, "intranet@"},
		{"with a revision", []entry{{name: "/.manifest", text: `{"revision": "v7", "roots": ["p"]}`}, {name: "/p.rego", text: allowAll}}, "intranet@v7"},
		{"as git writes it", []entry{{name: "pax_global_header", kind: tar.TypeXGlobalHeader}, {name: "p.rego", text: allowAll}}, "intranet@"},
		{"with any roots and no library", []entry{{name: ".manifest", text: `{"roots": [""], "revision": "v8"}`}, {name: "p.rego", text: allowAll}}, "intranet@v8"},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, err := openBundle(t, tarGz(t, row.entries...))
			must(t, err)
			got := p.Current().Revision()
			if !strings.HasPrefix(got, row.revision) || len(got) < len("intranet@v7") {
				t.Errorf("Revision: %q, want %q", got, row.revision)
			}
			if r, err := p.Current().Evaluate(context.Background(), alice()); err != nil || !r.Allow {
				t.Errorf("Evaluate: %+v, %v, want allow", r, err)
			}
		})
	}
}

func TestOpenBundleRefuses(t *testing.T) {
	good := entry{name: "p.rego", text: allowAll}
	for _, row := range []struct {
		name    string
		content []byte
		says    string
	}{
		{"no gzip", []byte("hello"), "gzip"},
		{"cut off", tarGz(t, good)[:40], "EOF"},
		{"symbolic link", tarGz(t, good, entry{name: "q.rego", kind: tar.TypeSymlink, link: "/etc/passwd"}), `"q.rego" is a link`},
		{"hard link", tarGz(t, good, entry{name: "q.rego", kind: tar.TypeLink, link: "p.rego"}), "link"},
		{"device", tarGz(t, good, entry{name: "q", kind: tar.TypeChar}), "device"},
		{"leads out", tarGz(t, good, entry{name: "../q.rego", text: allowAll}), "leads out"},
		{"leads out later", tarGz(t, good, entry{name: "p/../../q.rego", text: allowAll}), "leads out"},
		{"leads out and back", tarGz(t, good, entry{name: "/p/../q.rego", text: allowAll}), "leads out"},
		{"the same name twice", tarGz(t, good, good), "there twice"},
		{"the same name in other words", tarGz(t, good, entry{name: "/.//p.rego", text: allowAll}), "there twice"},
		{"a folder's name", tarGz(t, good, entry{name: ".", text: "x"}), "not the name of a file"},
		{"too large when expanded", tarGz(t, good, entry{name: "data.json", text: `"` + strings.Repeat("a", 51<<20) + `"`}), "larger than allowed (expanded)"},
		{"too many files", tarGz(t, many(5001)...), "more than 5000 files"},
		{"outside its roots", tarGz(t, good, entry{name: ".manifest", text: `{"roots": ["q"]}`}), "roots"},
		{"a name twice", tarGz(t, good, entry{name: "a/data.json", text: `{"blocked": ["alice"], "blocked": []}`}), `"blocked" is there twice`},
		{"a name twice in the manifest", tarGz(t, good, entry{name: ".manifest", text: `{"roots": ["q"], "roots": ["p"]}`}), `"roots" is there twice`},
		{"a revision with a line of its own", tarGz(t, good, entry{name: ".manifest", text: `{"revision": "v7\nv8"}`}), "the revision of the manifest"},
		{"a revision that writes to a terminal", tarGz(t, good, entry{name: ".manifest", text: `{"revision": "\u001b]0;x\u0007"}`}), "the revision of the manifest"},
		{"a revision that turns what follows", tarGz(t, good, entry{name: ".manifest", text: `{"revision": "v7\u202e"}`}), "the revision of the manifest"},
		{"a revision without an end", tarGz(t, good, entry{name: ".manifest", text: `{"revision": "` + strings.Repeat("v", 257) + `"}`}), "the revision of the manifest"},
		{"delta", tarGz(t, entry{name: "patch.json", text: `{"data": []}`}), "delta"},
		{"a rule of the library", tarGz(t, good, entry{name: "s.rego", text: "package stepup.assurance\n\nreading := {}"}), "belong to the library"},
		{"http.send", tarGz(t, entry{name: "p.rego", text: "package p\n\nallow if http.send({}).x"}), "undefined function http.send"},
		{"no package", tarGz(t, entry{name: "data.json", text: "{}"}), "no package p"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := openBundle(t, row.content)
			wantText(t, err, row.says)
		})
	}
}

func many(n int) []entry {
	var list []entry
	for i := range n {
		list = append(list, entry{name: strings.Repeat("d/", 1+i%3) + string(rune('a'+i%26)) + strings.Repeat("x", i/26) + ".txt"})
	}
	return list
}

func TestOpenBundleTooLarge(t *testing.T) {
	_, err := openBundle(t, append(tarGz(t, entry{name: "p.rego", text: allowAll}), noise(11<<20)...))
	wantText(t, err, "larger than allowed (compressed)")
}

// noise is a gzip member of stored bytes, so that nothing gets smaller.
func noise(n int) []byte {
	var buf bytes.Buffer
	w, _ := gzip.NewWriterLevel(&buf, gzip.NoCompression)
	_, _ = w.Write(make([]byte, n))
	_ = w.Close()
	return buf.Bytes()
}

// A signature that nothing was configured to check is not taken for none.
func TestOpenBundleSigned(t *testing.T) {
	b := bundle.Bundle{
		Data:    map[string]any{},
		Modules: []bundle.ModuleFile{{Path: "p.rego", URL: "p.rego", Raw: []byte(allowAll), Parsed: ast.MustParseModule(allowAll)}},
	}
	b.Manifest.Init()
	must(t, b.GenerateSignature(bundle.NewSigningConfig("a secret of some length, for HMAC", "HS256", ""), "", false))
	var buf bytes.Buffer
	must(t, bundle.NewWriter(&buf).Write(b))
	_, err := openBundle(t, buf.Bytes())
	wantText(t, err, "verification key not provided")
}
