package policy

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// bundleSuffix is how the file name of a bundle ends.
const bundleSuffix = ".tar.gz"

// archive is a policy as an OPA bundle in one file.
type archive struct{ path string }

func (archive) kind() string { return KindBundle }

// revision prefers what the bundle's own manifest says.
func (a archive) revision(t tree, manifest string) string {
	name := strings.TrimSuffix(filepath.Base(a.path), bundleSuffix)
	if manifest == "" {
		manifest = t.digest()
	}
	return name + "@" + manifest
}

func (a archive) read(context.Context) (tree, error) {
	f, err := os.Open(a.path)
	if err != nil {
		return tree{}, fmt.Errorf("reading bundle: %w", err)
	}
	defer func() { _ = f.Close() }()
	t, err := readArchive(f, a.path)
	if err != nil {
		return tree{}, fmt.Errorf("reading bundle %s: %w", a.path, err)
	}
	return t, nil
}

// readArchive unpacks a bundle into memory, within the bounds.
func readArchive(r io.Reader, base string) (tree, error) {
	packed := &bounded{r: r, left: maxArchive, what: "compressed"}
	gz, err := gzip.NewReader(packed)
	if err != nil {
		return tree{}, err
	}
	expanded := &bounded{r: gz, left: maxExpanded, what: "expanded"}
	u := unpacker{tar: tar.NewReader(expanded), tree: tree{base: base}, seen: map[string]bool{}}
	if err := u.all(); err != nil {
		return tree{}, err
	}
	// The checksum stands at the very end, behind what tar reads.
	if _, err := io.Copy(io.Discard, expanded); err != nil {
		return tree{}, err
	}
	u.tree.sort()
	return u.tree, nil
}

type unpacker struct {
	tar  *tar.Reader
	tree tree
	seen map[string]bool
}

func (u *unpacker) all() error {
	for {
		h, err := u.tar.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := u.entry(h); err != nil {
			return err
		}
	}
}

func (u *unpacker) entry(h *tar.Header) error {
	switch h.Typeflag {
	case tar.TypeDir, tar.TypeXGlobalHeader:
		return nil
	case tar.TypeReg:
	default:
		return fmt.Errorf("%q is a link or device; a bundle holds files only", h.Name)
	}
	name, err := entryName(h.Name)
	if err != nil {
		return err
	}
	if u.seen[name] {
		return fmt.Errorf("%q is there twice", name)
	}
	u.seen[name] = true
	raw, err := io.ReadAll(u.tar)
	if err != nil {
		return err
	}
	return u.tree.add(name, raw)
}

// entryName is the path of an entry below the bundle's root. OPA writes it with a
// leading slash, tar with a leading "./"; either means the root of the bundle.
func entryName(name string) (string, error) {
	for _, segment := range strings.Split(name, "/") {
		if segment == ".." {
			return "", fmt.Errorf("%q leads out of the bundle", name)
		}
	}
	clean := strings.TrimPrefix(path.Clean("/"+name), "/")
	if clean == "" || strings.ContainsAny(clean, "\\\x00") {
		return "", fmt.Errorf("%q is not the name of a file", name)
	}
	return clean, nil
}

// bounded reads at most so many bytes and then fails, where [io.LimitReader] would
// pretend that the stream ended.
type bounded struct {
	r    io.Reader
	left int64
	what string
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("larger than allowed (%s)", b.what)
	}
	return n, err
}
