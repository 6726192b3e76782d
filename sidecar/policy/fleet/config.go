package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/config"
)

// maxFile is the largest file of a bundle, unless size_limit_bytes says otherwise. OPA's
// own default is a gigabyte.
const maxFile = 50 << 20

// withDefaults is OPA's configuration with our bounds where it has none, and without keys
// that hold nothing: what is discovered would give way to them.
func withDefaults(opa map[string]any) map[string]any {
	all := withBounds(opa)
	if logs := writtenLogs(opa); logs != nil {
		all["decision_logs"] = settled(logs, nil)
	}
	return all
}

// writtenLogs is what a configuration says of the decision log; nil: nothing that can be read.
func writtenLogs(opa map[string]any) map[string]any {
	logs, _ := opa["decision_logs"].(map[string]any)
	return withoutNull(logs)
}

// withoutNull leaves out members that hold nothing, at any depth; nil stays nil.
func withoutNull(o map[string]any) map[string]any {
	if o == nil {
		return nil
	}
	some := make(map[string]any, len(o))
	for name, value := range o {
		if inner, is := value.(map[string]any); is {
			value = withoutNull(inner)
		}
		if value != nil {
			some[name] = value
		}
	}
	return some
}

// withBounds is [withDefaults] without those of the decision log: a discovered configuration may choose others,
// and gives way to what is written.
func withBounds(opa map[string]any) map[string]any {
	all := maps.Clone(opa)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil })
	if services := all["services"]; services != nil {
		all["services"] = discreet(services)
	}
	if logs := writtenLogs(opa); logs != nil {
		all["decision_logs"] = logs
	}
	bundles, ok := all["bundles"].(map[string]any)
	if !ok {
		return all
	}
	bounded := make(map[string]any, len(bundles))
	for name, source := range bundles {
		bounded[name] = source
		if fields, ok := source.(map[string]any); ok && fields["size_limit_bytes"] == nil {
			fields = maps.Clone(fields)
			fields["size_limit_bytes"] = maxFile
			bounded[name] = fields
		}
	}
	all["bundles"] = bounded
	return all
}

// A KeyError is about one key of policy.opa, written or discovered.
type KeyError struct {
	Key  string // below policy.opa, "bundles.shop"
	What string // what is wrong, and what to do about it
}

func (e *KeyError) Error() string { return e.Key + ": " + e.What }

// A gate refuses a configuration, written or discovered, that would not do what it says.
// It is asked by OPA.
type gate struct {
	mayFetch bool           // may policies come as bundles?
	logs     map[string]any // what is written of the decision log
	boot     *config.Config // the written configuration, which a discovered one adds to
}

// OnConfig implements [hooks.ConfigHook].
func (g *gate) OnConfig(_ context.Context, c *config.Config) (*config.Config, error) {
	g.boot = c
	return c, g.check(c)
}

// OnConfigDiscovery implements [hooks.ConfigDiscoveryHook].
func (g *gate) OnConfigDiscovery(_ context.Context, c *config.Config) (*config.Config, error) {
	if string(c.DecisionLogs) == "null" {
		c.DecisionLogs = nil
	}
	bounded, err := boundBundles(c.Bundles)
	if err != nil {
		return nil, err
	}
	c.Bundles = bounded
	if c.Services, err = discreetDiscovered(c.Services); err != nil {
		return nil, err
	}
	if err := g.check(c); err != nil {
		return nil, err
	}
	c.DecisionLogs, err = settledDiscovered(c.DecisionLogs, g.logs)
	return c, err
}

// discreetDiscovered is [discreet] for what is discovered.
func discreetDiscovered(raw json.RawMessage) (json.RawMessage, error) {
	var services any
	if raw == nil || json.Unmarshal(raw, &services) != nil {
		return raw, nil // which is OPA's to refuse
	}
	return json.Marshal(discreet(services))
}

func boundBundles(raw json.RawMessage) (json.RawMessage, error) {
	if raw == nil {
		return nil, nil
	}
	var bundles map[string]any
	if err := json.Unmarshal(raw, &bundles); err != nil {
		return nil, fmt.Errorf("bundles: %w", err)
	}
	return json.Marshal(withDefaults(map[string]any{"bundles": bundles})["bundles"])
}

