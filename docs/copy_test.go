package docs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a reader left in the clone is no part of the next reader's.
func TestClonedLeavesOutWhatIsIgnored(t *testing.T) {
	needGit(t)
	dir := folderWith(t, "README.md", "docs/page.md", "gone.md", "mypolicy3/typo.rego")
	if err := copyFile(filepath.Join(dir, ".gitignore"), filepath.Join(root, ".gitignore")); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "init", "--quiet")
	git(t, dir, "add", "README.md", "gone.md")
	if err := os.Remove(filepath.Join(dir, "gone.md")); err != nil {
		t.Fatal(err)
	}
	wantCloned(t, dir, []string{".gitignore", "README.md", "docs/page.md"})
}

// makes matches what a command of a page makes at the top of the clone.
var makes = regexp.MustCompile(`(?m)(?:^mkdir (?:-p )?| -o )([\w./-]+)$`)

// Whatever a page tells its reader to make in the clone is ignored there.
func TestPagesMakeWhatIsIgnored(t *testing.T) {
	needGit(t)
	made := map[string]string{}
	for _, page := range pages(t) {
		for _, b := range blocks(t, page) {
			if name := b.file(); name != "" {
				made[name] = b.String()
			}
			for _, m := range makes.FindAllStringSubmatch(b.text, -1) {
				name := m[1]
				if filepath.Ext(name) == "" {
					name += "/" // a folder
				}
				made[name] = b.String()
			}
		}
	}
	dir := t.TempDir()
	git(t, dir, "init", "--quiet")
	if err := copyFile(filepath.Join(dir, ".gitignore"), filepath.Join(root, ".gitignore")); err != nil {
		t.Fatal(err)
	}
	for name, where := range made {
		cmd := exec.Command("git", "check-ignore", "--quiet", name)
		cmd.Dir = dir
		if err := cmd.Run(); err != nil {
			t.Errorf("%s makes %s, which .gitignore does not have (%v)", where, name, err)
		}
	}
	if len(made) < 6 {
		t.Errorf("the pages make %v, want all that they show", made)
	}
}

func needGit(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("git is missing")
		}
		t.Skip("LEFT OUT: git is missing")
	}
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func TestClonedTakesAllWithoutGit(t *testing.T) {
	wantCloned(t, folderWith(t, "README.md", "bin/stepup", "docs/page.md"), []string{"README.md", "docs/page.md"})
}

func wantCloned(t *testing.T, dir string, want []string) {
	t.Helper()
	got, err := cloned(dir)
	slices.Sort(got)
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
