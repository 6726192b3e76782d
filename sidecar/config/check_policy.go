package config

import (
	"fmt"
	"regexp"
	"strings"
)

// checkPolicy checks where the policy comes from and which package of it decides.
func (l *loader) checkPolicy(p Policy) {
	if p.Path != "" && p.OPA["bundles"] != nil {
		l.refuse("policy.path", "set together with policy.opa.bundles", "keep one: they are two sources of one policy")
	}
	l.checkPackage(p)
	l.checkOPA(p.OPA)
	l.filled("policy.may_redefine", p.MayRedefine)
	l.filled("policy.builtins", p.Builtins)
}

// checkPackage wants the deciding package named as soon as a policy is: the default is
// the demonstration's, and another policy's fabrikam would be chosen by accident.
func (l *loader) checkPackage(p Policy) {
	const path = "policy.package"
	switch {
	case p.Package == "":
		l.missing(path, path, "empty", "name the package whose allow is asked")
	case !p.Demonstration() && l.origins[path].Source == Default:
		l.missing(path, "policy.path", "has no default when policy.path, policy.opa.bundles or policy.opa.discovery is set", "name the package whose allow is asked")
	case strings.HasPrefix(p.Package, "data."):
		l.refuse(path, fmt.Sprintf("%q begins with data.", p.Package), "write it as the policy's package line does, "+strings.TrimPrefix(p.Package, "data."))
	case !regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$`).MatchString(p.Package):
		l.refuse(path, fmt.Sprintf("%q is not the path of a package", p.Package), "write names of letters, digits and underscores, joined by dots")
	case p.Package == "stepup" || strings.HasPrefix(p.Package, "stepup."):
		l.refuse(path, fmt.Sprintf("%q lies below stepup, which belongs to the program", p.Package), "give the policy a package of its own")
	}
}
