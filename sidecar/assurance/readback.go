package assurance

import (
	"slices"

	"stepup/sidecar/access"
)

// Read is how the Rego library reads the claims of a person's token under a vocabulary.
// It returns an error for claims of a wrong type.
type Read func(v *Vocabulary, claims access.Object) (access.Assurance, error)

// ReadBack holds the named vocabularies, as no issuer has changed them, to the law of
// [Vocabulary.ReadBack].
func (c *Catalog) ReadBack(read Read, names ...string) error {
	var f faults
	for _, name := range names {
		v, err := c.For(name, nil, "")
		if err != nil {
			return err
		}
		v.readBack(&f, c.order, read)
	}
	return f.err()
}

// ReadBack checks that each login's claims read back to its level: to that level, and
// what it implies, and no more. Otherwise people would be sent to a login that does not
// give what was asked of it.
func (v *Vocabulary) ReadBack(order Order, read Read) error {
	var f faults
	v.readBack(&f, order, read)
	return f.err()
}

func (v *Vocabulary) readBack(f *faults, order Order, read Read) {
	for i, login := range v.Logins {
		where := vocabulariesPlace.member(v.Name).member("logins").index(i)
		for k, claims := range login.Claims {
			got, err := read(v, claims)
			switch want := order.Implied(login.Level); {
			case err != nil:
				f.add(where.member("claims").index(k), "these claims cannot be read back: %v", err)
			case !slices.Equal(got.Levels, want):
				f.add(where.member("claims").index(k), "these claims read back as the levels %q instead of %q; correct them, the level or claims above",
					got.Levels, want)
			}
		}
	}
}
