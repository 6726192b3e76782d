package fleet

import (
	"context"
	"fmt"

	"github.com/open-policy-agent/opa/v1/plugins"
	"github.com/open-policy-agent/opa/v1/storage"

	"stepup/sidecar/policy"
)

// Adopt gives the plugins a policy that did not come as bundles, so that what is for them
// in it has its effect: the rules that mask and drop decision logs. It is cheap when the
// policy is the one they have, and does nothing where policies come as bundles, which the
// plugins have already. It is for one caller at a time.
func (f *Fleet) Adopt(ctx context.Context, s *policy.Snapshot) error {
	if f == nil || f.config.Policies != nil || s == nil || s == f.adopted {
		return nil
	}
	compiler, data, err := s.Program(ctx)
	if err != nil {
		return err
	}
	params := storage.WriteParams
	params.Context = storage.NewContext()
	plugins.SetCompilerOnContext(params.Context, compiler)
	err = storage.Txn(ctx, f.store, params, func(txn storage.Transaction) error {
		return f.store.Write(ctx, txn, storage.AddOp, storage.Path{}, data)
	})
	if err != nil {
		return fmt.Errorf("giving the policy %s to OPA's plugins: %w", s.Revision(), err)
	}
	f.adopted = s
	return nil
}