func (g *gate) check(c *config.Config) error {
	// OPA warns of keys that it does not know; what is written there would be believed.
	if len(c.Warnings) > 0 {
		return errors.New(strings.Join(slices.Sorted(slices.Values(c.Warnings)), "; "))
	}
	if err := checkDecisionLogs(c); err != nil {
		return err
	}
	for _, key := range foreignKeys(c) {
		return &KeyError{key, foreign()[key]}
	}
	if c.Bundles != nil && !g.mayFetch {
		return &KeyError{"bundles", "the policy comes from policy.path already; keep one, they are two sources of one policy"}
	}
	if err := discoverySigned(g.boot); err != nil {
		return err
	}
	return signingRequired(c, g.boot)
}

// discoverySigned is [signingRequired] for discovery, by the keys that are written: whoever
// could answer in its place would bring a key of their own, and bundles signed with it.
func discoverySigned(boot *config.Config) error {
	var discovery map[string]any
	if json.Unmarshal(boot.Discovery, &discovery) != nil || discovery == nil || discovery["signing"] != nil {
		return nil
	}
	keys := fieldsOf(boot.Keys)
	for _, id := range sortedKeys(keys) {
		if keys[id]["private_key"] == nil {
			return &KeyError{"discovery", fmt.Sprintf("the key %q is there to verify what is fetched, and this has no signing, so any configuration would be accepted, with keys and bundles of its own; add signing: {keyid: %s}", id, id)}
		}
	}
	return nil
}

// foreign tells of keys of OPA that have no effect here, or one that nobody wants.
func foreign() map[string]string {
	const ours = "the sidecar has no server, storage or tracing of OPA's; remove it"
	return map[string]string{
		"server": ours, "storage": ours, "distributed_tracing": ours, "metrics_export": ours,
		"plugins":                        "plugins of your own are not part of this program; remove it",
		"default_decision":               "policy.package says which rule decides; remove it",
		"default_authorization_decision": "who may ask is configured at the listeners, not by a policy; remove it",
		"caching":                        "policies call nothing whose answers are kept; remove it",
		"bundle":                         "OPA has replaced it by bundles; write bundles: {<name>: …}",
	}
}

// foreignKeys are those keys that are there, sorted. OPA gives the two default decisions
// values by itself, so these count only where they are others.
func foreignKeys(c *config.Config) []string {
	set := func(text *string, preset string) bool { return text != nil && *text != preset }
	there := map[string]bool{
		"server": c.Server != nil, "storage": c.Storage != nil, "plugins": len(c.Plugins) > 0,
		"distributed_tracing": c.DistributedTracing != nil, "metrics_export": c.MetricsExport != nil,
		"caching": c.Caching != nil, "bundle": c.Bundle != nil, //nolint:staticcheck // to refuse it
		"default_decision":               set(c.DefaultDecision, "/system/main"),
		"default_authorization_decision": set(c.DefaultAuthorizationDecision, "/system/authz/allow"),
	}
	maps.DeleteFunc(there, func(_ string, is bool) bool { return !is })
	return sortedKeys(there)
}

// signingRequired refuses a configuration in which there are keys to verify bundles with
// and a bundle without signing: OPA would then accept that bundle unsigned, with a
// warning. Keys of services, which are private, do not count.
func signingRequired(all ...*config.Config) error {
	public, unsigned := map[string]bool{}, map[string]bool{}
	for _, c := range all {
		for id, key := range fieldsOf(c.Keys) {
			public[id] = key["private_key"] == nil
		}
		for name, source := range fieldsOf(c.Bundles) {
			unsigned[name] = source["signing"] == nil
		}
	}
	for _, name := range sortedKeys(unsigned) {
		for _, id := range sortedKeys(public) {
			if public[id] && unsigned[name] {
				return &KeyError{"bundles." + name, fmt.Sprintf("the key %q is there to verify bundles, and this one has no signing, so it would be accepted unsigned; add signing: {keyid: %s}", id, id)}
			}
		}
	}
	return nil
}

// fieldsOf reads a map of maps; what is none is left to OPA to refuse.
func fieldsOf(raw json.RawMessage) map[string]map[string]any {
	var all map[string]map[string]any
	if json.Unmarshal(raw, &all) != nil {
		return nil
	}
	return all
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
