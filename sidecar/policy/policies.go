package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"stepup/policies"
	"stepup/sidecar/watch"
)

// A Config says which policy decides and what it may do.
type Config struct {
	// Path is a folder, or a bundle whose name ends in .tar.gz. Empty: the embedded
	// demonstration.
	Path string

	// Package is the package whose rule allow decides. It has no default, except that
	// the demonstration's is fabrikam.
	Package string

	// Builtins gives back built-in functions that policies do not get otherwise, such
	// as http.send.
	Builtins []string

	// MayRedefine lists shipped levels and vocabularies that the policy's data may
	// replace. Others refuse the policy.
	MayRedefine []string

	// Login says that [Snapshot.Login] will be asked, so that each snapshot comes with the
	// login rule compiled. Without it, whoever asks first waits for that.
	Login bool

	// Documents are further ones that [Snapshot.Value] tells, packages and rules, with dots.
	Documents []string

	// Issuers are held against the vocabularies at every load.
	Issuers []Use

	// Misused tells what the issuers ask in vain of the vocabularies of a load, for whoever knows
	// where they are configured. Nil: the load tells it as it is.
	Misused func(UseErrors) error

	// Configured says how a key of an issuer is named in the configuration, and in which file and
	// line it stands; for [Check] only. Nil: that is not known.
	Configured func(issuer, key string) (path, file string, line int)

	// Readings is how many bytes may be taken by what was read in tokens about logins, so
	// that it is read once for all that tell the same. 0: none are kept.
	Readings int64

	// Logger is told of reloads, good and bad. Nil: nobody is.
	Logger *slog.Logger

	// Observe is told how each load ended: nil, or why the policy is refused. A load that
	// may have read half of what is being written is not told. Nil: nobody is.
	Observe func(error)

	// Now is the clock of Status.LoadedAt. Nil: time.Now.
	Now func() time.Time
}

// A Use is an issuer's use of a vocabulary.
type Use struct {
	Issuer     string
	Vocabulary string
	Levels     map[string]string // level to this tenant's word for it
	MaxLevel   string            // empty: no ceiling
	Claims     map[string]string // the vocabulary's name of a claim to the token's; for [Check] only
}

// Policies follows one source of policy and holds what is active. All methods are safe
// for concurrent use.
type Policies struct {
	source  source
	loader  *loader
	log     *slog.Logger
	observe func(error)
	now     func() time.Time
	pace    watch.Pace

	current atomic.Pointer[Snapshot]

	loading sync.Mutex // one load at a time; nobody who asks for a status waits for it
	active  string     // digest of the files behind current

	mu        sync.Mutex
	lastError error
}

// Status is what can be told of a policy without telling anything in it.
type Status struct {
	Revision  string
	Kind      string // "demonstration", "folder", "bundle" or "bundles"
	LoadedAt  time.Time
	LastError error // why the newest files are not active; nil if they are
}

// Open loads the policy. An error of configuration gives nothing; a policy that is
// refused gives its error and a Policies without a snapshot, for who would rather watch
// until there is one than stop. That a policy is active is left to the caller to tell, with
// [Policies.Announce]: what is loaded need not come to be served.
func Open(ctx context.Context, c Config) (*Policies, error) {
	src, err := newSource(c.Path)
	if err != nil {
		return nil, err
	}
	if c.Path == "" {
		c.Package = cmp.Or(c.Package, policies.DemonstrationPackage)
	}
	p, err := newPolicies(c, src)
	if err != nil {
		return nil, err
	}
	_, err = p.take(ctx)
	p.conclude(err)
	p.observe(err)
	return p, err
}

func newPolicies(c Config, src source) (*Policies, error) {
	load, err := newLoader(c, src)
	if err != nil {
		return nil, err
	}
	p := &Policies{source: src, loader: load, log: c.Logger, observe: c.Observe, now: c.Now, pace: watch.NormalPace()}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	if p.observe == nil {
		p.observe = func(error) {}
	}
	if p.now == nil {
		p.now = time.Now
	}
	return p, nil
}

