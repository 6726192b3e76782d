package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/util"

	"stepup/policies"
	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
)

// A Severity says whether a finding keeps a policy from being used.
type Severity string

// The severities.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
	SeverityInfo    Severity = "info"
)

// A Finding is one thing that is wrong with a policy, for its author.
type Finding struct {
	File     string   `json:"file"`
	Line     int      `json:"line,omitzero"`   // 0: the file as a whole
	Column   int      `json:"column,omitzero"` // 0: the line as a whole
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`
}

// String writes a finding as compilers do, so that editors find the place.
func (f Finding) String() string {
	at := f.File
	if f.Line > 0 {
		at += fmt.Sprintf(":%d", f.Line)
	}
	if f.Column > 0 {
		at += fmt.Sprintf(":%d", f.Column)
	}
	return fmt.Sprintf("%s: %s: %s", at, f.Severity, f.Message)
}

// Check reads a folder more strictly than loading does. It compiles in OPA's strict mode
// and holds every package that reads input, annotated or not, to the schema of the
// document; only tests, which build documents of their own, may read what they like. It
// finds what would keep the policy from loading, levels that nobody defined, values that
// a member never has, a rule allow that can be neither true nor false, and comparisons of
// two kinds of values, which Rego answers without looking at the values.
//
// It warns of what loads and does something else than its author most likely means: claims
// that are the vocabulary's to read, conditions that hold when nothing is known of the
// login, ages that nobody can meet or that are not understood, levels that nobody offers, an
// allow that is false beside one that is true, a package in which nothing can make it true.
//
// Of the configuration it takes Package (empty: some package must have a rule allow),
// Builtins, MayRedefine and Issuers (none: tokens of any vocabulary are expected). Findings are in the order of file, line and column.
// The error is that the folder cannot be read or the configuration is wrong.
func Check(ctx context.Context, dir string, c Config) ([]Finding, error) {
	ch, err := newChecker(ctx, dir, c)
	if err != nil {
		return nil, err
	}
	ch.parse()
	ch.stayOutOfLibrary()
	ch.additions(ctx)
	if err := ch.compile(ctx); err != nil {
		return nil, err
	}
	ch.hasAllow()
	if err := ch.reads(); err != nil {
		return nil, err
	}
	ch.ways()
	ch.conflicts()
	ch.absences()
	ch.ages(ctx)
	return ch.sorted(), nil
}

// A checker collects findings over one folder.
type checker struct {
	config       Config
	capabilities capabilities
	tree         tree
	rules, tests map[string]*ast.Module // by file, as parsed
	data         access.Object
	library      *library // nil if the data is at fault
	broken       bool     // some rules could not be parsed
	findings     []Finding
}

func newChecker(ctx context.Context, dir string, c Config) (*checker, error) {
	caps, err := newCapabilities(c.Builtins)
	if err != nil {
		return nil, err
	}
	w := walker{ctx: ctx, root: dir, tree: tree{base: dir}, keep: func(name string) bool { return loaded(name) || isTest(name) }}
	if err := w.folder("", nil); err != nil {
		return nil, fmt.Errorf("reading %s: %w", dir, err)
	}
	w.tree.sort()
	return &checker{
		config: c, capabilities: caps, tree: w.tree, data: access.Object{},
		rules: map[string]*ast.Module{}, tests: map[string]*ast.Module{},
	}, nil
}

// parse reads every file by itself, so that one broken file does not hide another.
func (c *checker) parse() {
	data := tree{base: c.tree.base}
	for _, f := range c.tree.files {
		if !strings.HasSuffix(f.path, ".rego") {
			if c.nothingTwice(f) {
				data.files = append(data.files, f)
			}
			continue
		}
		c.module(f)
	}
	if b, err := data.bundle(c.capabilities); err != nil {
		c.find(nil, "%v", err)
	} else {
		c.data = b.Data
	}
	for _, name := range c.tree.ignored {
		c.findings = append(c.findings, Finding{
			File: filepath.Join(c.tree.base, name), Severity: SeverityWarning,
			Message: "this file is not loaded: data is read from files named data.json, data.yaml or data.yml",
		})
	}
}

func (c *checker) module(f file) {
	name := filepath.Join(c.tree.base, f.path)
	m, err := ast.ParseModuleWithOpts(name, string(f.raw), ast.ParserOptions{
		ProcessAnnotation: true, Capabilities: c.capabilities.opa, RegoVersion: ast.RegoV1,
	})
	switch {
	case err != nil:
		c.broken = c.broken || !isTest(f.path)
		c.compilerSays(err)
	case isTest(f.path):
		c.tests[name] = m
	default:
		c.rules[name] = m
	}
}

func (c *checker) stayOutOfLibrary() {
	for _, m := range c.rules {
		if err := nothingBelowLibrary(map[string]*ast.Module{"": m}); err != nil {
			_, text, _ := strings.Cut(err.Error(), ": ")
			c.find(m.Package.Location, "%s", text)
		}
	}
}

// additions holds the data for the library to its laws.
func (c *checker) additions(ctx context.Context) {
	added, err := additionsOf(c.data)
	if err == nil {
		c.library, err = c.libraryWith(ctx, added)
	}
	if err != nil {
		c.library = nil
		c.find(nil, "%v", err)
		return
	}
	c.data[libraryPackage] = libraryObject(c.library.data)
}

func (c *checker) libraryWith(ctx context.Context, added assurance.Data) (*library, error) {
	data, err := mergedData(added, c.config.MayRedefine)
	if err != nil {
		return nil, err
	}
	return newLibrary(ctx, data, added, c.config)
}

// compile compiles the rules with the schema, and the tests with the rules but without:
// of these only what is wrong in tests is new.
func (c *checker) compile(ctx context.Context) error {
	schemas, err := schemaSet(c.tree.base)
	if err != nil {
		return err
	}
	if err := c.compileWith(ctx, c.rules, schemas); err != nil {
		return err
	}
	if err := c.comparisons(ctx, schemas); err != nil {
		return err
	}
	if err := c.values(ctx, schemas); err != nil || len(c.tests) == 0 {
		return err
	}
	all, err := samples()
	if err != nil {
		return err
	}
	maps.Copy(all, c.rules)
	maps.Copy(all, c.tests)
	return c.compileWith(ctx, all, nil)
}

// samples are the shipped builders of documents, which an author's tests may use.
func samples() (map[string]*ast.Module, error) {
	names, err := fs.Glob(policies.Tree(), "stepup/samples/*.rego")
	if err != nil {
		return nil, err
	}
	modules := map[string]*ast.Module{}
	for _, name := range names {
		if isTest(name) {
			continue
		}
		text, err := fs.ReadFile(policies.Tree(), name)
		if err != nil {
			return nil, err
		}
		if modules[name], err = ast.ParseModuleWithOpts(name, string(text), ast.ParserOptions{RegoVersion: ast.RegoV1}); err != nil {
			return nil, err
		}
	}
	return modules, nil
}

func (c *checker) compileWith(ctx context.Context, modules map[string]*ast.Module, schemas *ast.SchemaSet) error {
	compiler, err := c.compileTyped(ctx, modules, schemas, c.capabilities.opa)
	if err == nil && compiler.Failed() {
		c.compilerSays(compiler.Errors)
	}
	return err
}

// compileTyped compiles with the built-ins as given, and leaves the errors to the caller.
func (c *checker) compileTyped(ctx context.Context, modules map[string]*ast.Module, schemas *ast.SchemaSet, builtins *ast.Capabilities) (*ast.Compiler, error) {
	store, err := newStore(c.data)
	if err != nil {
		return nil, err
	}
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		return nil, err
	}
	defer store.Abort(ctx, txn)
	compiler := ast.NewCompiler().
		SetErrorLimit(0).
		WithStrict(true).
		WithCapabilities(builtins).
		WithDefaultRegoVersion(ast.RegoV1).
		WithPathConflictsCheck(storage.NonEmpty(ctx, store, txn))
	if schemas != nil {
		compiler = compiler.WithSchemas(schemas).WithUseTypeCheckAnnotations(true)
	}
	compiler.Compile(modules)
	return compiler, nil
}

// schemaSet makes the schema of the document that of every package's input. Those that
// annotations name are there beside it: ours, and the author's own from the folder
// schemas, named by their paths as OPA names them.
func schemaSet(dir string) (*ast.SchemaSet, error) {
	set := ast.NewSchemaSet()
	if err := authorsSchemas(set, filepath.Join(dir, "schemas")); err != nil {
		return nil, err
	}
	for _, s := range []struct {
		ref  ast.Ref
		text []byte
	}{
		{ast.SchemaRootRef, policies.AccessSchema()},
		{ast.MustParseRef("schema.access.input"), policies.AccessSchema()},
		{ast.MustParseRef("schema.login.input"), policies.LoginSchema()},
		{ast.MustParseRef("schema.assurance.input"), policies.AssuranceSchema()},
	} {
		if err := putSchema(set, s.ref, s.text); err != nil {
			return nil, err
		}
	}
	return set, nil
}

func authorsSchemas(set *ast.SchemaSet, dir string) error {
	return filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // most have no such folder
		case err != nil || filepath.Ext(name) != ".json":
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, strings.TrimSuffix(name, ".json"))
		if err != nil {
			return err
		}
		ref := ast.Ref{ast.SchemaRootDocument}
		for _, part := range strings.Split(filepath.ToSlash(rel), "/") {
			ref = ref.Append(ast.StringTerm(part))
		}
		return putSchema(set, ref, text)
	})
}

func putSchema(set *ast.SchemaSet, ref ast.Ref, text []byte) error {
	var schema any
	if err := util.UnmarshalJSON(text, &schema); err != nil {
		return fmt.Errorf("reading the schema %s: %w", ref, err)
	}
	set.Put(ref, schema)
	return nil
}

// hasAllow demands a plain rule allow in the package, or in some package.
func (c *checker) hasAllow() {
	if c.broken {
		return // it may stand in what could not be parsed
	}
	packages := []string{c.config.Package}
	if c.config.Package == "" {
		packages = packagesOf(c.rules)
	}
	var reasons []error
	for _, name := range packages {
		err := c.allowIn(name)
		if err == nil {
			return
		}
		reasons = append(reasons, err)
	}
	if c.config.Package == "" {
		reasons = []error{fmt.Errorf("no package here has a rule allow (found: %s)", listed(packages))}
	}
	c.find(nil, "%v", errors.Join(reasons...))
}

func (c *checker) allowIn(name string) error {
	pkg, err := parsePackage(name)
	if err != nil {
		return err
	}
	_, err = newContract(pkg, c.rules)
	return err
}

// compilerSays turns errors of OPA's parser and compiler into findings.
func (c *checker) compilerSays(err error) {
	list := engineErrors(err)
	if list == nil {
		c.find(nil, "%v", err)
		return
	}
	for _, e := range list {
		c.find(e.Location, "%s: %s%s%s", e.Code, oneLine(e.Message), c.capabilities.remedy(e), wanted(e))
	}
}

// wanted says which member a misspelt one most likely meant.
func wanted(e *ast.Error) string {
	d, ok := e.Details.(*ast.RefErrInvalidDetail)
	if !ok || d.Pos >= len(d.Ref) {
		return ""
	}
	have, ok := d.Ref[d.Pos].Value.(ast.String)
	if !ok {
		return ""
	}
	var names []string
	for _, v := range d.OneOf {
		if name, ok := v.(ast.String); ok {
			names = append(names, string(name))
		}
	}
	return meant(string(have), names)
}

// find notes an error at a place, or without one at the folder.
func (c *checker) find(l *ast.Location, format string, args ...any) {
	c.found(SeverityError, l, format, args...)
}

func (c *checker) warn(l *ast.Location, format string, args ...any) {
	c.found(SeverityWarning, l, format, args...)
}

func (c *checker) note(l *ast.Location, format string, args ...any) {
	c.found(SeverityInfo, l, format, args...)
}

func (c *checker) found(s Severity, l *ast.Location, format string, args ...any) {
	f := Finding{File: c.tree.base, Severity: s, Message: fmt.Sprintf(format, args...)}
	if l != nil && l.File != "" {
		f.File, f.Line, f.Column = l.File, l.Row, l.Col
	}
	c.findings = append(c.findings, f)
}

func (c *checker) sorted() []Finding {
	slices.SortFunc(c.findings, func(a, b Finding) int {
		return cmp.Or(
			strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			strings.Compare(a.Message, b.Message))
	})
	return slices.Compact(c.findings)
}
