package sidecar

import (
	"crypto/x509"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestCertificatesAreReloaded replaces the files of a listener and lets time go by.
func TestCertificatesAreReloaded(t *testing.T) {
	dir := t.TempDir()
	copyPair(t, dir, "first")
	now := time.Unix(1795428120, 0)
	f := &tlsFiles{
		cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem"),
		log: slog.New(slog.DiscardHandler), now: func() time.Time { return now },
	}
	if err := f.load(); err != nil {
		t.Fatal(err)
	}
	wantName(t, f, "at first", "first")
	copyPair(t, dir, "second")
	wantName(t, f, "before the files are looked at again", "first")
	now = now.Add(recheckFiles)
	wantName(t, f, "when they are", "second")
	if err := os.WriteFile(f.key, []byte("half a k"), 0o600); err != nil {
		t.Fatal(err)
	}
	now = now.Add(recheckFiles)
	wantName(t, f, "with a file that does not load", "second")
}

func wantName(t *testing.T, f *tlsFiles, when, want string) {
	t.Helper()
	leaf, err := x509.ParseCertificate(f.fresh().Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	if got := leaf.Subject.CommonName; got != want {
		t.Errorf("%s: certificate of %q, want %q", when, got, want)
	}
}

// copyPair puts a certificate of that name in place, with a time of change of its own.
func copyPair(t *testing.T, dir, name string) {
	t.Helper()
	cert, key := selfSigned(t, name)
	for file, text := range map[string][]byte{"cert.pem": cert, "key.pem": key} {
		path := filepath.Join(dir, file)
		before, _ := os.Stat(path)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if before != nil {
			later := before.ModTime().Add(time.Second)
			if err := os.Chtimes(path, later, later); err != nil {
				t.Fatal(err)
			}
		}
	}
}
