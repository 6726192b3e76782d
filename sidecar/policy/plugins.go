package policy

import (
	"context"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
)

// Program returns the compiled rules of the snapshot and its data, for OPA's plugins to
// evaluate what is theirs in it, such as the masks of decision logs. Both are shared and
// must not be changed.
func (s *Snapshot) Program(ctx context.Context) (*ast.Compiler, ast.Value, error) {
	txn, err := s.policy.store.NewTransaction(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("reading data: %w", err)
	}
	defer s.policy.store.Abort(ctx, txn)
	root, err := s.policy.store.Read(ctx, txn, storage.Path{})
	if err != nil {
		return nil, nil, fmt.Errorf("reading data: %w", err)
	}
	data, ok := root.(ast.Value)
	if !ok {
		return nil, nil, fmt.Errorf("reading data: it is a %T", root)
	}
	return s.policy.compiler, data, nil
}
