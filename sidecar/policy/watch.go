package policy

import (
	"context"
	"fmt"
	"slices"

	"stepup/sidecar/watch"
)

// Watch follows the source until the context ends, and then returns nil. Whatever is
// saved, moved or mounted in its place is loaded once writing has come to rest. What
// cannot be loaded is waited for, then told once, and the policy before stays active. Of
// what became active it is told what [Policies.Advise] finds.
// An error means that the system does not let us watch.
func (p *Policies) Watch(ctx context.Context) error {
	err := watch.Follow(ctx, watch.Config{
		Folders: p.source.watched, Load: p.follow, Pace: p.pace,
		Told: func(err error) { p.tell(err, p.conclude(err)); p.observe(err) },
	})
	if err != nil {
		return fmt.Errorf("watching the policy: %w", err)
	}
	return nil
}

// follow is attempt for a source that is watched: an author is at work.
func (p *Policies) follow(ctx context.Context) error {
	before := p.Current()
	err := p.attempt(ctx)
	if p.Current() != before {
		p.Advise(ctx)
	}
	return err
}

// watched are the folder's own folders, those its links lead to, and what decides where
// the folder itself is.
func (f folder) watched(ctx context.Context) []string {
	w := walker{ctx: ctx, root: f.dir, keep: loaded}
	_ = w.folder("", nil) // a folder that cannot be read now is heard of from above
	return distinct(append(watch.Anchors(f.dir), w.dirs...))
}

func (a archive) watched(context.Context) []string { return distinct(watch.Anchors(a.path)) }

func distinct(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}
