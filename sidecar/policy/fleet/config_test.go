package fleet_test

import (
	"strings"
	"testing"

	"stepup/sidecar/policy"
	"stepup/sidecar/policy/fleet"
	"stepup/sidecar/policy/fleet/fleettest"
)

// TestRefusedConfigurations: what OPA knows and this program does not do is no key.
func TestRefusedConfigurations(t *testing.T) {
	key := fleettest.NewKey(t, "ops")
	object := func(pairs ...any) map[string]any {
		o := map[string]any{}
		for i := 0; i < len(pairs); i += 2 {
			o[pairs[i].(string)] = pairs[i+1]
		}
		return o
	}
	service := object("origin", object("url", "http://127.0.0.1:1"))
	for name, c := range map[string]struct {
		opa  map[string]any
		says string
	}{
		"a server":                 {object("server", object("encoding", object())), "server: the sidecar has no server"},
		"plugins":                  {object("plugins", object("mine", object())), "plugins: plugins of your own"},
		"a decision":               {object("default_decision", "/a/b"), "default_decision: policy.package says"},
		"who may ask":              {object("default_authorization_decision", "/a/b"), "default_authorization_decision: who may ask"},
		"a disk":                   {object("storage", object("disk", object("directory", "/x"))), "storage: the sidecar has no"},
		"tracing":                  {object("distributed_tracing", object("type", "grpc")), "distributed_tracing: "},
		"a cache":                  {object("caching", object("inter_query_builtin_cache", object("max_size_bytes", 1))), "caching: "},
		"the old key":              {object("services", service, "bundle", object("name", "a")), "write bundles:"},
		"a misspelt key":           {object("bundels", object()), `unknown configuration option "bundels"`},
		"a misspelt key below":     {object("services", service, "bundles", object("a", object("resorce", "x"))), "bundles.a.resorce"},
		"a service that is not":    {object("services", service, "bundles", object("a", object("service", "other"))), `service name "other" not found`},
		"keys without signing":     {object("services", service, "keys", key.Config(), "bundles", object("a", object("service", "origin"))), `bundles.a: the key "ops" is there to verify bundles, and this one has no signing`},
		"discovery unsigned":       {object("services", service, "keys", key.Config(), "discovery", object("resource", "x", "service", "origin")), `discovery: the key "ops" is there to verify what is fetched, and this has no signing`},
		"signing without its key":  {object("services", service, "bundles", object("a", object("service", "origin", "signing", object("keyid", "ops")))), "ops"},
		"delays the wrong way":     {object("services", service, "bundles", object("a", object("polling", object("min_delay_seconds", 9, "max_delay_seconds", 1)))), "max polling delay"},
		"discovery of no service":  {object("discovery", object("resource", "x", "service", "none")), "none"},
		"logs to nowhere":          {object("decision_logs", object()), "decision_logs.service: decisions would be logged nowhere"},
		"logs to a plugin":         {object("services", service, "decision_logs", object("plugin", "mine")), "decision_logs.plugin: plugins of your own"},
		"logs of headers":          {object("services", service, "decision_logs", object("request_context", object("http", object("headers", []any{"authorization"})))), "decision_logs.request_context: "},
		"logs of built-ins":        {object("services", service, "decision_logs", object("nd_builtin_cache", true)), "decision_logs.nd_builtin_cache: "},
		"logs sent by hand":        {object("services", service, "decision_logs", object("reporting", object("trigger", "manual"))), "decision_logs.reporting.trigger: "},
		"logs of no service":       {object("services", service, "decision_logs", object("service", "other")), `invalid service name "other" in decision_logs`},
		"logs, misspelt":           {object("services", service, "decision_logs", object("consol", true)), "decision_logs.consol"},
		"a number where text goes": {object("services", service, "persistence_directory", 5), ""},
	} {
		policies, err := policy.Receive(policy.Config{Package: "shop"})
		if err != nil {
			t.Fatal(err)
		}
		f, err := fleet.New(t.Context(), fleet.Config{OPA: c.opa, Policies: policies})
		if err == nil || f != nil || !strings.HasPrefix(err.Error(), "policy.opa: ") || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: New = %v; want an error that says %q", name, err, c.says)
		}
	}
}

// TestNothingToRun: a sidecar without policy.opa has a nil Fleet, which answers.
func TestNothingToRun(t *testing.T) {
	f, err := fleet.New(t.Context(), fleet.Config{})
	if f != nil || err != nil {
		t.Fatalf("New = %v, %v; want nil", f, err)
	}
	if f.Manager() != nil || f.Bundles() != nil || f.NotActivated() != nil || f.Plugins() != nil || f.Start(t.Context()) != nil {
		t.Error("a nil Fleet tells of something")
	}
}

// TestBundlesBesideAPath: where the policy comes from elsewhere, no bundle may bring one.
func TestBundlesBesideAPath(t *testing.T) {
	_, err := fleet.New(t.Context(), fleet.Config{OPA: opa("http://127.0.0.1:1", "http://127.0.0.1:1", nil)})
	if err == nil || !strings.Contains(err.Error(), "the policy comes from policy.path already") {
		t.Errorf("New = %v; want bundles refused", err)
	}
}
