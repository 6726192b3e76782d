package fleet_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/open-policy-agent/opa/v1/plugins/bundle"
	"github.com/prometheus/client_golang/prometheus"

	"stepup/sidecar/policy"
	"stepup/sidecar/policy/fleet"
	"stepup/sidecar/policy/fleet/fleettest"
)

// BenchmarkActivate fetches a new bundle, holds it against everything, and activates it.
func BenchmarkActivate(b *testing.B) {
	server, logger := fleettest.NewServer(b), slog.New(slog.DiscardHandler)
	policies, err := policy.Receive(policy.Config{Package: "shop", Logger: logger})
	if err != nil {
		b.Fatal(err)
	}
	running, err := fleet.New(b.Context(), fleet.Config{OPA: opa(server.URL, server.URL, nil), Policies: policies, Logger: logger, Registry: prometheus.NewRegistry()})
	if err != nil {
		b.Fatal(err)
	}
	defer running.Stop(context.Background())
	if err := running.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	archives := map[string][]byte{"one": good("one").Build(b), "two": good("two").Build(b)}
	next := map[string]string{"one": "two", "two": "one"}
	for revision := "one"; b.Loop(); revision = next[revision] {
		server.Serve("shop", archives[revision])
		if err := bundle.Lookup(running.Manager()).Trigger(b.Context()); err != nil {
			b.Fatal(err)
		}
		if got := policies.Status().Revision; got != "shop@"+revision {
			b.Fatalf("%q is active, want shop@%s", got, revision)
		}
	}
}
