package policy

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

// pace is how patient watching is.
type pace struct {
	quiet    time.Duration // without a change for so long, writing has come to rest
	patience time.Duration // what cannot be loaded may be half-written for so long
}

func normalPace() pace { return pace{quiet: 150 * time.Millisecond, patience: 2 * time.Second} }

// Watch follows the source until the context ends, and then returns nil. Whatever is
// saved, moved or mounted in its place is loaded once writing has come to rest. What
// cannot be loaded is waited for, then told once, and the policy before stays active.
// An error means that the system does not let us watch.
func (p *Policies) Watch(ctx context.Context) error {
	var failing time.Time // since when; zero: not failing
	for ctx.Err() == nil {
		// Watching begins anew before each reading: folders come, go and are replaced,
		// and what changes while we read must wake us again.
		w, err := watch(ctx, p.source)
		if err != nil {
			return fmt.Errorf("watching the policy: %w", err)
		}
		var limit time.Duration
		failing, limit = p.follow(ctx, failing)
		p.pace.changed(ctx, w, limit)
		_ = w.Close()
	}
	return nil
}

// follow loads what is there, and says for how long to wait for a change: after a
// failure that may be half a file, no longer than patience lasts; else for ever (0).
func (p *Policies) follow(ctx context.Context, failing time.Time) (time.Time, time.Duration) {
	err := p.attempt(ctx)
	if ctx.Err() != nil {
		return failing, 0
	}
	if err != nil && failing.IsZero() {
		return time.Now(), p.pace.patience
	}
	if left := p.pace.patience - time.Since(failing); err != nil && left > 0 {
		return failing, left
	}
	p.tell(err, p.conclude(err))
	p.observe(err)
	if err == nil {
		failing = time.Time{}
	}
	return failing, 0
}

// changed waits for a change and then until writing rests, or until the limit is over
// (0: no limit) or the context ends. Something that never rests is not waited for.
func (p pace) changed(ctx context.Context, w *fsnotify.Watcher, limit time.Duration) {
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

func (p pace) rest(ctx context.Context, w *fsnotify.Watcher) {
	enough := time.After(10 * p.quiet)
	for {
		select {
		case <-w.Events:
		case <-w.Errors:
		case <-time.After(p.quiet):
			return
		case <-enough:
			return
		case <-ctx.Done():
			return
		}
	}
}

// watch begins to watch all folders of a source. One that was made after they were listed
// and before the folder above it was watched would be missed: hence the second look.
func watch(ctx context.Context, src source) (*fsnotify.Watcher, error) {
	folders := src.watched(ctx)
	for {
		w, err := watchFolders(folders)
		if err != nil {
			return nil, err
		}
		now := src.watched(ctx)
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

// watched are the folder's own folders, those its links lead to, and what decides where
// the folder itself is.
func (f folder) watched(ctx context.Context) []string {
	w := walker{ctx: ctx, root: f.dir, keep: loaded}
	_ = w.folder("", nil) // a folder that cannot be read now is heard of from above
	return distinct(append(anchors(f.dir, 0), w.dirs...))
}

func (a archive) watched(context.Context) []string { return distinct(anchors(a.path, 0)) }

// anchors are the folders in which a change can make another thing of a path: the one it
// stands in, and for every link on the way the one in which the link stands. If the path
// leads nowhere, it is the last folder on the way.
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

func distinct(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}
