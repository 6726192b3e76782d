package policy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"stepup/sidecar/policy"
)

func TestFolderRevision(t *testing.T) {
	f := rego("allow := true").with(files{"a/data.json": `{"x": 1}`})
	revision := func(f files) string { return snapshot(t, f).Revision() }
	want := revision(f)
	if !strings.HasPrefix(want, "folder@") || len(want) != len("folder@")+12 {
		t.Errorf("Revision: %q, want folder@ and 12 digits", want)
	}
	for _, row := range []struct {
		name  string
		files files
		same  bool
	}{
		{"the same files elsewhere", f, true},
		{"a test more", f.with(files{"p_test.rego": "package p_test"}), true},
		{"a note more", f.with(files{"README.md": "x"}), true},
		{"other data", f.with(files{"a/data.json": `{"x": 2}`}), false},
		{"the same data elsewhere", rego("allow := true").with(files{"b/data.json": `{"x": 1}`}), false},
		{"a comment more", f.with(files{"p.rego": "package p\n\nallow := true # yes"}), false},
	} {
		if got := revision(row.files); (got == want) != row.same {
			t.Errorf("%s: revision %q against %q, want the same: %v", row.name, got, want, row.same)
		}
	}
}

// Files that look like data but are none are told of by name.
func TestFolderTellsWhatItLeavesOut(t *testing.T) {
	dir := folder(t, rego("allow := true").with(files{"roles.json": "{}", "a/users.yml": "", "a/data.yml": "x: 1\n", "schemas/x.json": "{"}))
	var log bytes.Buffer
	p, err := policy.Open(context.Background(), policy.Config{Path: dir, Package: "p", Logger: slog.New(slog.NewTextHandler(&log, nil))})
	must(t, err)
	if log.Len() > 0 {
		t.Errorf("before it is announced the log says %q", &log)
	}
	p.Announce(context.Background())
	for _, name := range []string{"roles.json", "a/users.yml"} {
		if want := "file=" + filepath.Join(dir, name); !strings.Contains(log.String(), want) {
			t.Errorf("log %q, want %q", &log, want)
		}
	}
	if lines := strings.Count(log.String(), "level=WARN"); lines != 2 {
		t.Errorf("log has %d lines, want 2:\n%s", lines, &log)
	}
}

// mount lays files out as Kubernetes mounts a ConfigMap: what is at the top is a link
// through ..data into a folder of this version.
func mount(t *testing.T, dir, version string, f files) {
	t.Helper()
	write(t, filepath.Join(dir, version), f)
	must(t, os.Symlink(version, filepath.Join(dir, "..data_tmp")))
	must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	for name := range f {
		top, _, _ := strings.Cut(name, "/")
		if err := os.Symlink(filepath.Join("..data", top), filepath.Join(dir, top)); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
}

func TestFolderIsAConfigMap(t *testing.T) {
	dir := t.TempDir()
	mount(t, dir, "..2026_11_23", rego("allow if data.roles.staff").with(files{"roles/data.json": `{"staff": true}`}))
	p, err := policy.Open(context.Background(), policy.Config{Path: dir, Package: "p"})
	must(t, err)
	if got, err := p.Current().Evaluate(context.Background(), alice()); err != nil || !got.Allow {
		t.Errorf("Evaluate: %+v, %v, want the mounted policy and its data", got, err)
	}
}

func TestFolderWithALinkToItself(t *testing.T) {
	dir := folder(t, rego("allow := true"))
	must(t, os.Symlink(".", filepath.Join(dir, "again")))
	_, err := policy.Open(context.Background(), policy.Config{Path: dir, Package: "p"})
	wantText(t, err, "again", "leads back")
}

// Each of so many folders has two links to the next: few files by many names.
func fan(t *testing.T, depth int) string {
	t.Helper()
	dir := folder(t, rego("allow := true"))
	for n := range depth {
		at := filepath.Join(dir, fmt.Sprintf(".d%d", n))
		must(t, os.Mkdir(at, 0o755))
		for _, name := range []string{"x", "y"} {
			must(t, os.Symlink(fmt.Sprintf("../.d%d", n+1), filepath.Join(at, name)))
		}
	}
	write(t, dir, files{fmt.Sprintf(".d%d/data.json", depth): `{"n": 1}`})
	must(t, os.Symlink(".d0", filepath.Join(dir, "a")))
	return dir
}

func TestFolderOfLinks(t *testing.T) {
	config := policy.Config{Path: fan(t, 24), Package: "p"}
	_, err := policy.Open(context.Background(), config)
	wantText(t, err, "more than 5000 folders", "links")
	_, err = policy.Check(context.Background(), config.Path, config)
	wantText(t, err, "more than 5000 folders")

	// Shared data is no attack.
	p, err := policy.Open(context.Background(), policy.Config{Path: fan(t, 2), Package: "p"})
	must(t, err)
	s := snapshot(t, rego("allow := true").with(files{"a/x/x/data.json": `{"n": 1}`, "a/x/y/data.json": `{"n": 1}`, "a/y/x/data.json": `{"n": 1}`, "a/y/y/data.json": `{"n": 1}`}))
	if got, want := p.Current().Revision(), s.Revision(); got != want {
		t.Errorf("Revision: %s, want %s, as of four files", got, want)
	}
}

// Reading stops with its context.
func TestFolderEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := policy.Open(ctx, policy.Config{Path: fan(t, 24), Package: "p"})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Open: %v, want the end of its context", err)
	}
}

// What has the name of a policy's file and is none is not passed over.
func TestFolderWithPipesAndDevices(t *testing.T) {
	for _, name := range []string{"data.json", "a/data.yaml", "q.rego"} {
		for kind, put := range map[string]func(string) error{
			"pipe":   func(path string) error { return syscall.Mkfifo(path, 0o600) },
			"device": func(path string) error { return os.Symlink(os.DevNull, path) },
		} {
			dir := folder(t, rego("allow := true").with(files{"a/README.md": ""}))
			must(t, put(filepath.Join(dir, name)))
			_, err := policy.Open(context.Background(), policy.Config{Path: dir, Package: "p"})
			wantText(t, err, name, "is none")
			if _, err := policy.Check(context.Background(), dir, policy.Config{}); err == nil {
				t.Errorf("Check with the %s %s: no error", kind, name)
			}
		}
	}
	dir := folder(t, rego("allow := true"))
	must(t, syscall.Mkfifo(filepath.Join(dir, "notes"), 0o600))
	if _, err := policy.Open(context.Background(), policy.Config{Path: dir, Package: "p"}); err != nil {
		t.Errorf("Open with a pipe of another name: %v", err)
	}
	pipe := filepath.Join(dir, "p.tar.gz")
	must(t, syscall.Mkfifo(pipe, 0o600))
	_, err := policy.Open(context.Background(), policy.Config{Path: pipe, Package: "p"})
	wantText(t, err, "neither a folder nor a bundle")
}
