package policy

import (
	"context"
	"fmt"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"

	"stepup/policies"
	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
	"stepup/sidecar/keep"
)

// A library is stepup.assurance with the levels and vocabularies it reads, and stepup.login
// with the levels and factors it reads; each compiled and stored apart from every policy.
type library struct {
	program *program
	login   func() (*program, error) // compiled when it is first asked for
	catalog *assurance.Catalog
	data    assurance.Data
	issuers map[string]*assurance.Vocabulary // as each configured issuer uses it
	// logins is what the library reads in the claims of each issuer's logins: by login, then
	// by member. It is the same for every person.
	logins map[string][][]access.Assurance
	// reads names the claims that the vocabulary of each issuer reads; readings are what was
	// read in such claims, nil: they are not kept.
	reads    map[string][]string
	readings *keep.Cache[Reading]
}

// mergedData is what a policy adds, with what is shipped.
func mergedData(added assurance.Data, mayRedefine []string) (assurance.Data, error) {
	shipped := assurance.Data{Levels: policies.Levels(), Vocabularies: policies.Vocabularies()}
	return assurance.Merge(shipped, added, mayRedefine)
}

// newLibrary makes a library of data, part of which is added, and holds it to the laws: each
// vocabulary and each login is well formed, and what a provider is asked for is what its
// tokens then mean.
func newLibrary(ctx context.Context, data, added assurance.Data, c Config) (*library, error) {
	l := &library{
		data: data, issuers: map[string]*assurance.Vocabulary{}, logins: map[string][][]access.Assurance{},
		reads: map[string][]string{}, readings: keep.New[Reading](c.Readings, keep.Counters{}),
	}
	l.login = sync.OnceValues(l.compileLogin)
	login := aside(func() (*program, error) { return l.loginIf(c.Login) })
	err := l.load(ctx, added, c.Issuers)
	if _, failed := login(); err == nil && failed != nil {
		err = fmt.Errorf("compiling the login rule: %w", failed)
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

func (l *library) load(ctx context.Context, added assurance.Data, issuers []Use) (err error) {
	if l.catalog, err = assurance.Load(l.data.Levels, l.data.Vocabularies); err != nil {
		return err
	}
	if err := l.compile(ctx); err != nil {
		return fmt.Errorf("compiling the library: %w", err)
	}
	read := l.readBack(ctx)
	if err := l.catalog.ReadBack(read, l.unproven(added)...); err != nil {
		return err
	}
	return l.checkUses(read, issuers)
}

// unproven names the vocabularies that have to be read back. Those that are shipped were,
// with the shipped levels, when the program was tested.
func (l *library) unproven(added assurance.Data) []string {
	if len(added.Levels) > 0 {
		return l.catalog.Names()
	}
	return keys(added.Vocabularies)
}

// checkUses holds every issuer against the vocabularies as they are now, and tells every
// [UseError].
func (l *library) checkUses(read assurance.Read, issuers []Use) error {
	var misused UseErrors
	for _, u := range issuers {
		v, misuses := u.of(l.catalog)
		if misuses != nil {
			misused = append(misused, misuses...)
			continue
		}
		if err := v.ReadBack(l.catalog.Order(), read); err != nil {
			return fmt.Errorf("issuer %q: %w", u.Issuer, err)
		}
		l.issuers[u.Issuer], l.reads[u.Issuer] = v, v.Reads()
		var err error
		if l.logins[u.Issuer], err = readLogins(read, v); err != nil {
			return fmt.Errorf("issuer %q: %w", u.Issuer, err)
		}
	}
	if len(misused) > 0 {
		return misused
	}
	return nil
}

// readLogins reads the claims of all logins of a vocabulary.
func readLogins(read assurance.Read, v *assurance.Vocabulary) ([][]access.Assurance, error) {
	all := make([][]access.Assurance, len(v.Logins))
	for n, login := range v.Logins {
		for _, claims := range login.Claims {
			a, err := read(v, claims)
			if err != nil {
				return nil, err
			}
			all[n] = append(all[n], a)
		}
	}
	return all, nil
}

// readBack reads the claims of an imagined login as those of a person's token, and once
// for all issuers that use a vocabulary alike.
func (l *library) readBack(ctx context.Context) assurance.Read {
	said := map[keep.Digest]Reading{}
	once := func(document access.Object) (Reading, error) {
		key, exact := keep.Object(document)
		if r, known := said[key]; exact && known {
			return r, nil
		}
		r, err := l.read(ctx, document)
		if err == nil && exact {
			said[key] = r
		}
		return r, err
	}
	return func(v *assurance.Vocabulary, claims access.Object) (access.Assurance, error) {
		vocabulary := access.Object{"name": v.Name, "levels": wordsObject(v.Words), "max_level": v.MaxLevel}
		r, err := once(readable(vocabulary, claims, false))
		if err == nil && len(r.Invalid) > 0 {
			err = fmt.Errorf("the claims %q are of the wrong type", r.Invalid)
		}
		return r.Assurance, err
	}
}

func (l *library) compile(ctx context.Context) error {
	modules, err := parseModules(policies.Library())
	if err != nil {
		return err
	}
	// The library is ours: it needs no leave of the configuration, and nothing unsafe.
	safe, err := newCapabilities(nil)
	if err != nil {
		return err
	}
	reading := ast.MustParseRef("data.stepup.assurance.reading")
	l.program, err = newProgram(ctx, parts{modules: modules, data: access.Object{libraryPackage: libraryObject(l.data)}}, safe, []ast.Ref{reading})
	return err
}

// libraryObject is what stands below data.stepup, for the library and for policies alike.
func libraryObject(data assurance.Data) access.Object {
	return access.Object{"levels": data.Levels, "vocabularies": data.Vocabularies}
}

func parseModules(list []policies.Module) (map[string]*ast.Module, error) {
	modules := map[string]*ast.Module{}
	for _, m := range list {
		parsed, err := ast.ParseModuleWithOpts(m.Path, m.Source, ast.ParserOptions{RegoVersion: ast.RegoV1})
		if err != nil {
			return nil, err
		}
		modules[m.Path] = parsed
	}
	return modules, nil
}

// read asks the library about a token, with its vocabulary and whether it is a machine's.
func (l *library) read(ctx context.Context, document access.Object) (Reading, error) {
	in, err := ast.InterfaceToValue(document)
	if err != nil {
		return Reading{}, unreadable("the token's claims", err)
	}
	values, err := l.program.run(ctx, in, 0) // the library reads no clock
	if err != nil {
		return Reading{}, err
	}
	return parseReading(values[0])
}

// parseReading takes the library's answer apart. The library is total; anything else is
// a mistake of ours and no reading.
func parseReading(v ast.Value) (Reading, error) {
	object, ok := v.(ast.Object)
	if !ok {
		return Reading{}, fmt.Errorf("%w: stepup.assurance gave no reading", ErrEvaluation)
	}
	p := readingParser{object: object}
	r := Reading{
		Assurance: access.Assurance{
			Level:    p.text("level"),
			Levels:   p.texts("levels"),
			Methods:  p.texts("methods"),
			AuthTime: p.seconds("auth_time"),
			Told:     p.boolean("told"),
		},
		Invalid: p.texts("invalid"),
	}
	if p.odd != "" {
		return Reading{}, fmt.Errorf("%w: the member %s of stepup.assurance.reading is odd", ErrEvaluation, p.odd)
	}
	return r, nil
}

// readingParser reads members of an object and remembers one that is not as it must be.
type readingParser struct {
	object ast.Object
	odd    string
}

func (p *readingParser) text(name string) string {
	s, ok := textOf(p.object, name)
	p.expect(name, ok)
	return s
}

func (p *readingParser) texts(name string) []string {
	list, ok := p.value(name).(*ast.Array)
	texts := []string{}
	if p.expect(name, ok); !ok {
		return texts
	}
	list.Foreach(func(t *ast.Term) {
		s, ok := t.Value.(ast.String)
		p.expect(name, ok)
		texts = append(texts, string(s))
	})
	return texts
}

func (p *readingParser) seconds(name string) int64 {
	number, _ := p.value(name).(ast.Number)
	seconds, ok := number.Int64()
	p.expect(name, ok)
	return seconds
}

func (p *readingParser) boolean(name string) bool {
	b, ok := p.value(name).(ast.Boolean)
	p.expect(name, ok)
	return bool(b)
}

func (p *readingParser) value(name string) ast.Value {
	if t := p.object.Get(ast.StringTerm(name)); t != nil {
		return t.Value
	}
	return nil
}

func (p *readingParser) expect(name string, ok bool) {
	if !ok {
		p.odd = name
	}
}
