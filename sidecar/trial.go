package sidecar

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"stepup/sidecar/cases"
	"stepup/sidecar/config"
	"stepup/sidecar/input"
	"stepup/sidecar/pdp"
)

// A Trial is what a case came to.
type Trial struct {
	Case        cases.Case
	Differences []cases.Difference // none: it passed, unless Err says otherwise
	Detail      string             // what the log would tell of a refused token or a fault
	Document    *input.Document    // what the policy was asked; nil: it was not
	Took        time.Duration
	Err         error // the question could not be put at all
}

// Passed reports whether the answer was as the case expects it.
func (t Trial) Passed() bool { return t.Err == nil && len(t.Differences) == 0 }

// trialDeadline is the deadline of a decision unless the configuration or the case sets one:
// nothing is warm yet, and no answer may depend on how busy the machine is.
const trialDeadline = 30 * time.Second

// Try puts cases to what decides under a configuration, each at its moment. Everything is as
// it is served, verification of the token included, but for the keys: they are made for this
// and published in place of the issuers' own, so that nobody is asked for any. The loop guard
// is off, for each case is a question by itself.
func Try(ctx context.Context, c *config.Config, list []cases.Case) (trials []Trial, err error) {
	if len(list) == 0 {
		return nil, nil
	}
	keys, err := cases.NewKeys(list)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "stepup-cases-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for the keys of the cases: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	t := trier{config: c, keys: keys, file: filepath.Join(dir, "jwks.json"), cores: map[string]*Core{}}
	if err := t.publish(); err != nil {
		return nil, err
	}
	for _, one := range list {
		trials = append(trials, t.try(ctx, one))
		if ctx.Err() != nil {
			return trials, context.Cause(ctx)
		}
	}
	return trials, nil
}

// A trier has one core for each configuration that cases need, so that every policy is
// compiled once. It asks one question at a time.
type trier struct {
	config *config.Config
	keys   *cases.Keys
	file   string // with the public keys
	cores  map[string]*Core
	now    int64
	last   pdp.Record
}

// Record implements [pdp.Recorder].
func (t *trier) Record(_ context.Context, r pdp.Record) { t.last = r }

func (t *trier) publish() error {
	text, err := t.keys.JWKS()
	if err == nil {
		err = os.WriteFile(t.file, text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("publishing the keys of the cases: %w", err)
	}
	return nil
}

func (t *trier) try(ctx context.Context, c cases.Case) (trial Trial) {
	began := time.Now()
	trial.Case = c
	defer func() { trial.Took = time.Since(began) }()
	core, err := t.core(ctx, c)
	if err != nil {
		trial.Err = err
		return trial
	}
	body, err := c.Question(t.keys.Sign)
	if err != nil {
		trial.Err = err
		return trial
	}
	t.now, t.last = c.Now, pdp.Record{}
	trial.Differences, trial.Err = t.ask(ctx, core, c, body)
	trial.Document = t.last.Document
	if t.last.Fault != nil {
		trial.Detail = t.last.Fault.Error()
	}
	return trial
}

func (t *trier) ask(ctx context.Context, core *Core, c cases.Case, body []byte) ([]cases.Difference, error) {
	status, text, err := core.Door().Ask(ctx, body)
	if err != nil {
		return nil, err
	}
	got, err := cases.Read(status, text)
	if err != nil {
		return nil, err
	}
	if t.last.Claims != nil && status == 200 {
		got.Subject = t.last.Subject.Type
	}
	return c.Differences(got)
}

// core is what decides under the configuration of a case.
func (t *trier) core(ctx context.Context, c cases.Case) (*Core, error) {
	if c.Policy.Folder != "" || c.Policy.Package != "" || c.Policy.Watch {
		return nil, errors.New("policy.folder, package and watch are for the corpus: which policy is under test is not for a case to say")
	}
	key, err := yaml.Marshal([]any{c.Issuer, c.Headers, c.Policy})
	if err != nil {
		return nil, err
	}
	if core := t.cores[string(key)]; core != nil {
		return core, nil
	}
	configuration, err := t.configuration(c)
	if err != nil {
		return nil, err
	}
	core, err := NewCore(ctx, Options{
		Config: configuration, Logger: slog.New(slog.DiscardHandler), Recorder: t,
		Now: func() time.Time { return time.Unix(t.now, 0) },
	})
	if err == nil {
		t.cores[string(key)] = core
	}
	return core, err
}

// configuration is the one under test with what the case says in its place.
func (t *trier) configuration(c cases.Case) (*config.Config, error) {
	own := *t.config
	own.LoopGuard = false
	if own.Origins["policy.deadline"].Source == config.Default {
		own.Policy.Deadline = trialDeadline
	}
	stated, err := stated(c)
	if err != nil {
		return nil, fmt.Errorf("reading what the case configures: %w", err)
	}
	if c.Issuer != nil {
		own.Issuers = stated.Issuers
		own.Origins = maps.Clone(own.Origins) // of issuers that the file has not
		maps.DeleteFunc(own.Origins, func(path string, _ config.Origin) bool { return strings.HasPrefix(path, "issuers") })
	}
	if c.Headers != nil {
		own.Headers = stated.Headers
	}
	if c.Policy.Anonymous {
		own.Policy.Anonymous = true
	}
	if c.Policy.Deadline != "" {
		own.Policy.Deadline = stated.Policy.Deadline
	}
	issuers := append([]config.Issuer{}, own.Issuers...)
	for i := range issuers {
		issuers[i].JWKSURI, issuers[i].CAFile, issuers[i].JWKSFile = "", "", t.file
	}
	own.Issuers = issuers
	return &own, nil
}

// stated reads the parts of a configuration that a case may have.
func stated(c cases.Case) (*config.Config, error) {
	whole := map[string]any{}
	if c.Issuer != nil {
		whole["issuers"] = []any{c.Issuer}
	}
	if c.Headers != nil {
		whole["headers"] = c.Headers
	}
	if c.Policy.Deadline != "" {
		whole["policy"] = map[string]any{"deadline": c.Policy.Deadline}
	}
	text, err := yaml.Marshal(whole)
	if err != nil {
		return nil, err
	}
	read, _, err := config.Load(config.Options{
		File: "case", ReadFile: func(string) ([]byte, error) { return text, nil },
	})
	return read, err
}
