package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
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
one that is true. With --config it knows whose logins there are, and reads the file of routes,
too.

Exit codes: 0 nothing found, 1 something is wrong, 2 wrong usage. A warning is nothing wrong,
unless --strict says so.`,
		Example: `  stepup check ./policies --package app
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
	cfg, err := f.configuration(t)
	if err != nil {
		return err
	}
	if err := isFolder(dir, "check ./policy"); err != nil {
		return err
	}
	against := f.against(cfg)
	var wrong []policy.Finding
	if cfg != nil {
		wrong, against.Issuers = misused(cmd.Context(), cfg, dir)
	}
	findings, err := policy.Check(cmd.Context(), dir, against)
	if err != nil {
		return err
	}
	findings = append(wrong, findings...)
	tell := tellFindings
	if f.json {
		tell = tellFindingsAsJSON
	}
	if err := tell(t.out, dir, findings); err != nil {
		return err
	}
	if n := count(findings, policy.SeverityError); n > 0 || f.strict && count(findings, policy.SeverityWarning) > 0 {
		return exitCode(exitFault)
	}
	return nil
}

// configuration reads the file of the configuration and that of its routes; nil: there is none.
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

// tellFindings prints one line a finding, as compilers do.
func tellFindings(w io.Writer, dir string, findings []policy.Finding) error {
	var b strings.Builder
	for _, f := range findings {
		f.File = onOneLine(f.File)
		fmt.Fprintln(&b, f)
	}
	if count(findings, policy.SeverityError) == 0 {
		fmt.Fprintf(&b, "%s: %s\n", onOneLine(dir), summaryOf(count(findings, policy.SeverityWarning)))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// tellFindingsAsJSON prints one object, for programs.
func tellFindingsAsJSON(w io.Writer, dir string, findings []policy.Finding) error {
	text, err := json.Marshal(struct {
		Folder   string           `json:"folder"`
		Findings []policy.Finding `json:"findings"`
	}{dir, findings}, jsontext.WithIndent("  "))
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
