package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// A Pace is how patient following is.
type Pace struct {
	Quiet    time.Duration // without a change for so long, writing has come to rest
	Patience time.Duration // what cannot be loaded may be half-written for so long
}

// NormalPace is that of people and programs that save files.
func NormalPace() Pace { return Pace{Quiet: 150 * time.Millisecond, Patience: 2 * time.Second} }

// A Config says what is followed.
type Config struct {
	// Folders lists those in which a change may mean something else. It is asked before each
	// reading, for folders come and go.
	Folders func(context.Context) []string
	// Load reads what is there now, and makes it count or refuses it. It is asked again as
	// long as what it refuses may be half-written.
	Load func(context.Context) error
	// Told gets how each loading ended, once what was refused is refused for good.
	Told func(error)
	Pace Pace
}

// Follow loads what is there, and again whenever something was saved, moved or mounted in
// its place and writing has come to rest, until the context ends; then it returns nil. An
// error means that the system does not let us watch.
func Follow(ctx context.Context, c Config) error {
	var failing time.Time // since when; zero: not failing
	for ctx.Err() == nil {
		// Watching begins anew before each reading: folders come, go and are replaced,
		// and what changes while we read must wake us again.
		w, err := watch(ctx, c.Folders)
		if err != nil {
			return err
		}
		var limit time.Duration
		failing, limit = c.follow(ctx, failing)
		c.Pace.changed(ctx, w, limit)
		_ = w.Close()
	}
	return nil
}

// follow loads what is there, and says for how long to wait for a change: after a
// failure that may be half a file, no longer than patience lasts; else for ever (0).
func (c Config) follow(ctx context.Context, failing time.Time) (time.Time, time.Duration) {
	err := c.Load(ctx)
	if ctx.Err() != nil {
		return failing, 0
	}
	if err != nil && failing.IsZero() {
		return time.Now(), c.Pace.Patience
	}
	if left := c.Pace.Patience - time.Since(failing); err != nil && left > 0 {
		return failing, left
	}
	c.Told(err)
	if err == nil {
		failing = time.Time{}
	}
	return failing, 0
}

// changed waits for a change and then until writing rests, or until the limit is over
// (0: no limit) or the context ends. Something that never rests is not waited for.
func (p Pace) changed(ctx context.Context, w *fsnotify.Watcher, limit time.Duration) {
	var over <-chan time.Time
	if limit > 0 {
		over = time.After(limit)
	}
	select {
	case <-w.Events:
	case <-w.Errors: // changes were lost, so there were some
	case <-over:
		return
	case <-ctx.Done():
		return
	}
	p.rest(ctx, w)
}

func (p Pace) rest(ctx context.Context, w *fsnotify.Watcher) {
	enough := time.After(10 * p.Quiet)
	for {
		select {
		case <-w.Events:
		case <-w.Errors:
		case <-time.After(p.Quiet):
			return
		case <-enough:
			return
		case <-ctx.Done():
			return
		}
	}
}

// watch begins to watch all folders. One that was made after they were listed
// and before the folder above it was watched would be missed: hence the second look.
func watch(ctx context.Context, list func(context.Context) []string) (*fsnotify.Watcher, error) {
	folders := list(ctx)
	for {
		w, err := watchFolders(folders)
		if err != nil {
			return nil, err
		}
		now := list(ctx)
		if slices.Equal(now, folders) {
			return w, nil
		}
		_ = w.Close()
		folders = now
	}
}

// watchFolders leaves out a folder that went away in the meantime: the one above it
// tells of that.
func watchFolders(folders []string) (*fsnotify.Watcher, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	for _, f := range folders {
		if err := w.Add(f); err != nil && !errors.Is(err, fs.ErrNotExist) {
			_ = w.Close()
			return nil, fmt.Errorf("%s: %w", f, err)
		}
	}
	return w, nil
}

// Anchors are the folders in which a change can make another thing of a path: the one it
// stands in, and for every link on the way the one in which the link stands. If the path
// leads nowhere, it is the last folder on the way.
func Anchors(path string) []string { return anchors(path, 0) }

func anchors(path string, depth int) []string {
	abs, err := filepath.Abs(path)
	if err != nil || depth > 40 {
		return nil
	}
	for at := range prefixes(abs) {
		info, err := os.Lstat(at)
		if err != nil {
			return []string{filepath.Dir(at)}
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return append(anchors(destination(at)+strings.TrimPrefix(abs, at), depth+1), filepath.Dir(at))
		}
	}
	return []string{filepath.Dir(abs)}
}

// prefixes gives /a, /a/b and /a/b/c for /a/b/c.
func prefixes(abs string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := 1; i <= len(abs); i++ {
			if (i == len(abs) || abs[i] == filepath.Separator) && !yield(abs[:i]) {
				return
			}
		}
	}
}

// destination is where a link leads, one step.
func destination(link string) string {
	target, err := os.Readlink(link)
	if err != nil {
		return link
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(link), target)
	}
	return filepath.Clean(target)
}
