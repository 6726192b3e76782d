package docs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a reader left in the clone is no part of the next reader's.
func TestClonedLeavesOutWhatIsNotTracked(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("LEFT OUT: git is missing")
	}
	dir := folderWith(t, "README.md", "docs/page.md", "gone.md", "mypolicy3/typo.rego")
	for _, args := range [][]string{{"init", "--quiet"}, {"add", "README.md", "docs", "gone.md"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	if err := os.Remove(filepath.Join(dir, "gone.md")); err != nil {
		t.Fatal(err)
	}
	wantCloned(t, dir, []string{"README.md", "docs/page.md"})
}

func TestClonedTakesAllWithoutGit(t *testing.T) {
	wantCloned(t, folderWith(t, "README.md", "bin/stepup", "docs/page.md"), []string{"README.md", "docs/page.md"})
}

func wantCloned(t *testing.T, dir string, want []string) {
	t.Helper()
	got, err := cloned(dir)
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("cloned: %v (%v), want %v", got, err, want)
	}
}

func folderWith(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
