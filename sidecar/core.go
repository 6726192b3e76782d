package sidecar

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"

	"stepup/sidecar/access"
	"stepup/sidecar/config"
	"stepup/sidecar/decisionlog"
	"stepup/sidecar/keep"
	"stepup/sidecar/loopguard"
	"stepup/sidecar/pdp"
	"stepup/sidecar/policy"
	"stepup/sidecar/policy/fleet"
	"stepup/sidecar/protocol/authzen"
	"stepup/sidecar/protocol/native"
	"stepup/sidecar/telemetry"
	"stepup/sidecar/token"
)

// A Core is everything that decides. It is safe for concurrent use.
type Core struct {
	options   Options
	Decider   *pdp.Decider
	Policies  *policy.Policies
	Issuers   Issuers
	Telemetry *telemetry.Instruments
	// Fleet runs policy.opa; nil where there is none.
	Fleet *fleet.Fleet

	decisions *decisionlog.Log
	questions questions
	door      *native.Door
	// pluginsReady is set once all of OPA's plugins were OK, as OPA tells its own health policies.
	pluginsReady atomic.Bool
}

// NewCore assembles what decides. It reaches for no issuer: see [Issuers.Run].
func NewCore(ctx context.Context, o Options) (*Core, error) {
	metrics := telemetry.New(issuerNames(o)...)
	metrics.DevelopmentIssuer(o.Dev)
	issuers, err := newIssuers(o, metrics)
	if err != nil {
		return nil, err
	}
	policies, err := openPolicies(ctx, o, issuers, metrics)
	if err != nil {
		return nil, err
	}
	opa, err := newFleet(ctx, o, policies, metrics)
	if err != nil {
		return nil, err
	}
	decisions := newDecisionLog(o, opa, policies, metrics)
	verifier, err := token.NewVerifier(issuers.verified(), o.Config.ClockSkew, int(o.Config.Limits.Token))
	if err != nil {
		return nil, fmt.Errorf("issuers: %w", err)
	}
	c := &Core{
		options:   o,
		Decider:   pdp.New(deciderConfig(o, policies, verifier, issuers, newRecorder(o, metrics, decisions), newMemory(o, metrics))),
		Policies:  policies,
		Issuers:   issuers,
		Telemetry: metrics,
		Fleet:     opa,
		decisions: decisions,
		questions: newQuestions(o.Config, metrics),
	}
	c.door = c.newDoor()
	return c, nil
}

// severalDeadlines is how many times policy.deadline a batch or a search may take: two seconds,
// where nothing else is configured.
const severalDeadlines = 20

// looksInDeadline is how many first looks at what a policy could allow fit into policy.deadline:
// one may take five milliseconds, where nothing else is configured.
const looksInDeadline = 20

// Door returns the native door.
func (c *Core) Door() *native.Door { return c.door }

func (c *Core) newDoor() *native.Door {
	o := c.options
	door := native.Config{
		Decider: c.Decider, Body: int64(o.Config.Limits.Body), Batch: o.Config.Limits.Batch,
		Patience: severalDeadlines * o.Config.Policy.Deadline, Forward: o.Config.Headers.Forward, Logger: o.Logger,
		Memory: c.questions.native, Counters: counters(c.Telemetry, keptQuestions),
	}
	if o.Config.Requirements {
		door.Requirer = c.Decider
	}
	return native.New(door)
}

// AuthZEN returns the door of the AuthZEN Authorization API.
func (c *Core) AuthZEN() *authzen.Door {
	o := c.options
	return authzen.New(authzen.Config{
		Decider: c.Decider, Entities: c.entities,
		Body: int64(o.Config.Limits.Body), Batch: o.Config.Limits.Batch,
		Patience: severalDeadlines * o.Config.Policy.Deadline, Logger: o.Logger,
	})
}

// entities are those that the active policy's data lists.
func (c *Core) entities(ctx context.Context) (access.Entities, bool, error) {
	snapshot := c.Policies.Current()
	if snapshot == nil {
		return access.Entities{}, false, &access.Fault{Code: access.NotReady}
	}
	return snapshot.Entities(ctx)
}

func deciderConfig(o Options, policies *policy.Policies, verifier pdp.Verifier, issuers Issuers, recorder recorder, memory *pdp.Memory) pdp.Config {
	return pdp.Config{
		Verifier:  verifier,
		Policy:    func() pdp.Policy { return activePolicy(policies) },
		Recorder:  recorder,
		Now:       o.Now,
		Deadline:  o.Config.Policy.Deadline,
		Patience:  o.Config.Policy.Deadline / looksInDeadline,
		ClockSkew: o.Config.ClockSkew,
		Keep:      o.Config.Answers.Keep,
		Memory:    memory,
		Anonymous: o.Config.Policy.Anonymous,
		Labels:    logsDecisions(o),
		Guard:     newGuard(o.Config),
		Headers:   o.Config.Headers.Allow,
		Issuers:   issuers.urls(),
		Required:  recorder.required,
		Valued:    recorder.valued,
	}
}

