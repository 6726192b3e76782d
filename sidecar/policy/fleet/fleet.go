package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/hooks"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/plugins"
	"github.com/open-policy-agent/opa/v1/plugins/bundle"
	"github.com/open-policy-agent/opa/v1/plugins/discovery"
	"github.com/prometheus/client_golang/prometheus"

	"stepup/sidecar/policy"
)

// A Config says what to run.
type Config struct {
	// OPA is OPA's own configuration, with variables already in place. Empty: there is
	// nothing to run.
	OPA map[string]any

	// Policies gets what the bundles hold. Nil: the policy comes from elsewhere, and
	// bundles are refused.
	Policies *policy.Policies

	// Logger is told what the plugins tell. Nil: nobody is.
	Logger *slog.Logger

	// Registry gets the metrics of OPA's status plugin, where that is asked for. Nil: nobody
	// does.
	Registry prometheus.Registerer

	// Observe is told how an attempt to fetch or activate a bundle ended: "" or one of the
	// kinds of error. Nil: nobody is.
	Observe func(bundle, kind string)

	// Lost is told of each event of the decision log that goes nowhere, by the reason.
	// Nil: nobody is.
	Lost func(reason string)

	// Console is where decision_logs.console writes, a line of JSON for each event. Nil: the
	// standard error, as it is with OPA.
	Console io.Writer
}

// A Fleet is OPA's plugin manager with its plugins. A nil Fleet runs nothing; its methods
// tell that there is nothing. All methods are safe for concurrent use.
//
// Decision logs are OPA's too. The plugin is created from the key decision_logs by [New] or,
// later, by discovery; whoever writes an event finds it with logs.Lookup(f.Manager()) each
// time.
type Fleet struct {
	manager *plugins.Manager
	store   *admittingStore
	config  Config
	log     *slog.Logger
	counts  metrics.Metrics  // what OPA's plugins count
	adopted *policy.Snapshot // the last of Adopt

	started  atomic.Bool
	mu       sync.Mutex
	statuses map[string]bundle.Status // as the plugin told last
}

// stopPatience is how long the plugins may take to stop: decision logs are sent till then.
const stopPatience = 5 * time.Second

// New makes the manager and its plugins, without starting them. An error is of the
// configuration. A configuration without a key gives nil.
func New(ctx context.Context, c Config) (*Fleet, error) {
	if len(c.OPA) == 0 {
		return nil, nil
	}
	raw, err := json.Marshal(withDefaults(c.OPA))
	if err != nil {
		return nil, fmt.Errorf("policy.opa: %w", err)
	}
	f := &Fleet{config: c, log: c.Logger, counts: metrics.New(), statuses: map[string]bundle.Status{}}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	f.store = newStore(c.Policies, f.configured)
	if err := f.assemble(ctx, raw); err != nil {
		return nil, fmt.Errorf("policy.opa: %w", err)
	}
	return f, nil
}

func (f *Fleet) assemble(ctx context.Context, raw []byte) (err error) {
	hook := hooks.New(&gate{mayFetch: f.config.Policies != nil, logs: writtenLogs(f.config.OPA)})
	log := logger{to: f.log.With("part", "opa"), lost: f.config.Lost}
	f.manager, err = plugins.New(raw, uuid.NewString(), f.store,
		plugins.Logger(log), plugins.ConsoleLogger(newConsole(f.config.Console)),
		plugins.WithParserOptions(ast.ParserOptions{RegoVersion: ast.RegoV1}),
		plugins.WithHooks(hook),
		plugins.WithPrometheusRegister(f.config.Registry),
		plugins.GracefulShutdownPeriod(int(stopPatience/time.Second)),
	)
	if err != nil {
		return err
	}
	f.registerAsker()
	if err := f.plug(ctx, hook); err != nil {
		f.manager.Stop(ctx)
		return err
	}
	return nil
}

// plug makes the plugins. OPA's discovery plugin makes all others, whether or not
// discovery is configured.
func (f *Fleet) plug(ctx context.Context, hook hooks.Hooks) error {
	if err := f.manager.Init(ctx); err != nil {
		return err
	}
	d, err := discovery.New(f.manager, discovery.Hooks(hook), discovery.Metrics(f.counts),
		discovery.BootConfig(withBounds(f.config.OPA)))
	if err != nil {
		return err
	}
	f.manager.Register(discovery.Name, d)
	f.listen()
	// Discovery can bring the bundle plugin later. Listening waits for that plugin's lock,
	// which it holds while it tells its state: hence another goroutine.
	f.manager.RegisterPluginStatusListener("stepup", func(map[string]*plugins.Status) { go f.listen() })
	return nil
}

// Manager is OPA's plugin manager; nil of a nil Fleet.
func (f *Fleet) Manager() *plugins.Manager {
	if f == nil {
		return nil
	}
	return f.manager
}

// Start starts the plugins, which go on until Stop. Bundles that were kept on disk are
// active when it returns. A server that cannot be reached is no error: it is asked again.
func (f *Fleet) Start(ctx context.Context) error {
	if f == nil {
		return nil
	}
	if err := f.manager.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("policy.opa: %w", err)
	}
	f.started.Store(true)
	return nil
}

// Stop stops the plugins, for which they have some seconds. The policy stays active. Without
// a successful Start there is nothing to stop: OPA's plugins wait for ever for the end of
// what they have not begun.
func (f *Fleet) Stop(ctx context.Context) {
	if f != nil && f.started.Load() {
		f.manager.Stop(context.WithoutCancel(ctx))
	}
}

// configured lists the bundles that are wanted now.
func (f *Fleet) configured() []string {
	if f.manager == nil {
		return nil
	}
	p := bundle.Lookup(f.manager)
	if p == nil {
		return nil
	}
	return sortedKeys(p.Config().Bundles)
}
