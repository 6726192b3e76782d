package fleet

import (
	"context"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/storage"

	"stepup/sidecar/policy"
)

// content reads all that would be committed: rules, data, and which bundles it is from.
func (s *admittingStore) content(ctx context.Context, txn storage.Transaction) (policy.Content, error) {
	var c policy.Content
	names, err := bundle.ReadBundleNamesFromStore(ctx, s.Store, txn)
	if err != nil && !storage.IsNotFound(err) {
		return c, fmt.Errorf("reading the names of bundles: %w", err)
	}
	c.Revisions = make(map[string]string, len(names))
	for _, name := range names {
		revision, err := bundle.ReadBundleRevisionFromStore(ctx, s.Store, txn, name)
		if err != nil && !storage.IsNotFound(err) {
			return c, fmt.Errorf("reading the revision of %s: %w", name, err)
		}
		c.Revisions[name] = revision
	}
	data, versions, err := s.data(ctx, txn)
	if err != nil {
		return c, err
	}
	c.Data = data
	c.Modules, err = s.modules(ctx, txn, versions)
	return c, err
}

// data reads all data that is a policy's, and apart from it what OPA notes about modules.
func (s *admittingStore) data(ctx context.Context, txn storage.Transaction) (data, versions map[string]any, err error) {
	root, err := s.Store.Read(ctx, txn, storage.Path{})
	if err != nil {
		return nil, nil, fmt.Errorf("reading data: %w", err)
	}
	if value, ok := root.(ast.Value); ok {
		if root, err = ast.JSON(value); err != nil {
			return nil, nil, fmt.Errorf("reading data: %w", err)
		}
	}
	data, ok := root.(map[string]any)
	if !ok {
		return nil, nil, fmt.Errorf("reading data: its root is no object")
	}
	system, _ := data["system"].(map[string]any)
	versions, _ = system["modules"].(map[string]any)
	for _, own := range []string{"bundles", "modules", "bundle"} {
		delete(system, own)
	}
	if len(system) == 0 {
		delete(data, "system")
	}
	return data, versions, nil
}

// modules reads the text of all rules, in the order of their names.
func (s *admittingStore) modules(ctx context.Context, txn storage.Transaction, versions map[string]any) ([]policy.Module, error) {
	ids, err := s.Store.ListPolicies(ctx, txn)
	if err != nil {
		return nil, fmt.Errorf("reading rules: %w", err)
	}
	byName := make(map[string]policy.Module, len(ids))
	for _, id := range ids {
		text, err := s.Store.GetPolicy(ctx, txn, id)
		if err != nil {
			return nil, fmt.Errorf("reading rules of %s: %w", id, err)
		}
		byName[id] = policy.Module{Path: id, Text: string(text), Version: version(versions[id])}
	}
	list := make([]policy.Module, 0, len(ids))
	for _, id := range sortedKeys(byName) {
		list = append(list, byName[id])
	}
	return list, nil
}

// version is what OPA noted of a module's Rego; it notes nothing where it is v1.
func version(noted any) ast.RegoVersion {
	about, _ := noted.(map[string]any)
	if number, ok := about["rego_version"].(interface{ Int64() (int64, error) }); ok {
		if n, err := number.Int64(); err == nil {
			// One that is not known parses as none does, and so not as an older one.
			known, _ := ast.RegoVersionFromIntStrict(int(n))
			return known
		}
	}
	return ast.RegoUndefined
}
