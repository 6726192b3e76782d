package jwks_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"stepup/sidecar/token/jwks"
	"stepup/sidecar/token/tokentest"
)

// fileBench is a bench whose Set reads a file.
func fileBench(t *testing.T, path string) *bench {
	t.Helper()
	return benchOf(t, tokentest.New(t), func(c *jwks.Config) { c.JWKSFile = path })
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAFileIsReadWhenItChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	b := fileBench(t, path)
	b.want("not there yet", "key-1", "keys_unavailable", 0)
	write(t, path, b.issuer.JWKS())
	b.want("there", "key-1", found, 0)
	next := b.issuer.Rotate()
	b.want("not written yet", next.ID, "key_not_found", 0)
	write(t, path, append(b.issuer.JWKS(), '\n'))
	b.want("written", next.ID, found, 0)
	b.want("the old key is gone", "key-1", "key_not_found", 0)
	b.clock.Advance(30 * 24 * time.Hour)
	b.want("a file does not age", next.ID, found, 0)
}

// TestAFileThatIsBeingRead holds the first reading up, by a pipe, and asks meanwhile: who
// comes first must be waiting for it, not be told that there are no keys.
func TestAFileThatIsBeingRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skipf("no pipes here: %v", err)
	}
	b := fileBench(t, path)
	go b.set.Run(t.Context())
	pipe, err := os.OpenFile(path, os.O_WRONLY, 0) // returns once the other end is being read
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pipe.Close() }()
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.set.Find(impatient, "key-1"); !errors.Is(err, context.Canceled) {
		t.Errorf("Find during the first reading: %v, want waiting until the caller gives up", err)
	}
}

func TestAFileHalfWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	b := fileBench(t, path)
	write(t, path, b.issuer.JWKS())
	b.want("whole", "key-1", found, 0)
	write(t, path, b.issuer.JWKS()[:40])
	b.want("half: the last good set serves", "key-1", found, 0)
	if s := b.set.Status(); s.LastError == "" || !s.Usable {
		t.Errorf("Status = %+v, want usable, with an error", s)
	}
	b.clock.Advance(24*time.Hour + time.Second)
	b.want("for 24 hours", "key-1", "keys_unavailable", 0)
	write(t, path, b.issuer.JWKS())
	b.want("whole again", "key-1", found, 0)
}

// TestAFileBehindALink follows what Kubernetes does with mounted ConfigMaps and Secrets: a
// link to a folder is exchanged for another in one step.
func TestAFileBehindALink(t *testing.T) {
	folder := t.TempDir()
	for _, version := range []string{"v1", "v2"} {
		if err := os.Mkdir(filepath.Join(folder, version), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(folder, "keys.json")
	for from, to := range map[string]string{filepath.Join(folder, "..data"): "v1", path: filepath.Join("..data", "keys.json")} {
		if err := os.Symlink(to, from); err != nil {
			t.Fatal(err)
		}
	}
	b := fileBench(t, path)
	write(t, filepath.Join(folder, "v1", "keys.json"), b.issuer.JWKS())
	b.want("first", "key-1", found, 0)
	next := b.issuer.Rotate()
	write(t, filepath.Join(folder, "v2", "keys.json"), b.issuer.JWKS())
	if err := os.Symlink("v2", filepath.Join(folder, "..new")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(folder, "..new"), filepath.Join(folder, "..data")); err != nil {
		t.Fatal(err)
	}
	b.want("exchanged", next.ID, found, 0)
}

// TestAFileThatKeepsItsTime: copying tools preserve times, so the time alone does not tell.
func TestAFileThatKeepsItsTime(t *testing.T) {
	folder := t.TempDir()
	path, other := filepath.Join(folder, "keys.json"), filepath.Join(folder, "other.json")
	at := time.Unix(1795428000, 0)
	put := func(path string, data []byte) {
		write(t, path, data)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	b := fileBench(t, path)
	put(path, b.issuer.JWKS())
	b.want("first", "key-1", found, 0)
	b.issuer.Publish(tokentest.NewKey(t, "ES256", "key-2"))
	put(other, b.issuer.JWKS())
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	b.want("another file of the same size", "key-2", found, 0)
	b.issuer.Publish(tokentest.NewKey(t, "ES256", "key-10"))
	put(path, b.issuer.JWKS())
	b.want("the same file with another size", "key-10", found, 0)
}
