package starter

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrExists is that something has the name already. It is as it was.
var ErrExists = errors.New("it is there already, and nothing is ever overwritten")

// Write makes the folder dir, whole or not at all: the files are written to a folder beside
// it, which then gets the name. Where dir is already, be it a file, a folder or a link, the
// error is [ErrExists]. The folder above has to be there.
func (f *Folder) Write(dir string) error {
	dir = filepath.Clean(dir)
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		return existing(dir, err)
	}
	if info, err := os.Stat(filepath.Dir(dir)); err != nil || !info.IsDir() {
		return fmt.Errorf("making %s: there is no folder %s", dir, filepath.Dir(dir))
	}
	draft := filepath.Join(filepath.Dir(dir), "."+filepath.Base(dir)+".new-"+rand.Text())
	if err := os.Mkdir(draft, 0o777); err != nil { // less the umask, as mkdir does
		return fmt.Errorf("making %s: %w", dir, named(err))
	}
	err := f.writeAll(draft)
	if err == nil {
		err = rename(draft, dir)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(draft))
	}
	return nil
}

// named is what went wrong, without the draft's name, which nobody gave.
func named(err error) error {
	if of, is := errors.AsType[*fs.PathError](err); is {
		return of.Err
	}
	return err
}

// rename gives the draft its name. A name that somebody took meanwhile stays theirs: what
// is renamed over a folder fails unless that is empty, and over anything else always.
func rename(draft, dir string) error {
	err := os.Rename(draft, dir)
	if errors.Is(err, fs.ErrExist) {
		return existing(dir, nil)
	}
	return err
}

func existing(dir string, err error) error {
	if err != nil {
		return fmt.Errorf("looking at %s: %w", dir, err)
	}
	return fmt.Errorf("making %s: %w", dir, ErrExists)
}

func (f *Folder) writeAll(dir string) error {
	for _, file := range f.Files {
		name := filepath.Join(dir, filepath.FromSlash(file.Path))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			return fmt.Errorf("writing %s: %w", file.Path, named(err))
		}
		if err := os.WriteFile(name, []byte(file.Text), 0o666); err != nil {
			return fmt.Errorf("writing %s: %w", file.Path, named(err))
		}
	}
	return nil
}
