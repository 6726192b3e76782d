package policy

import "slices"

// ways warns of a package that has allow and no way to allow: everybody is refused, which is
// what a misspelt rule beside the default comes to, and nothing else tells of it. A default
// that is true is a way.
func (c *checker) ways() {
	if c.broken {
		return
	}
	a := newAuthor(c.rules)
	for _, w := range a.packagesWithAllow(c.config.Package) {
		if slices.ContainsFunc(a.defined(ruleRef(w.module, w.rule)), written.mayAllow) {
			continue
		}
		if one, err := newContract(w.module.Package.Path, c.rules); err == nil { // else that is told
			c.warn(one.places[outAllow], "the package %s has no way to allow: everybody is refused%s", one.pkg, one.misspelt())
		}
	}
}

// mayAllow reports whether a definition may make allow true.
func (w written) mayAllow() bool { return gives(w.rule, yes) || gives(w.rule, maybe) }

// misspelt is the end of a sentence about a package without a way to allow: the rule that was
// most likely meant for one, and where it is.
func (c contract) misspelt() string {
	others := slices.DeleteFunc(keys(c.places), func(name string) bool { return name == outAllow })
	name := nearest(outAllow, others)
	if name == "" {
		return ""
	}
	return "; is " + name + " at " + oneLine(place(c.places[name])) + " meant to be allow?"
}
