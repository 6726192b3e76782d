package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/tester"

	"stepup/sidecar/input"
)

// A Suite says which of a folder's Rego tests to run.
type Suite struct {
	Run *regexp.Regexp // of data.<package>.<rule>; nil: all
	// Documents is called once the tests have run, unless the folder is broken. What it
	// returns is asked about too, so that what cases lead to counts as covered; nil: nothing.
	Documents func() ([]input.Document, error)
}

// A SuiteReport is what came of it.
type SuiteReport struct {
	// Broken is what keeps the folder from being tested; with it there is nothing else.
	Broken []Finding
	// Inputs are members that no document has, in an input that a test gives the policy.
	Inputs   []Finding
	Tests    []TestResult // by file and line
	Coverage Coverage
}

// A TestResult is one rule test_…, or todo_test_… which is skipped.
type TestResult struct {
	Package, Name string
	File          string
	Line          int
	Passed        bool
	Skipped       bool
	Took          time.Duration
	Output        string // of print
	Failure       Failure
}

// A Failure is where a test went wrong; zero if it did not.
type Failure struct {
	File string
	Line int
	Text string // the condition, or the error
	Got  string // empty where only the condition tells
	Want string
	// Cases are the parts that failed of a test that has several (test_x[name]).
	Cases []string
}

// Test runs the Rego tests of a folder with OPA's own tester. The policy is compiled as for
// serving: with the built-ins it may use, the levels and vocabularies, and held to the
// schema of the document; an error of a built-in fails a test, as it refuses a decision. The
// shipped samples are there as data.stepup.samples.
//
// What tests give the policy as input is held to the schema too: a member that no document
// has makes a test of something that never happens. Of the configuration it takes what
// [Check] takes. The error is that the folder cannot be read or the configuration is wrong.
func Test(ctx context.Context, dir string, c Config, s Suite) (*SuiteReport, error) {
	ch, err := newChecker(ctx, dir, c)
	if err != nil {
		return nil, err
	}
	ch.parse()
	ch.stayOutOfLibrary()
	ch.additions(ctx)
	ch.hasAllow()
	schemas, err := schemaSet(ch.tree.base)
	if err != nil {
		return nil, err
	}
	if err := ch.compileWith(ctx, ch.rules, schemas); err != nil {
		return nil, err
	}
	if broken := ch.errors(); len(broken) > 0 {
		return &SuiteReport{Broken: broken}, nil
	}
	return ch.runTests(ctx, s)
}

// errors are the findings that keep a policy from being used.
func (c *checker) errors() []Finding {
	return slices.DeleteFunc(c.sorted(), func(f Finding) bool { return f.Severity != SeverityError })
}

func (c *checker) runTests(ctx context.Context, s Suite) (*SuiteReport, error) {
	modules, err := samples()
	if err != nil {
		return nil, err
	}
	maps.Copy(modules, c.rules)
	maps.Copy(modules, c.tests)
	store, err := newStore(c.data)
	if err != nil {
		return nil, err
	}
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		return nil, err
	}
	defer store.Abort(ctx, txn)
	watching, err := newSuiteTracer(c)
	if err != nil {
		return nil, err
	}
	compiler := ast.NewCompiler().
		SetErrorLimit(0).
		WithCapabilities(c.capabilities.opa).
		WithDefaultRegoVersion(ast.RegoV1).
		WithEnablePrintStatements(true).
		WithPathConflictsCheck(storage.NonEmpty(ctx, store, txn))
	// One test at a time, so that what is traced is of one test.
	runner := tester.NewRunner().SetCompiler(compiler).SetModules(modules).SetStore(store).SetParallel(1).
		RaiseBuiltinErrors(true).CapturePrintOutput(true).SetTimeout(testTimeout).SetCoverageQueryTracer(watching)
	if s.Run != nil {
		runner.Filter(s.Run.String())
	}
	results, err := runner.RunTests(ctx, txn)
	if err != nil {
		return c.notCompiled(err)
	}
	report := &SuiteReport{}
	for r := range results {
		report.Tests = append(report.Tests, watching.result(r))
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err := c.cover(ctx, s, watching, compiler, store, txn); err != nil {
		return nil, err
	}
	slices.SortFunc(report.Tests, func(a, b TestResult) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), strings.Compare(a.Name, b.Name))
	})
	report.Inputs, report.Coverage = watching.inputs.sorted(), watching.coverage(c.rules)
	return report, nil
}

// testTimeout is far more than a test takes, and less than anybody waits.
const testTimeout = time.Minute

// notCompiled tells the errors of tests, which are compiled with the rules.
func (c *checker) notCompiled(err error) (*SuiteReport, error) {
	var list ast.Errors
	if !errors.As(err, &list) {
		return nil, fmt.Errorf("running the tests of %s: %w", c.tree.base, err)
	}
	c.compilerSays(err)
	return &SuiteReport{Broken: c.errors()}, nil
}

// cover asks about documents that cases led to. What comes of it was told by the cases.
func (c *checker) cover(ctx context.Context, s Suite, by *suiteTracer, compiler *ast.Compiler, store storage.Store, txn storage.Transaction) error {
	if s.Documents == nil {
		return nil
	}
	documents, err := s.Documents()
	if err != nil || c.config.Package == "" || len(documents) == 0 {
		return err
	}
	pkg, err := parsePackage(c.config.Package)
	if err != nil {
		return err
	}
	query, err := rego.New(rego.ParsedQuery(ast.NewBody(ast.NewExpr(ast.NewTerm(pkg)))), rego.Compiler(compiler), rego.Store(store), rego.Transaction(txn)).PrepareForEval(ctx)
	if err != nil {
		return fmt.Errorf("asking what cases cover: %w", err)
	}
	for _, d := range documents {
		in, err := ast.InterfaceToValue(d.Object())
		if err != nil {
			return unreadable("the document", err)
		}
		// A fault is an answer too, and the case has told of it.
		_, _ = query.Eval(ctx, rego.EvalParsedInput(in), rego.EvalTransaction(txn), rego.EvalTime(time.Unix(d.Now, 0)), rego.EvalQueryTracer(by.cover))
	}
	return nil
}

// PackagesOf are the packages of a folder that have a rule allow, by name; tests aside.
func PackagesOf(ctx context.Context, dir string) ([]string, error) {
	ch, err := newChecker(ctx, dir, Config{})
	if err != nil {
		return nil, err
	}
	ch.parse()
	return ch.deciding(), nil
}

// deciding are the packages of which one decides: the configured one, or all that could.
func (c *checker) deciding() []string {
	if c.config.Package != "" {
		return []string{c.config.Package}
	}
	return slices.DeleteFunc(packagesOf(c.rules), func(name string) bool { return c.allowIn(name) != nil })
}

// shown is a path as a report shows it.
func shown(file string) string { return filepath.ToSlash(file) }
