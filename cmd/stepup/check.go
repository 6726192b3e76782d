package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"stepup/sidecar"
	"stepup/sidecar/config"
	"stepup/sidecar/policy"
)

// checkFlags are what a folder is held against, and how what is found is told.
type checkFlags struct {
	pkg, config  string
	builtins     []string
	strict, json bool
}

func newCheck(t terminal) *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check DIR",
		Short: "Check a folder of policies: strictly, with the schema of input, and for unknown levels",
		Long: `Check a folder of policies before it is served: compiled strictly, with the schema of the
document applied to every package that reads input, whether it is annotated or not, and
with the names of levels held against the known ones.

It warns of what loads and most likely means something else: a claim that the vocabulary
reads, a condition that somebody passes of whom nothing is known, an age that nobody can
meet or that is not understood, a level that no login reaches, an allow that is false beside
one that is true, a package that has no way to allow.

Where DIR has a stepup.yaml, that says which policy to check, whose logins there are and the
rest, as for a sidecar that is started in DIR, the environment aside; what else in DIR could be
policy is warned of. With --config, and without a stepup.yaml, DIR is the policy. The file of
routes is read, too.

Exit codes: 0 nothing found, 1 something is wrong, 2 wrong usage. A warning is nothing wrong,
unless --strict says so.`,
		Example: `  stepup check shop
  stepup check ./policies --package app
  stepup check ./policies --config stepup.yaml --strict`,
		Args: oneFolder,
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, t, args[0]) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.pkg, "package", "", "the package that decides; with it, its rule allow is asked for too")
	flags.StringSliceVar(&f.builtins, "policy-builtins", nil, "built-in functions that policy.builtins gives back")
	flags.StringVar(&f.config, "config", "", "YAML `file` of the configuration, for its issuers, policy.package, policy.builtins and routes")
	flags.BoolVar(&f.strict, "strict", false, "fail on warnings too")
	flags.BoolVar(&f.json, "json", false, "print what is found as JSON")
	return cmd
}

func (f *checkFlags) run(cmd *cobra.Command, t terminal, dir string) error {
	target, err := f.target(cmd.Context(), t, dir)
	if err != nil {
		return err
	}
	findings, err := target.check(cmd.Context(), f.against(target.config))
	if err != nil {
		return err
	}
	tell := target.tell
	if f.json {
		tell = target.tellAsJSON
	}
	if err := tell(t.out, findings); err != nil {
		return err
	}
	if n := count(findings, policy.SeverityError); n > 0 || f.strict && count(findings, policy.SeverityWarning) > 0 {
		return exitCode(exitFault)
	}
	return nil
}

// A checkTarget is a folder of policies, and what serves it.
type checkTarget struct {
	folder string
	config *config.Config   // nil: there is none
	by     string           // the stepup.yaml that names the folder; empty: whoever asks does
	beside []policy.Finding // what that leaves unchecked
}

// target is the folder that was named, or the one that its own stepup.yaml names.
func (f *checkFlags) target(ctx context.Context, t terminal, dir string) (checkTarget, error) {
	cfg, err := f.configuration(t)
	if err != nil {
		return checkTarget{}, err
	}
	if err := isFolder(dir, "check ./policy"); err != nil {
		return checkTarget{}, err
	}
	if cfg != nil {
		return checkTarget{folder: dir, config: cfg}, nil
	}
	cfg, err = served(t, dir, f.pkg, "check")
	if cfg == nil || err != nil {
		return checkTarget{folder: dir}, err
	}
	return servedBy(ctx, dir, cfg)
}

// servedBy is the folder that the configuration in a folder names.
func servedBy(ctx context.Context, dir string, cfg *config.Config) (checkTarget, error) {
	target := checkTarget{folder: cfg.Policy.Path, config: cfg, by: filepath.Join(dir, configurationFile)}
	if info, err := os.Stat(target.folder); err != nil || !info.IsDir() {
		return target, usageError{
			problem: fmt.Sprintf("%s names the folder %s, counted from where it is itself, and there is none", target.by, target.folder),
			hint:    "name the folder of the policy: " + naming(dir, "check"),
		}
	}
	if _, err := sidecar.ReadRoutes(cfg.Routes); err != nil {
		return target, err
	}
	target.beside = policy.Beside(ctx, dir, target.folder)
	return target, nil
}

