package policy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/loader/filter"
)

// The kinds of source.
const (
	KindDemonstration = "demonstration"
	KindFolder        = "folder"
	KindBundle        = "bundle"  // one file
	KindBundles       = "bundles" // fetched by OPA's plugins
)

// A source is where a policy comes from.
type source interface {
	kind() string

	// read gives all its files at one moment.
	read(ctx context.Context) (tree, error)

	// revision names what was read; manifest is the revision that a bundle gave itself.
	revision(t tree, manifest string) string

	// watched lists the folders in which a change may mean another policy.
	watched(ctx context.Context) []string
}

// Bounds of what a policy may be; a bundle that is more is no policy but an attack.
const (
	maxArchive  = 10 << 20
	maxExpanded = 50 << 20
	maxFiles    = 5000
	maxFolders  = 5000 // counted each time that one is reached: links can lead to one by many names
)

// A tree is the files of a policy in memory, sorted by path.
type tree struct {
	base    string // stands before the paths in messages
	files   []file
	ignored []string // files that look like data but are not loaded
}

type file struct {
	path string // from the root of the tree, with slashes and without a leading one
	raw  []byte
}

// add puts a file in, within the bounds.
func (t *tree) add(path string, raw []byte) error {
	t.files = append(t.files, file{path, raw})
	if len(t.files) > maxFiles {
		return fmt.Errorf("%s: more than %d files", t.base, maxFiles)
	}
	return nil
}

// sort orders the files, so that digest and messages do not depend on the reading.
func (t *tree) sort() {
	slices.SortFunc(t.files, func(a, b file) int { return strings.Compare(a.path, b.path) })
	slices.Sort(t.ignored)
}

// digest is twelve hexadecimal digits of SHA-256 over names and contents. Lengths go
// in too, so that no content can be taken for another name.
func (t tree) digest() string {
	h := sha256.New()
	for _, f := range t.files {
		fmt.Fprintf(h, "%d %s %d ", len(f.path), f.path, len(f.raw))
		h.Write(f.raw)
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// bundle parses the files as OPA parses a bundle's: data by folder, Rego v1 unless a
// manifest says otherwise. A signature that nothing is configured to check is refused, and
// so are names that data has twice.
func (t tree) bundle(c capabilities) (bundle.Bundle, error) {
	if err := t.nothingTwice(); err != nil {
		return bundle.Bundle{}, fmt.Errorf("reading %s: %w", t.base, err)
	}
	b, err := bundle.NewCustomReader(&memory{files: t.files}).
		WithBaseDir(t.base).
		WithProcessAnnotations(true).
		WithCapabilities(c.opa).
		WithRegoVersion(ast.RegoV1).
		WithSizeLimitBytes(maxExpanded).
		Read()
	if err != nil {
		return b, fmt.Errorf("reading %s: %w", t.base, c.compileError(err))
	}
	if b.Type() != bundle.SnapshotBundleType {
		return b, fmt.Errorf("reading %s: %w", t.base, errDelta)
	}
	return b, nil
}

var errDelta = errors.New("a delta bundle changes a policy but is none; give a snapshot")

// memory hands files in memory to OPA's bundle reader.
type memory struct {
	files []file
	next  int
}

// NextFile implements [bundle.DirectoryLoader].
func (m *memory) NextFile() (*bundle.Descriptor, error) {
	if m.next == len(m.files) {
		return nil, io.EOF
	}
	f := m.files[m.next]
	m.next++
	path := "/" + f.path
	// The reader takes the buffer for its own, never the bytes below it.
	return bundle.NewDescriptor(path, path, bytes.NewBuffer(f.raw)), nil
}

// The rest of the interface concerns reading from a disk.

// WithFilter implements [bundle.DirectoryLoader].
func (m *memory) WithFilter(filter.LoaderFilter) bundle.DirectoryLoader { return m }

// WithPathFormat implements [bundle.DirectoryLoader].
func (m *memory) WithPathFormat(bundle.PathFormat) bundle.DirectoryLoader { return m }

// WithSizeLimitBytes implements [bundle.DirectoryLoader].
func (m *memory) WithSizeLimitBytes(int64) bundle.DirectoryLoader { return m }

// WithFollowSymlinks implements [bundle.DirectoryLoader].
func (m *memory) WithFollowSymlinks(bool) bundle.DirectoryLoader { return m }
