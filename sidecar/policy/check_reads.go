package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"stepup/sidecar/assurance"
)

// A reads looks for questions about a login that are asked in a way that works for some
// providers, levels or moments only.
type reads struct {
	*checker
	*author
	spoken  []*assurance.Vocabulary // those whose tokens this policy will see
	offered []string                // the levels that some login of theirs reaches
	enums   map[string][]string     // the values that a place may have, where they are few
	claims  claimsRead
}

// reads warns of what any rule reads, whether or not a decision depends on it.
func (c *checker) reads() error {
	enums, err := enumerated()
	if err != nil || c.library == nil {
		return err
	}
	r := reads{checker: c, author: newAuthor(c.rules), spoken: c.library.spoken(), enums: enums, claims: claimsRead{names: map[string]bool{}}}
	for _, v := range r.spoken {
		for _, l := range v.Logins {
			r.offered = append(r.offered, c.library.catalog.Order().Implied(l.Level)...)
		}
	}
	for _, m := range c.rules {
		for _, i := range m.Imports {
			r.rawClaim(i.Location, i.Path)
		}
	}
	for _, at := range keys(r.placed) {
		for _, w := range r.placed[at] {
			r.rule(w)
		}
	}
	r.renames()
	return nil
}

// spoken are the vocabularies of the issuers, as they use them; without issuers all there
// are.
func (l *library) spoken() []*assurance.Vocabulary {
	var all []*assurance.Vocabulary
	for _, issuer := range keys(l.issuers) {
		all = append(all, l.issuers[issuer])
	}
	if len(all) > 0 {
		return all
	}
	for _, name := range l.catalog.Names() {
		if v, err := l.catalog.For(name, nil, ""); err == nil {
			all = append(all, v)
		}
	}
	return all
}

func (r *reads) rule(w written) {
	in := r.namesIn(w, nil)
	r.elements(w, in)
	ast.WalkTerms(w.rule, func(t *ast.Term) bool {
		if ref, ok := t.Value.(ast.Ref); ok {
			r.rawClaim(t.Location, ast.NewTerm(r.full(w, ref, in)))
		}
		return false
	})
	calls(w.rule, func(at *ast.Location, call []*ast.Term) { r.call(w, at, call, in) })
}

// rawClaim warns of a claim that is the vocabulary's to read.
func (r *reads) rawClaim(at *ast.Location, t *ast.Term) {
	ref, ok := t.Value.(ast.Ref)
	if ok {
		r.claims.see(ref)
	}
	if !ok || len(ref) <= len(refClaims) || !ref.HasPrefix(refClaims) {
		return
	}
	if name, ok := ref[len(refClaims)].Value.(ast.String); ok {
		r.claim(at, string(name))
	}
}

func (r *reads) claim(at *ast.Location, name string) {
	means := map[string][]string{} // what to ask instead, with the vocabularies that say so
	for _, v := range r.spoken {
		if instead := insteadOf(v, name); instead != "" && !slices.Contains(means[instead], v.Name) {
			means[instead] = append(means[instead], v.Name)
		}
	}
	for _, instead := range []string{"input.assurance.levels", "input.assurance.methods", "input.assurance.age"} {
		if by := means[instead]; len(by) > 0 {
			r.warn(at, "the claim %s is read by the %s, and its values differ between providers; ask %s instead", name, vocabulariesOf(by), instead)
			return
		}
	}
	r.renamed(at, name)
}

// insteadOf says where the library shows what it makes of a claim; empty if it does not
// read that claim.
func insteadOf(v *assurance.Vocabulary, claim string) string {
	switch {
	case v.Claims[claim] != nil:
		return "input.assurance.levels"
	case slices.Contains(v.Methods, claim):
		return "input.assurance.methods"
	case slices.Contains(v.AuthTime, claim):
		return "input.assurance.age"
	}
	return ""
}

// renamed warns of the name that a claim has in an issuer's tokens, where policies see it
// under another.
func (r *reads) renamed(at *ast.Location, name string) {
	for _, u := range r.config.Issuers {
		for _, shown := range keys(u.Claims) {
			if u.Claims[shown] == name {
				r.warn(at, "the claim %s of the issuer %s is what its vocabulary reads as %s; ask input.assurance instead", name, u.Issuer, shown)
				return
			}
		}
	}
}

func (r *reads) call(w written, at *ast.Location, call []*ast.Term, in names) {
	switch name := operator(call); {
	case name == ast.Member.Name && len(call) == 3:
		r.member(w, call[1], call[2], in)
	case name == ast.ObjectGet.Name && len(call) == 4:
		r.objectGet(w, at, call, in)
	case among(name, "equal", "neq", "eq") && len(call) == 3:
		r.equality(w, at, call, in)
	}
}

