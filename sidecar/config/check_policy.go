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
	l.checkDocuments(p)
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
		l.missing(path, "policy.path", "has no default when policy.path, policy.opa.bundles or policy.opa.discovery is set", "name the package whose allow is asked, on the command line with --policy-package")
	case strings.HasPrefix(p.Package, "data."):
		l.refuse(path, fmt.Sprintf("%q begins with data.", p.Package), "write it as the policy's package line does, "+strings.TrimPrefix(p.Package, "data."))
	case !isPackage(p.Package):
		l.refuse(path, fmt.Sprintf("%q is not the path of a package", p.Package), "write names of letters, digits and underscores, joined by dots")
	case belongsToUs(p.Package):
		l.refuse(path, fmt.Sprintf("%q lies below stepup, which belongs to the program", p.Package), "give the policy a package of its own")
	}
}

// checkDocuments keeps further documents apart from the two that tell decisions, and from
// what belongs to the program.
func (l *loader) checkDocuments(p Policy) {
	for i, name := range p.Documents {
		path := fmt.Sprintf("policy.documents[%d]", i)
		switch {
		case !isPackage(name):
			l.refuse(path, fmt.Sprintf("%q is not the path of a package or a rule", name), "write names of letters, digits and underscores, joined by dots, without data. in front")
		case name == p.Package || name == p.Package+".allow":
			l.refuse(path, fmt.Sprintf("%q is answered with the decision already", name), "leave it out")
		case belongsToUs(name):
			l.refuse(path, fmt.Sprintf("%q lies below stepup, which belongs to the program", name), "name documents of the policy")
		}
	}
}

func isPackage(name string) bool {
	return !strings.HasPrefix(name, "data.") && regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$`).MatchString(name)
}

func belongsToUs(name string) bool { return name == "stepup" || strings.HasPrefix(name, "stepup.") }