// check finds what is wrong with the folder and with the uses of its vocabularies, and beside it.
func (g checkTarget) check(ctx context.Context, against policy.Config) ([]policy.Finding, error) {
	var found []policy.Finding
	if g.config != nil {
		found, against.Issuers = misused(ctx, g.config, g.folder)
		against.Configured = sidecar.Configured(g.config)
	}
	inside, err := policy.Check(ctx, g.folder, against)
	return slices.Concat(found, inside, g.beside), err
}

// configuration reads the file of --config and that of its routes; nil: there is none.
func (f *checkFlags) configuration(t terminal) (*config.Config, error) {
	if f.config == "" {
		return nil, nil
	}
	cfg, warnings, err := config.Load(config.Options{File: f.config, Environ: t.environ})
	if err != nil {
		return nil, err
	}
	tellWarnings(t.err, warnings)
	_, err = sidecar.ReadRoutes(cfg.Routes)
	return cfg, err
}

// against is what the folder is held against, but for the issuers: flags before the file.
func (f *checkFlags) against(cfg *config.Config) policy.Config {
	c := policy.Config{Package: f.pkg, Builtins: f.builtins}
	if cfg == nil {
		return c
	}
	if c.Package == "" {
		c.Package = cfg.Policy.Package
	}
	if len(c.Builtins) == 0 {
		c.Builtins = cfg.Policy.Builtins
	}
	c.MayRedefine = cfg.Policy.MayRedefine
	return c
}

// misused finds what issuers of a configuration ask in vain of the vocabularies of a folder, each
// where it is written, and gives the uses that are left: one that is wrong hides nothing else.
func misused(ctx context.Context, cfg *config.Config, dir string) ([]policy.Finding, []policy.Use) {
	sound, wrong := sidecar.SoundUses(ctx, cfg, dir)
	if wrong == nil {
		return nil, sound
	}
	var found []policy.Finding
	for _, p := range wrong.Problems {
		found = append(found, policy.Finding{
			File: p.Origin.Name, Line: p.Origin.Line, Severity: policy.SeverityError, Message: p.Path + ": " + p.What,
		})
	}
	return found, sound
}

// isFolder refuses what is no folder, with an example of what would do.
func isFolder(dir, example string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return usageError{problem: "there is no folder " + dir, hint: "for example stepup " + example}
	case err != nil:
		return err
	case !info.IsDir():
		return usageError{problem: dir + " is no folder", hint: "for example stepup " + example}
	}
	return nil
}

func oneFolder(_ *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	return usageError{problem: fmt.Sprintf("check takes one folder, not %d", len(args)), hint: "for example stepup check ./policy"}
}

// tell prints one line a finding, as compilers do.
func (g checkTarget) tell(w io.Writer, findings []policy.Finding) error {
	var b strings.Builder
	for _, f := range findings {
		f.File = onOneLine(f.File)
		fmt.Fprintln(&b, f)
	}
	if count(findings, policy.SeverityError) == 0 {
		fmt.Fprintf(&b, "%s: %s\n", onOneLine(g.name()), summaryOf(count(findings, policy.SeverityWarning)))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// name is the folder, and who named it if not whoever asks.
func (g checkTarget) name() string {
	if g.by == "" {
		return g.folder
	}
	return g.folder + ", as " + g.by + " says"
}

// tellAsJSON prints one object, for programs.
func (g checkTarget) tellAsJSON(w io.Writer, findings []policy.Finding) error {
	text, err := json.Marshal(struct {
		Folder   string           `json:"folder"`
		By       string           `json:"named_by,omitempty"`
		Findings []policy.Finding `json:"findings"`
	}{g.folder, g.by, findings}, jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", plainJSON(text))
	return err
}

func count(findings []policy.Finding, s policy.Severity) int {
	n := 0
	for _, f := range findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}

// summaryOf says how much was found where nothing of it is an error.
func summaryOf(warnings int) string {
	switch warnings {
	case 0:
		return "nothing wrong found"
	case 1:
		return "one warning, no error"
	}
	return fmt.Sprintf("%d warnings, no error", warnings)
}
