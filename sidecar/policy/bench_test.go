package policy_test

import (
	"context"
	"testing"
	"time"

	"stepup/sidecar/policy"
)

func BenchmarkEvaluate(b *testing.B) { benchmark(b, policyEvaluate) }
func BenchmarkAssure(b *testing.B)   { benchmark(b, policyAssure) }

func policyEvaluate(ctx context.Context, s *policy.Snapshot) error {
	_, err := s.Evaluate(ctx, alice("normal", "mfa"))
	return err
}

func policyAssure(ctx context.Context, s *policy.Snapshot) error {
	_, err := s.Assure(ctx, alice())
	return err
}

// benchmark runs one call under a deadline, as decisions do.
func benchmark(b *testing.B, call func(context.Context, *policy.Snapshot) error) {
	p, err := policy.Open(context.Background(), policy.Config{})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		if err := call(ctx, p.Current()); err != nil {
			b.Fatal(err)
		}
	}
}
