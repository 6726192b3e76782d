package assurance

import (
	"maps"
	"slices"
	"strings"

	"stepup/sidecar/access"
)

// A Catalog is all levels and vocabularies that are known. It is never changed and may
// be used by many goroutines. The zero value knows none.
type Catalog struct {
	order        Order
	vocabularies map[string]vocabulary
}

// Load reads data.stepup.levels and data.stepup.vocabularies and holds them to the laws.
// The error joins every [Error] found; there is no catalog then.
func Load(levels, vocabularies access.Object) (*Catalog, error) {
	order, err := loadOrder(levels)
	if err != nil {
		return nil, err // without levels every vocabulary would be at fault
	}
	c := &Catalog{order: order, vocabularies: map[string]vocabulary{}}
	var f faults
	for _, name := range slices.Sorted(maps.Keys(vocabularies)) {
		c.vocabularies[name] = loadVocabulary(&f, order, name, vocabularies[name])
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	return c, nil
}

func loadOrder(data access.Object) (Order, error) {
	var f faults
	levels := map[string]level{}
	for _, name := range slices.Sorted(maps.Keys(data)) {
		levels[name], _ = decode[level](&f, levelsPlace.member(name), data[name])
	}
	if err := f.err(); err != nil {
		return Order{}, err
	}
	return newOrder(levels)
}

func loadVocabulary(f *faults, order Order, name string, data any) vocabulary {
	where := vocabulariesPlace.member(name)
	v, ok := decode[vocabulary](f, where, data)
	if !ok {
		return v
	}
	j := judge{where: where, order: order, vocabulary: v, reader: v.reader()}
	j.named(where, name)
	j.judge()
	*f = append(*f, j.faults...)
	return v
}

// reader is the vocabulary without an issuer and without logins.
func (v vocabulary) reader() *Vocabulary {
	absent := v.Absent
	if absent == "" {
		absent = access.NoLevel
	}
	return &Vocabulary{
		Claims: v.Claims, Methods: v.Methods, AuthTime: v.AuthTime, Absent: absent,
		kinds: v.Kinds, wordsClaim: v.Words, challenge: v.Challenge,
	}
}

// Order returns the order of levels.
func (c *Catalog) Order() Order { return c.order }

// Names returns the names of the vocabularies, sorted.
func (c *Catalog) Names() []string { return slices.Sorted(maps.Keys(c.vocabularies)) }

// For returns the vocabulary as one issuer uses it. Words are this tenant's, level to
// word: each stands in place of every value of the vocabulary's words claim that means
// that level, which then means nothing. Where the vocabulary leaves a level to its tenants
// and this one has no word for it, nothing means that level and no login of it is offered.
// A maxLevel takes away the logins beyond it; empty takes none away. An unknown name or level, and a word that could not be told
// apart, is an [Error].
func (c *Catalog) For(name string, words map[string]string, maxLevel string) (*Vocabulary, error) {
	shipped, known := c.vocabularies[name]
	if !known {
		return nil, &Error{Where: "vocabulary", What: "unknown vocabulary " + quoted(name) + "; there are " + strings.Join(c.Names(), ", ") + meant(name, c.Names())}
	}
	if maxLevel != "" && !c.order.Known(maxLevel) {
		return nil, &Error{Where: "max_level", What: quoted(maxLevel) + " is no level; the levels are " + c.order.names() + meant(maxLevel, c.order.Levels())}
	}
	if err := c.checkWords(name, shipped, words); err != nil {
		return nil, err
	}
	v := shipped.reader()
	v.Name, v.Words, v.MaxLevel = name, maps.Clone(words), maxLevel
	t := shipped.tenant(words)
	v.Claims = t.claims(shipped.Claims)
	for _, l := range shipped.Logins {
		if t.says(l) && (maxLevel == "" || c.order.Satisfies(maxLevel, l.Level)) {
			v.Logins = append(v.Logins, v.asked(t.login(l)))
		}
	}
	return v, nil
}