// member looks at `"x" in …`.
func (r *reads) member(w written, element, list *ast.Term, in names) {
	for _, one := range elementsOf(list) {
		r.never(r.place(w, element, in), one)
		if isElement(r.place(w, element, in)) {
			r.level(one)
		}
	}
	text, ok := element.Value.(ast.String)
	if !ok {
		return
	}
	name := string(text)
	switch place := r.place(w, list, in); {
	case place.Equal(refLevels):
		r.level(element)
	case place.Equal(refMethods) && r.library.catalog.Order().Known(name):
		r.note(element.Location, "%q is looked for among the methods, where not every provider says it; the level of that name is asked for with %q in input.assurance.levels", name, name)
	}
}

// elementsOf are those of a list that is written out.
func elementsOf(list *ast.Term) []*ast.Term {
	var all []*ast.Term
	switch v := list.Value.(type) {
	case *ast.Array:
		v.Foreach(func(t *ast.Term) { all = append(all, t) })
	case ast.Set:
		v.Foreach(func(t *ast.Term) { all = append(all, t) })
	}
	return all
}

// level looks at a text that is compared with the levels of a login.
func (r *reads) level(t *ast.Term) {
	text, ok := t.Value.(ast.String)
	if !ok {
		return
	}
	name, order := string(text), r.library.catalog.Order()
	switch {
	case !order.Known(name):
		r.find(t.Location, "%q is no level: the levels are %s%s", name, listed(order.Levels()), meant(name, order.Levels()))
	case !slices.Contains(r.offered, name):
		r.warn(t.Location, "no login of %s reaches the level %q: nobody is ever stepped up to it; the levels that some login reaches are %s",
			r.whose(), name, listed(r.reachable()))
	}
}

func (r *reads) reachable() []string {
	var levels []string
	for _, level := range r.library.catalog.Order().Levels() {
		if slices.Contains(r.offered, level) {
			levels = append(levels, level)
		}
	}
	return levels
}

// whose says whose logins were looked at.
func (r *reads) whose() string {
	if len(r.config.Issuers) == 0 {
		return "any vocabulary"
	}
	return "the configured issuers"
}

// objectGet looks at `object.get(input.token.claims, "acr", "")` and its like.
func (r *reads) objectGet(w written, at *ast.Location, call []*ast.Term, in names) {
	place := r.place(w, call[1], in)
	if place == nil {
		return
	}
	switch key := call[2].Value.(type) {
	case ast.String:
		place = place.Append(call[2])
	case *ast.Array:
		key.Foreach(func(t *ast.Term) { place = place.Append(t) })
	}
	if !r.place(w, call[1], in).Equal(place) {
		r.rawClaim(at, ast.NewTerm(place))
	}
}

// equality looks at `==`, `!=` and `=` where neither side is only being named.
func (r *reads) equality(w written, at *ast.Location, call []*ast.Term, in names) {
	if operator(call) == "eq" && (isVar(call[1]) || isVar(call[2])) {
		return
	}
	for i, t := range call[1:] {
		other := call[2-i]
		place := r.place(w, t, in)
		r.never(place, other)
		switch {
		case isElement(place):
			r.level(other)
		case isLevels(place):
			r.warn(at, `levels are a partial order and one login has several; ask for the one that is needed: "mfa" in input.assurance.levels`)
		case operator(call) == "neq":
		case place.Equal(refAge), place.Equal(refAuthTime) && !isZero(other):
			r.warn(at, "%s is counted in seconds and equals a value for one of them only; compare it with <= or >", place)
		}
	}
}

func isVar(t *ast.Term) bool {
	_, ok := t.Value.(ast.Var)
	return ok
}

// isLevels is the list as a whole, or a fixed place in it.
func isLevels(place ast.Ref) bool {
	if len(place) == len(refLevels)+1 && place.HasPrefix(refLevels) {
		_, fixed := isNumber(place[len(refLevels)])
		return fixed
	}
	return place.Equal(refLevels)
}

// isZero is how an unknown login time is told from a known one.
func isZero(t *ast.Term) bool { return t.Equal(ast.IntNumberTerm(0)) }

// vocabulariesOf names one vocabulary or a few.
func vocabulariesOf(names []string) string {
	if len(names) == 1 {
		return "vocabulary " + names[0]
	}
	return "vocabularies " + either(names)
}

// either lists a few names.
func either(names []string) string {
	if len(names) > 3 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
	}
	return strings.Join(names, ", ")
}
