package policy

import "github.com/open-policy-agent/opa/v1/ast"

// conflicts warns of an allow that is false beside one that may be true: where both hold,
// they contradict each other, and that is a fault and no decision. Whoever writes so most
// likely believes that a false takes a true away. The default is no such rule, and neither
// is one whose condition is the other's under not.
func (c *checker) conflicts() {
	if c.broken {
		return
	}
	all := newAuthor(c.rules).allows(c.config.Package)
	for _, w := range all {
		if w.rule.Default || !gives(w.rule, no) {
			continue
		}
		for _, other := range all {
			if contradicts(w, other) {
				c.warn(w.rule.Location, "allow is false here, and that takes nothing away: where %s:%d holds too, the two contradict each other, and every such decision is the fault policy_error; leave this rule out, and put its condition into the rules that allow, under not",
					other.rule.Location.File, other.rule.Location.Row)
				break
			}
		}
	}
}

// contradicts reports whether another definition may be true where one is false.
func contradicts(w, other written) bool {
	return other.rule != w.rule && !other.rule.Default && other.module.Package.Path.Equal(w.module.Package.Path) &&
		other.mayAllow() && !exclude(w.rule, other.rule)
}

// gives reports whether a definition, or an else of it, yields that.
func gives(r *ast.Rule, t truth) bool {
	return r != nil && (yields(r) == t || gives(r.Else, t))
}

// exclude reports whether one of two rules asks for what the other rules out. An else has
// conditions of its own, so that nothing is said of it.
func exclude(r, other *ast.Rule) bool {
	if r.Else != nil || other.Else != nil {
		return false
	}
	for _, e := range r.Body {
		opposite := e.Complement()
		for _, f := range other.Body {
			opposite.Index = f.Index
			if opposite.Equal(f) {
				return true
			}
		}
	}
	return false
}
