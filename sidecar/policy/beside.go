package policy

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// maxBeside is how many folders are looked through for what is not checked: a link may lead to a
// whole disk.
const maxBeside = 100_000

// Beside warns of each file in a folder that would be part of a policy, or its test, but that no
// check of another folder reads: the one that is served from there. What cannot be looked through
// is a warning too.
func Beside(ctx context.Context, dir, served string) []Finding {
	read := lookout{ctx: ctx, folders: map[string]bool{}, files: map[string]bool{}}
	err := read.folder(served)
	all := lookout{ctx: ctx, folders: map[string]bool{}, files: read.files}
	if err == nil {
		err = all.folder(dir)
	}
	var found []Finding
	for _, name := range all.names {
		found = append(found, Finding{File: name, Severity: SeverityWarning, Message: "this file is not checked, for policy.path is " + served})
	}
	if err != nil {
		found = append(found, Finding{File: dir, Severity: SeverityWarning, Message: "what is not checked here cannot be told: " + err.Error()})
	}
	return found
}

// A lookout names the files that a policy or its tests could be read from, each once, by whatever
// links lead there. It passes over what a [walker] passes over.
type lookout struct {
	ctx            context.Context // of this one walk
	folders, files map[string]bool // that were seen, as they are on the disk
	names          []string        // of the files, as they were reached
}

func (l *lookout) folder(name string) error {
	if l.ctx.Err() != nil {
		return context.Cause(l.ctx)
	}
	real, err := onDisk(name)
	if err != nil || l.folders[real] {
		return err
	}
	if l.folders[real] = true; len(l.folders) > maxBeside {
		return fmt.Errorf("more than %d folders", maxBeside)
	}
	entries, err := os.ReadDir(real)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := l.entry(filepath.Join(name, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (l *lookout) entry(name string) error {
	base := filepath.Base(name)
	if strings.HasPrefix(base, ".") {
		return nil
	}
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil // a link to nowhere
	case info.IsDir() && base != "schemas":
		return l.folder(name)
	case !info.IsDir() && (loaded(base) || isTest(base)):
		return l.file(name)
	}
	return nil
}

func (l *lookout) file(name string) error {
	real, err := onDisk(name)
	if err == nil && !l.files[real] {
		l.files[real] = true
		l.names = append(l.names, name)
	}
	return err
}

// onDisk is the one name of what may be reached by several.
func onDisk(name string) (string, error) {
	real, err := filepath.EvalSymlinks(name)
	if err != nil {
		return "", err
	}
	return filepath.Abs(real)
}
