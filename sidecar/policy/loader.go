package policy

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"

	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
)

// A loader makes snapshots of files, or says why not. It is used by one load at a time.
type loader struct {
	config       Config
	source       source
	pkg          ast.Ref
	capabilities capabilities

	added   assurance.Data // what the library was last made of, besides what is shipped
	library *library       // nil: none yet

	compiled compiled // the rules of the last snapshot that was received
}

// parts are a policy, read and parsed.
type parts struct {
	base     string // stands before messages
	revision string
	modules  map[string]*ast.Module
	data     access.Object
	compiler *ast.Compiler // of just these modules; nil: to be made
}

// newLoader checks what can be wrong with a configuration before any file is read.
func newLoader(c Config, src source) (*loader, error) {
	pkg, err := parsePackage(c.Package)
	if err != nil {
		return nil, err
	}
	caps, err := newCapabilities(c.Builtins)
	if err != nil {
		return nil, err
	}
	return &loader{config: c, source: src, pkg: pkg, capabilities: caps}, nil
}

// load admits or refuses the files of a policy.
func (l *loader) load(ctx context.Context, t tree) (*Snapshot, error) {
	b, err := t.bundle(l.capabilities)
	if err != nil {
		return nil, err
	}
	if err := checkRevision(b.Manifest.Revision); err != nil {
		return nil, fmt.Errorf("%s: %w", t.base, err)
	}
	return l.admit(ctx, parts{
		base: t.base, revision: l.source.revision(t, b.Manifest.Revision), modules: modulesOf(b), data: b.Data,
	})
}

// admit makes a snapshot or says why not: the policy keeps out of the library's names,
// obeys the laws of levels and vocabularies, has a rule allow, and compiles. The library is
// made while the policy is compiled.
func (l *loader) admit(ctx context.Context, p parts) (*Snapshot, error) {
	added, err := p.additions()
	if err != nil {
		return nil, err
	}
	data, err := mergedData(added, l.config.MayRedefine)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.base, err)
	}
	lib := aside(func() (*library, error) { return l.libraryWith(ctx, data, added) })
	s := &Snapshot{revision: p.revision, pkg: l.pkg, modules: p.modules}
	failed := l.compile(ctx, s, p, data)
	if s.library, err = lib(); err != nil {
		return nil, l.placed(p.base, err)
	}
	if failed != nil {
		return nil, failed
	}
	s.ages = thresholds(s.policy.compiler, l.outputs(s), s.library.loginTimes()...)
	s.turns = turnsOf(s.ages)
	return s, nil
}

// placed says where what keeps the library from being made was written: in the policy, or where
// the issuers are configured.
func (l *loader) placed(base string, err error) error {
	if list, ok := errors.AsType[UseErrors](err); ok && l.config.Misused != nil {
		return l.config.Misused(list)
	}
	return fmt.Errorf("%s: %w", base, err)
}

// additions are what the policy adds to the library; rules there refuse it.
func (p parts) additions() (assurance.Data, error) {
	if err := nothingBelowLibrary(p.modules); err != nil {
		return assurance.Data{}, err
	}
	added, err := additionsOf(p.data)
	if err != nil {
		return assurance.Data{}, fmt.Errorf("%s: %w", p.base, err)
	}
	return added, nil
}

// maxRevision bounds the text that every answer repeats.
const maxRevision = 256

// checkRevision refuses what cannot stand in answers, logs, labels and terminals alike.
func checkRevision(manifest string) error {
	odd := func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }
	if len(manifest) > maxRevision || strings.ContainsFunc(manifest, odd) {
		return fmt.Errorf("the revision of the manifest must be printable text of at most %d bytes; give the bundle another", maxRevision)
	}
	return nil
}

// libraryWith makes the library anew only when its data changed: most loads change rules.
func (l *loader) libraryWith(ctx context.Context, data, added assurance.Data) (*library, error) {
	if l.library != nil && reflect.DeepEqual(added, l.added) {
		return l.library, nil
	}
	lib, err := newLibrary(ctx, data, added, l.config)
	if err == nil {
		l.library, l.added = lib, added
	}
	return lib, err
}

// compile compiles the policy, and the data that the library has, into its snapshot.
func (l *loader) compile(ctx context.Context, s *Snapshot, p parts, data assurance.Data) (err error) {
	if s.contract, err = newContract(l.pkg, s.modules); err != nil {
		return fmt.Errorf("%s: %w", p.base, err)
	}
	p.data[libraryPackage] = libraryObject(data)
	outputs := l.outputs(s)
	if s.policy, err = newProgram(ctx, p, l.capabilities, outputs); err != nil {
		return err
	}
	s.timeless, s.steady = timeless(s.policy.compiler, outputs), steady(s.policy.compiler, outputs)
	s.thresholds = thresholds(s.policy.compiler, outputs, refNow)
	s.otherThresholds = thresholds(s.policy.compiler, besidesAllow(outputs), refNow)
	s.parts = partsRead(s.policy.compiler, outputs)
	s.residual = preparePartial(ctx, s.policy, outputs[0])
	s.documents = baseDocuments(p.data, s.policy.compiler)
	return l.prepareFurther(ctx, s)
}

// outputs are the rules of the policy that a decision reads.
func (l *loader) outputs(s *Snapshot) []ast.Ref {
	outputs := make([]ast.Ref, len(s.contract.names))
	for i, name := range s.contract.names {
		outputs[i] = l.pkg.Append(ast.StringTerm(name))
	}
	return outputs
}

func modulesOf(b bundle.Bundle) map[string]*ast.Module {
	modules := make(map[string]*ast.Module, len(b.Modules))
	for _, m := range b.Modules {
		modules[m.Path] = m.Parsed
	}
	return modules
}

// nothingBelowLibrary refuses rules where the library's are: a policy that could add to
// them could say how strongly somebody signed in.
func nothingBelowLibrary(modules map[string]*ast.Module) error {
	library := ast.MustParseRef("data." + libraryPackage)
	for _, path := range keys(modules) {
		m := modules[path]
		if m.Package.Path.HasPrefix(library) {
			return fmt.Errorf("%s: package %s: names below stepup belong to the library; only data of stepup.levels and stepup.vocabularies may be added",
				place(m.Package.Location), packageName(m.Package.Path))
		}
	}
	return nil
}

// additionsOf takes the data below stepup. What the library would not read there is
// refused: it would be believed to mean something.
func additionsOf(data access.Object) (assurance.Data, error) {
	var added assurance.Data
	below, err := objectAt(data, libraryPackage, "data")
	if err != nil {
		return added, err
	}
	for _, name := range keys(below) {
		if name != "levels" && name != "vocabularies" {
			return added, fmt.Errorf("data.stepup.%s: only data of stepup.levels and stepup.vocabularies may be added", name)
		}
	}
	if added.Levels, err = objectAt(below, "levels", "data.stepup"); err != nil {
		return added, err
	}
	added.Vocabularies, err = objectAt(below, "vocabularies", "data.stepup")
	return added, err
}

// objectAt is a member that is an object, or nil if it is not there.
func objectAt(o access.Object, name, where string) (access.Object, error) {
	v, present := o[name]
	if !present {
		return nil, nil
	}
	object, ok := v.(access.Object)
	if !ok {
		return nil, fmt.Errorf("%s.%s is not an object", where, name)
	}
	return object, nil
}
