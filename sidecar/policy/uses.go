package policy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"stepup/sidecar/assurance"
)

// A UseError says what of an issuer's configuration its vocabulary does not allow.
type UseError struct {
	Issuer string
	Key    string // vocabulary, max_level, levels.mfa
	What   string
}

// Error tells the issuer, the key and what is wrong.
func (e *UseError) Error() string { return fmt.Sprintf("issuer %q: %s: %s", e.Issuer, e.Key, e.What) }

// UseErrors are those of all issuers; none is no error, and nil.
type UseErrors []*UseError

// Error writes one per line.
func (list UseErrors) Error() string {
	lines := make([]string, len(list))
	for n, e := range list {
		lines[n] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Misuses holds the issuers of a configuration against the levels and vocabularies that there
// are: the program's and those in the policy's data. No rule is compiled. What only a load can
// tell is no misuse: nothing is said of a policy that cannot be read or is fetched, nor where
// its levels and vocabularies are at fault themselves.
func Misuses(ctx context.Context, c Config) UseErrors {
	catalog, err := catalogOf(ctx, c)
	if err != nil {
		return nil
	}
	var all UseErrors
	for _, u := range c.Issuers {
		_, misuses := u.of(catalog)
		all = append(all, misuses...)
	}
	return all
}

// catalogOf reads of a policy the data alone.
func catalogOf(ctx context.Context, c Config) (*assurance.Catalog, error) {
	src, err := newSource(c.Path)
	if err != nil {
		return nil, err
	}
	t, err := src.read(ctx)
	if err != nil {
		return nil, err
	}
	data := tree{base: t.base}
	for _, f := range t.files {
		if !strings.HasSuffix(f.path, ".rego") {
			data.files = append(data.files, f)
		}
	}
	b, err := data.bundle(capabilities{})
	if err != nil {
		return nil, err
	}
	added, err := additionsOf(b.Data)
	if err != nil {
		return nil, err
	}
	merged, err := mergedData(added, c.MayRedefine)
	if err != nil {
		return nil, err
	}
	return assurance.Load(merged.Levels, merged.Vocabularies)
}

// of is what an issuer makes of its vocabulary.
func (u Use) of(catalog *assurance.Catalog) (*assurance.Vocabulary, UseErrors) {
	v, err := catalog.For(u.Vocabulary, u.Levels, u.MaxLevel)
	if err == nil {
		return v, nil
	}
	list := []error{err}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		list = several.Unwrap()
	}
	all := make(UseErrors, len(list))
	for n, one := range list {
		all[n] = &UseError{Issuer: u.Issuer, Key: "vocabulary", What: one.Error()}
		if said, ok := errors.AsType[*assurance.Error](one); ok {
			all[n].Key, all[n].What = said.Where, said.What
		}
	}
	return nil, all
}
