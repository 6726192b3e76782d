package policy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// folder is a policy as files on a disk, written by hand or mounted.
type folder struct{ dir string }

func (folder) kind() string { return KindFolder }

func (folder) revision(t tree, _ string) string { return KindFolder + "@" + t.digest() }

// read walks the folder until two walks in a row found the same. Mounted ConfigMaps and
// releases are swapped by moving a link (..data, current) while we read: one walk could
// take half of its files from either side.
func (f folder) read(ctx context.Context) (tree, error) {
	before, err := f.walk(ctx)
	for range 10 {
		if err != nil {
			return tree{}, err
		}
		var now tree
		if now, err = f.walk(ctx); err == nil && now.digest() == before.digest() {
			return now, nil
		}
		before = now
	}
	return tree{}, fmt.Errorf("reading %s: it keeps changing", f.dir)
}

func (f folder) walk(ctx context.Context) (tree, error) {
	w := walker{ctx: ctx, root: f.dir, keep: loaded, tree: tree{base: f.dir}}
	if err := w.folder("", nil); err != nil {
		return tree{}, fmt.Errorf("reading %s: %w", f.dir, err)
	}
	w.tree.sort()
	return w.tree, nil
}

// walker reads a folder, through links: the files of a mounted ConfigMap are links to
// ..data/<name>, its folders too. OPA's own loader does not follow links to folders.
//
// Links to one folder from several others are followed, for data may be shared; but with
// them a few folders can have more names than there is time, so each name counts.
type walker struct {
	ctx  context.Context // of this one walk
	root string
	keep func(name string) bool // which files are loaded
	tree tree
	size int64
	seen int      // how many folders were read
	dirs []string // every folder that something was read from, as it is on the disk
}

// folder reads one folder; above are the real paths it was reached through, in which it
// must not be itself.
func (w *walker) folder(rel string, above []string) error {
	if w.seen++; w.seen > maxFolders {
		return fmt.Errorf("%s: more than %d folders; do links lead to some of them by many names?", rel, maxFolders)
	}
	real, err := filepath.EvalSymlinks(filepath.Join(w.root, rel))
	if err != nil {
		return err
	}
	if slices.Contains(above, real) {
		return fmt.Errorf("%s: a link that leads back to a folder above it", rel)
	}
	w.dirs = append(w.dirs, real)
	entries, err := os.ReadDir(real)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := w.entry(path.Join(rel, e.Name()), append(above, real)); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) entry(rel string, above []string) error {
	if w.ctx.Err() != nil {
		return context.Cause(w.ctx)
	}
	if strings.HasPrefix(path.Base(rel), ".") {
		return nil
	}
	info, err := os.Stat(filepath.Join(w.root, rel))
	switch {
	case errors.Is(err, fs.ErrNotExist) && !w.keep(path.Base(rel)):
		return nil // an editor's lock is a link to nowhere
	case err != nil:
		return err
	case info.IsDir() && path.Base(rel) != "schemas":
		return w.folder(rel, above)
	case !info.Mode().IsRegular() && w.keep(path.Base(rel)):
		return fmt.Errorf("%s: it has the name of a file that is loaded, and is none (%s); remove it, or give it another name", rel, info.Mode().Type())
	case !info.Mode().IsRegular():
		return nil
	case w.keep(path.Base(rel)):
		return w.file(rel, info.Size())
	case looksLikeData(rel):
		w.tree.ignored = append(w.tree.ignored, rel)
	}
	return nil
}

func (w *walker) file(rel string, size int64) error {
	if w.size += size; w.size > maxExpanded {
		return fmt.Errorf("more than %d MiB of files", maxExpanded>>20)
	}
	name, err := filepath.EvalSymlinks(filepath.Join(w.root, rel))
	if err != nil {
		return err
	}
	w.dirs = append(w.dirs, filepath.Dir(name))
	raw, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return w.tree.add(rel, raw)
}

// loaded tells the files that make a policy: Rego without its tests, and data under the
// only names that OPA's bundles know.
func loaded(name string) bool {
	switch name {
	case "data.json", "data.yaml", "data.yml":
		return true
	}
	return strings.HasSuffix(name, ".rego") && !isTest(name)
}

func isTest(name string) bool { return strings.HasSuffix(name, "_test.rego") }

// looksLikeData tells a file that its author may believe to be loaded.
func looksLikeData(name string) bool {
	switch path.Ext(name) {
	case ".json", ".yaml", ".yml":
		return true
	}
	return false
}
