package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/plugins"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"stepup/sidecar/policy"
)

// An admittingStore is OPA's store, and commits nothing that is not admitted.
type admittingStore struct {
	storage.Store
	policies   *policy.Policies // nil: no policy may come this way
	configured func() []string  // the bundles that are wanted

	mu        sync.Mutex
	writing   map[uint64]*storage.Context // of the write transactions that are open
	revisions map[string]string           // of the bundles that are committed, by name

	// turn is held from admitting until what was admitted is active, so that two commits
	// become active in the order in which they were committed.
	turn   sync.Mutex
	held   string // digest of the content that is committed
	active string // the same, if it is active; empty: none is
}

func newStore(policies *policy.Policies, configured func() []string) *admittingStore {
	return &admittingStore{
		// Values are kept as Rego reads them, and copied when a snapshot is made.
		Store:    inmem.NewWithOpts(inmem.OptRoundTripOnWrite(false), inmem.OptReturnASTValuesOnRead(true)),
		policies: policies, configured: configured,
		writing: map[uint64]*storage.Context{},
	}
}

// NewTransaction implements [storage.Store].
func (s *admittingStore) NewTransaction(ctx context.Context, params ...storage.TransactionParams) (storage.Transaction, error) {
	txn, err := s.Store.NewTransaction(ctx, params...)
	if err == nil && len(params) > 0 && params[0].Write {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.writing[txn.ID()] = params[0].Context
	}
	return txn, err
}

// Abort implements [storage.Store].
func (s *admittingStore) Abort(ctx context.Context, txn storage.Transaction) {
	s.ended(txn)
	s.Store.Abort(ctx, txn)
}

// ended reports whether a transaction wrote, and with which context.
func (s *admittingStore) ended(txn storage.Transaction) (*storage.Context, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, wrote := s.writing[txn.ID()]
	delete(s.writing, txn.ID())
	return c, wrote
}

// Commit implements [storage.Store]. An error means that nothing was changed.
func (s *admittingStore) Commit(ctx context.Context, txn storage.Transaction) error {
	params, wrote := s.ended(txn)
	if !wrote {
		return s.Store.Commit(ctx, txn)
	}
	s.turn.Lock()
	defer s.turn.Unlock()
	next, err := s.admit(ctx, txn)
	if err != nil {
		s.Store.Abort(ctx, txn)
		return err
	}
	s.confine(params)
	if err := s.Store.Commit(ctx, txn); err != nil {
		return err
	}
	s.activate(next)
	return nil
}

// confine gives the plugins' own compiler, which masks of decision logs are evaluated
// with, the policies' leave to reach hosts: none. Its rules were compiled with ours too,
// so they call nothing that is withheld.
func (s *admittingStore) confine(params *storage.Context) {
	compiler := plugins.GetCompilerOnContext(params)
	if compiler == nil || s.policies == nil {
		return
	}
	if own := s.policies.Capabilities(); compiler.Capabilities() != own {
		compiler.WithCapabilities(own)
	}
}

// Truncate implements [storage.Store]: it is how the files of a bundle arrive.
func (s *admittingStore) Truncate(ctx context.Context, txn storage.Transaction, params storage.TransactionParams, files storage.Iterator) error {
	return s.Store.Truncate(ctx, txn, params, &checked{Iterator: files})
}

// checked reads the files of a bundle within bounds, and refuses data in which a name is
// there twice: once it is in the store, that cannot be seen any more.
type checked struct {
	storage.Iterator
	files, size int
}

// Bounds of a bundle, as of one in a file.
const (
	maxFiles    = 5000
	maxExpanded = 50 << 20
)

// Next implements [storage.Iterator].
func (c *checked) Next() (*storage.Update, error) {
	u, err := c.Iterator.Next()
	if err != nil {
		return u, err
	}
	c.files++
	c.size += len(u.Value)
	if c.files > maxFiles || c.size > maxExpanded {
		return nil, fmt.Errorf("more than %d files or %d MiB", maxFiles, maxExpanded>>20)
	}
	if u.IsPolicy {
		return u, nil
	}
	if err := policy.NothingTwice(u.Value); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("data at /%s: %w", strings.Join(u.Path, "/"), err)
	}
	return u, nil
}

// An admitted is what a commit leads to.
type admitted struct {
	revisions map[string]string
	held      string           // digest of the content
	active    string           // that of the content that decides; empty: none does
	snapshot  *policy.Snapshot // nil: none, or the one that is active stays
	why       error            // why none is active any more
}

// admit reads what would be committed and says what follows from it, or why it must not
// be. The bundles are judged together: a policy may rest on the data of another bundle,
// and what is absent there must not read as consent.
func (s *admittingStore) admit(ctx context.Context, txn storage.Transaction) (admitted, error) {
	content, err := s.content(ctx, txn)
	if err != nil {
		return admitted{}, err
	}
	next := admitted{revisions: content.Revisions, held: content.Digest(), why: errors.New("there is no bundle any more")}
	if len(next.revisions) == 0 {
		return next, nil
	}
	if s.policies == nil {
		return next, errors.New("no policy may come as a bundle")
	}
	if err := s.judge(ctx, &next, content); err != nil {
		return s.despite(err, next)
	}
	return next, nil
}

// despite lets pass what must not be refused whatever it leads to, for OPA does not
// survive that: a bundle that is not wanted any more goes, and without it there may be no
// policy; or nothing is changed at all.
func (s *admittingStore) despite(err error, next admitted) (admitted, error) {
	lost := without(sortedKeys(s.committed()), sortedKeys(next.revisions))
	next.snapshot = nil
	switch {
	case len(lost) > 0:
		next.active, next.why = "", fmt.Errorf("without %s: %w", strings.Join(lost, ", "), err)
		return next, nil
	case next.held == s.held:
		next.active = s.active
		return next, nil
	}
	return next, err
}

// judge fills in what follows from a content, or says why it is refused.
func (s *admittingStore) judge(ctx context.Context, next *admitted, content policy.Content) error {
	wanted, there := s.configured(), sortedKeys(next.revisions)
	if odd := without(without(there, wanted), sortedKeys(s.committed())); len(odd) > 0 {
		return fmt.Errorf("data below system.bundles is OPA's own, and %q is no bundle", odd[0])
	}
	missing := without(wanted, there)
	switch {
	case len(missing) == 0:
		return s.prepare(ctx, next, content)
	case s.active == "":
		// The first of several bundles: each needs the others to make a policy.
		return s.policies.Screen(ctx, content)
	default:
		return fmt.Errorf("waits for %s, configured and not active yet: its data may be what this is to be read with", strings.Join(missing, ", "))
	}
}

func (s *admittingStore) prepare(ctx context.Context, next *admitted, content policy.Content) (err error) {
	if next.active = next.held; next.active == s.active {
		return nil
	}
	next.snapshot, err = s.policies.Prepare(ctx, content)
	return err
}

func (s *admittingStore) activate(next admitted) {
	had := s.active != ""
	s.held, s.active = next.held, next.active
	s.note(next.revisions)
	switch {
	case next.snapshot != nil:
		s.policies.Activate(next.snapshot)
	case next.active == "" && had:
		s.policies.Deactivate(next.why)
	}
}

func (s *admittingStore) note(revisions map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revisions = revisions
}

// without is list less those that are in other.
func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
}

// committed are the revisions of the bundles whose content is in the store. The map is
// replaced, never changed.
func (s *admittingStore) committed() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.revisions
}