// newSource tells a folder from a bundle by what is there, since a name that ends in
// .tar.gz can be a folder's too.
func newSource(path string) (source, error) {
	if path == "" {
		return demonstration{}, nil
	}
	written, path := path, filepath.Clean(path)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("policy.path: there is no %s", whereLooked(written))
	case err != nil:
		return nil, fmt.Errorf("policy.path: %w", err)
	case info.IsDir():
		return folder{path}, nil
	case strings.HasSuffix(path, bundleSuffix) && info.Mode().IsRegular():
		return archive{path}, nil
	}
	return nil, fmt.Errorf("policy.path: %s is neither a folder nor a bundle (*%s)", path, bundleSuffix)
}

// whereLooked is a path with the folder that it counts from, which need not be that of the
// configuration file.
func whereLooked(path string) string {
	absolute, err := filepath.Abs(path)
	if filepath.IsAbs(path) || err != nil {
		return filepath.Clean(path)
	}
	return absolute + " (a relative policy.path counts from the folder where stepup was started)"
}

// Package names the policy's package, without data. in front.
func (p *Policies) Package() string { return p.loader.config.Package }

// Current returns the active snapshot; nil if none is.
func (p *Policies) Current() *Snapshot { return p.current.Load() }

// Status tells which policy is active and whether a newer one was refused.
func (p *Policies) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Status{Kind: p.source.kind(), LastError: p.lastError}
	if active := p.Current(); active != nil {
		s.Revision, s.LoadedAt = active.revision, active.loadedAt
	}
	return s
}

// Reload reads the source and, if its files are others than before, makes them active
// or refuses them. A refused policy changes nothing but the status; telling of it is left
// to the caller.
func (p *Policies) Reload(ctx context.Context) error {
	err := p.attempt(ctx)
	p.conclude(err)
	p.observe(err)
	return err
}

// attempt loads what is there now and tells what became active. How it ended else it tells
// nobody: half of a file may just not be written yet.
func (p *Policies) attempt(ctx context.Context) error {
	s, err := p.take(ctx)
	if s != nil {
		p.announce(ctx, s)
	}
	return err
}

// take makes active what is there now, unless it is; the snapshot is nil then.
func (p *Policies) take(ctx context.Context) (*Snapshot, error) {
	p.loading.Lock()
	defer p.loading.Unlock()
	t, err := p.source.read(ctx)
	if err != nil {
		return nil, err
	}
	digest := t.digest()
	if digest == p.active {
		return nil, nil
	}
	s, err := p.loader.load(ctx, t)
	if err != nil {
		return nil, err
	}
	p.active = digest
	s.loadedAt, s.ignored = p.now(), t.ignored
	p.current.Store(s)
	return s, nil
}

// Announce logs which policy is active, if one is, and which files beside it are not loaded.
// Whatever becomes active later announces itself.
func (p *Policies) Announce(ctx context.Context) {
	if s := p.Current(); s != nil {
		p.announce(ctx, s)
	}
}

func (p *Policies) announce(ctx context.Context, s *Snapshot) {
	p.log.InfoContext(ctx, "a policy is active", "kind", p.source.kind(), "package", s.contract.pkg, "revision", s.revision)
	for _, name := range s.ignored {
		p.log.WarnContext(ctx, "this file of the policy folder is not loaded: data is read from files named data.json, data.yaml or data.yml",
			"file", filepath.Join(p.loader.config.Path, name))
	}
}

// conclude notes how an attempt ended, and gives how the one before did.
func (p *Policies) conclude(err error) (before error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before, p.lastError = p.lastError, err
	return before
}

// tell tells an error once, when it is new, and its end.
func (p *Policies) tell(err, before error) {
	active := p.Current()
	switch {
	case err != nil && same(err, before), err == nil && before == nil:
	case err == nil:
		p.log.Info("the policy is accepted again", "revision", active.revision)
	case active == nil:
		p.log.Error("the policy is refused, and none is active", "error", err)
	default:
		p.log.Error("the new policy is refused; the one before stays active", "error", err, "revision", active.revision)
	}
}

func same(a, b error) bool { return a != nil && b != nil && a.Error() == b.Error() }