// newMemory returns what keeps tokens and answers; nil when it is off.
func newMemory(o Options, metrics *telemetry.Instruments) *pdp.Memory {
	all := int64(o.Config.Answers.Memory)
	return pdp.NewMemory(pdp.MemoryConfig{
		Bytes:    all - all/shareOfQuestions,
		Counters: func(cache string) keep.Counters { return counters(metrics, cache) },
	})
}

func counters(metrics *telemetry.Instruments, cache string) keep.Counters {
	hits, misses := metrics.Kept(cache)
	return keep.Counters{Hits: hits, Misses: misses}
}

// newGuard returns the memory of step-ups that did not help; nil when it is off.
func newGuard(c *config.Config) *loopguard.Guard {
	if !c.LoopGuard {
		return nil
	}
	return loopguard.New(loopguard.Config{Skew: c.ClockSkew})
}

// readings is how many bytes what was read in tokens about logins may take, beside
// answers.memory: providers tell of logins in few ways.
const readings = 1 << 20

// openPolicies loads the policy. A refused one is an error, unless it may be awaited.
// Bundles are always awaited.
func openPolicies(ctx context.Context, o Options, issuers Issuers, metrics *telemetry.Instruments) (*policy.Policies, error) {
	p := o.Config.Policy
	c := policy.Config{
		Path: p.Path, Package: p.Package, Builtins: p.Builtins, MayRedefine: p.MayRedefine, Documents: p.Documents, Login: o.Config.Login.Enabled,
		Issuers: issuers.uses(), Misused: misusedIn(o.Config), Logger: o.Logger, Now: o.Now,
		Observe: countRefused(metrics), Readings: min(readings, int64(o.Config.Answers.Memory)),
	}
	if p.Fetched() {
		return receivePolicies(o, c)
	}
	policies, err := policy.Open(ctx, c)
	if wrong, ok := errors.AsType[*config.Error](err); ok && (p.Path == "" || !o.AwaitPolicy) {
		return nil, wrong // of the demonstration nothing better can be awaited
	}
	if err != nil && (policies == nil || !o.AwaitPolicy) {
		return nil, fmt.Errorf("policy: %w", err)
	}
	if err != nil {
		tellAwaited(o.Logger, err)
	}
	return policies, nil
}

// tellAwaited says what is wrong and who can mend it. What an issuer asks in vain of the vocabularies
// the next version of the policy may define; the configuration is read at the start only.
func tellAwaited(log *slog.Logger, err error) {
	if _, ok := errors.AsType[*config.Error](err); ok {
		log.Error("issuers are configured for what the policy does not have; every question is answered with 503 until one of the two is mended",
			"error", err, "try", "define it in the data of the policy, which is followed; or change the configuration, which is not, and restart")
		return
	}
	log.Error("the policy is refused; every question is answered with 503 until it is mended", "error", err)
}

func receivePolicies(o Options, c policy.Config) (*policy.Policies, error) {
	if !o.RunOPA {
		return nil, errors.New("policy.opa: only stepup serve fetches bundles; give policy.path, or --policy-path, a folder or a bundle in a file")
	}
	policies, err := policy.Receive(c)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	return policies, nil
}

// newFleet makes what runs policy.opa, where that is wanted.
func newFleet(ctx context.Context, o Options, policies *policy.Policies, metrics *telemetry.Instruments) (*fleet.Fleet, error) {
	if !o.RunOPA {
		return nil, nil
	}
	c := fleet.Config{
		OPA: o.Config.Policy.OPA, Logger: o.Logger, Registry: metrics.Registry(), Observe: metrics.BundleAttempt,
		Lost: metrics.DecisionLost,
	}
	if o.Config.Policy.Fetched() {
		c.Policies = policies
	}
	f, err := fleet.New(ctx, c)
	return f, placed(err, o.Config)
}

// placed says where the key that an error is about was written, if that is known.
func placed(err error, c *config.Config) error {
	wrong := (*fleet.KeyError)(nil)
	if !errors.As(err, &wrong) {
		return err
	}
	path := "policy.opa." + wrong.Key
	for at := path; at != "policy"; at = at[:strings.LastIndex(at, ".")] {
		if origin, known := c.Origins[at]; known {
			return errors.New(config.Problem{Path: path, Origin: origin, What: wrong.What}.String())
		}
	}
	return err
}

// countRefused counts loads that were refused. Which policy is active is looked up when
// metrics are asked for.
func countRefused(metrics *telemetry.Instruments) func(error) {
	return func(err error) {
		if err != nil {
			metrics.PolicyRefused()
		}
	}
}

// activePolicy returns what a decision asks; nil while there is none.
func activePolicy(policies *policy.Policies) pdp.Policy {
	if s := policies.Current(); s != nil {
		return s
	}
	return nil
}
