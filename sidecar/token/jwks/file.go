package jwks

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
)

// file is a key set in a file that somebody else writes, be it in place, by renaming, or
// as Kubernetes does by exchanging a link.
type file struct {
	path string

	mu   sync.Mutex
	read os.FileInfo // what the file was when it was last read; nil: it was not there
}

// changed reports whether the file is another one than was read.
func (f *file) changed() bool {
	now, _ := os.Stat(f.path)
	f.mu.Lock()
	defer f.mu.Unlock()
	if now == nil || f.read == nil {
		return now != f.read
	}
	return !os.SameFile(now, f.read) || !now.ModTime().Equal(f.read.ModTime()) || now.Size() != f.read.Size()
}

// look notes what the file is just before it is read: a change while it is being read
// then counts as a change since.
func (f *file) look() {
	now, _ := os.Stat(f.path)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.read = now
}

func (f *file) fetch(context.Context) (document, error) {
	f.look()
	opened, err := os.Open(f.path)
	if err != nil {
		return document{}, fmt.Errorf("reading jwks_file: %w", err)
	}
	defer opened.Close()
	data, err := readLimited(opened)
	if err != nil {
		return document{}, fmt.Errorf("reading jwks_file: %w", err)
	}
	return parse(data)
}

// readLimited reads everything, unless it is more than a key set may be.
func readLimited(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxBody+1))
	if err == nil && len(data) > maxBody {
		return nil, fmt.Errorf("more than %d bytes", maxBody)
	}
	return data, err
}
