package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"stepup/sidecar"
	"stepup/sidecar/cases"
	"stepup/sidecar/config"
	"stepup/sidecar/input"
	"stepup/sidecar/policy"
)

// testFlags are what is run, and how what came of it is told.
type testFlags struct {
	pkg, run, junit string
	coverage        bool
}

func newTest(t terminal) *cobra.Command {
	var f testFlags
	cmd := &cobra.Command{
		Use:   "test DIR",
		Short: "Run a folder's Rego tests and its step-up cases",
		Long: `Run what a folder has of tests, in one report: the Rego tests of its policy, as opa test does
but with the built-ins, levels and samples that the sidecar has; and its cases, the files
cases/*.yaml, each a question with its answer, put to what the sidecar would be. Their tokens
are signed with keys made for the test.

Where DIR has a stepup.yaml, that says which policy to test, whose tokens count and the rest, as
for a sidecar that is started in DIR, the environment aside. Without one, DIR is the policy.

What a test gives the policy as input is held to the schema: a misspelt member would test what
never happens.

Exit codes: 0 all passed, 1 something failed or nothing was run, 2 wrong usage.`,
		Example: `  stepup test shop --coverage
  stepup test . --run refunds --junit report.xml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				return nil
			}
			return usageError{problem: fmt.Sprintf("test takes one folder, not %d", len(args)), hint: "for example stepup test ."}
		},
		RunE: func(cmd *cobra.Command, args []string) error { return f.execute(cmd.Context(), t, args[0]) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.pkg, "package", "", "the package that decides, where nothing else says")
	flags.BoolVar(&f.coverage, "coverage", false, "tell how much of the policy was evaluated, and which lines were not")
	flags.StringVar(&f.junit, "junit", "", "write the report to this `file` too, as JUnit's XML")
	flags.StringVar(&f.run, "run", "", "run only what matches this regular `expression`: data.shop_test.test_refunds, cases/refund")
	return cmd
}

func (f *testFlags) execute(ctx context.Context, t terminal, dir string) error {
	matching, err := f.matching()
	if err != nil {
		return err
	}
	target, err := f.target(ctx, t, dir)
	if err != nil {
		return err
	}
	report, err := target.test(ctx, matching)
	if err != nil {
		return err
	}
	report.coverage = f.coverage
	if f.junit != "" {
		if err := report.writeJUnit(f.junit); err != nil {
			return err
		}
	}
	if err := report.tell(t.out); err != nil {
		return err
	}
	switch {
	case report.unread != nil:
		return report.unread
	case report.failed():
		return exitCode(exitFault)
	case report.ran() == 0 && f.run != "":
		return hinted{fmt.Errorf("no test was run: nothing in %s matches %q", dir, f.run), "a Rego test is data.<package>.<rule>, a case cases/<name>"}
	case report.ran() == 0:
		return hinted{fmt.Errorf("no test was run: %s has none", dir), "Rego tests are rules test_… in files *_test.rego, cases are files cases/*.yaml; stepup init shows both"}
	}
	return nil
}

func (f *testFlags) matching() (*regexp.Regexp, error) {
	if f.run == "" {
		return nil, nil
	}
	matching, err := regexp.Compile(f.run)
	if err != nil {
		return nil, usageError{problem: fmt.Sprintf("--run: %v", err), hint: "for example --run 'refunds$'"}
	}
	return matching, nil
}

// A testTarget is a policy as it would be served, with its cases.
type testTarget struct {
	dir    string
	config *config.Config
	cases  []cases.Case
	unread error // which cases cannot be read; nil: all can
}

func (f *testFlags) target(ctx context.Context, t terminal, dir string) (testTarget, error) {
	if err := isFolder(dir, "test ."); err != nil {
		return testTarget{}, err
	}
	list, unread := cases.Folder(filepath.Join(dir, "cases"))
	c, err := f.configuration(ctx, t, dir)
	if err != nil {
		return testTarget{}, errors.Join(unread, err)
	}
	return testTarget{dir, c, list, unread}, nil
}

// configuration is what a sidecar started in the folder would have. Without a stepup.yaml the folder
// is the policy.
func (f *testFlags) configuration(ctx context.Context, t terminal, dir string) (*config.Config, error) {
	if c, err := served(t, dir, f.pkg, "test"); c != nil || err != nil {
		return c, err
	}
	pkg := f.pkg
	if pkg == "" {
		only, err := onlyPackage(ctx, dir)
		if err != nil {
			return nil, err
		}
		pkg = only
	}
	c, warnings, err := config.Load(config.Options{Flags: map[string]string{"policy.package": pkg, "policy.path": dir}})
	if err != nil {
		return nil, err
	}
	tellWarnings(t.err, warnings)
	return c, nil
}

// onlyPackage is the one package that can decide. Rego tests can do without one.
func onlyPackage(ctx context.Context, dir string) (string, error) {
	packages, err := policy.PackagesOf(ctx, dir)
	switch {
	case err != nil:
		return "", err
	case len(packages) == 1:
		return packages[0], nil
	case len(packages) == 0:
		return "", noPackage(ctx, dir)
	}
	return "", usageError{problem: fmt.Sprintf("several packages in %s have a rule allow: %s", dir, strings.Join(packages, ", ")), hint: "say with --package which of them decides"}
}

// noPackage says why no package of a folder can decide.
func noPackage(ctx context.Context, dir string) error {
	wrong, err := errorsIn(ctx, dir, policy.Config{})
	if err != nil {
		return err
	}
	lines := make([]string, len(wrong))
	for n, f := range wrong {
		f.File = onOneLine(f.File)
		lines[n] = f.String()
	}
	return errors.New(strings.Join(lines, "\n"))
}

func (g testTarget) test(ctx context.Context, matching *regexp.Regexp) (*testReport, error) {
	against := policy.Config{Package: g.config.Policy.Package, Builtins: g.config.Policy.Builtins, MayRedefine: g.config.Policy.MayRedefine}
	wrong, sound := misused(ctx, g.config, g.config.Policy.Path)
	against.Issuers = sound
	if len(wrong) > 0 || g.unread != nil {
		return g.untestable(ctx, against, wrong)
	}
	report := &testReport{}
	suite := policy.Suite{Run: matching, Documents: func() (asked []input.Document, err error) {
		report.trials, err = sidecar.Try(ctx, g.config, g.chosen(matching))
		return documentsOf(report.trials), err
	}}
	var err error
	report.rego, err = policy.Test(ctx, g.config.Policy.Path, against, suite)
	return report, err
}

// untestable is the report of a folder that cannot be tested: what is wrong already, and what is
// wrong with the policy, so that neither hides the other.
func (g testTarget) untestable(ctx context.Context, against policy.Config, wrong []policy.Finding) (*testReport, error) {
	found, err := errorsIn(ctx, g.config.Policy.Path, against)
	return &testReport{rego: &policy.SuiteReport{Broken: append(wrong, found...)}, unread: g.unread}, err
}

// errorsIn finds what keeps a policy from being used.
func errorsIn(ctx context.Context, dir string, against policy.Config) ([]policy.Finding, error) {
	findings, err := policy.Check(ctx, dir, against)
	return slices.DeleteFunc(findings, func(f policy.Finding) bool { return f.Severity != policy.SeverityError }), err
}

func (g testTarget) chosen(matching *regexp.Regexp) []cases.Case {
	return slices.DeleteFunc(slices.Clone(g.cases), func(c cases.Case) bool {
		return matching != nil && !matching.MatchString("cases/"+c.Name)
	})
}

func documentsOf(trials []sidecar.Trial) []input.Document {
	var list []input.Document
	for _, t := range trials {
		if t.Document != nil {
			list = append(list, *t.Document)
		}
	}
	return list
}
