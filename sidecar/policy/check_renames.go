package policy

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// claimsRead are the claims of tokens that rules look at.
type claimsRead struct {
	names map[string]bool
	any   bool // some rule looks at claims without saying which
}

// see notes what a rule looks at, as a full reference.
func (c *claimsRead) see(ref ast.Ref) {
	for n, part := range refClaims {
		switch {
		case n >= len(ref):
			c.any = c.any || n > 0
			return
		case ref[n].Equal(part):
		case n == 0:
			return // not of input
		default:
			_, named := ref[n].Value.(ast.String)
			c.any = c.any || !named
			return
		}
	}
	if len(ref) == len(refClaims) {
		c.any = true
		return
	}
	if name, named := ref[len(refClaims)].Value.(ast.String); named {
		c.names[string(name)] = true
	} else {
		c.any = true
	}
}

// renames warns of issuers' renames to names that nothing reads. Where that cannot be told, because
// rules look at claims whose names are not written out, only what is most likely misspelt is told.
func (r *reads) renames() {
	for _, u := range r.config.Issuers {
		v := r.library.issuers[u.Issuer]
		if v == nil {
			continue
		}
		read := v.Reads()
		for _, name := range keys(u.Claims) {
			if slices.Contains(read, name) || r.claims.names[name] {
				continue
			}
			if did := meant(name, read); did != "" || !r.claims.any && !r.broken {
				r.unread(u, name, v.Name, cmp.Or(did, "; the vocabulary reads "+listed(read)))
			}
		}
	}
}

func (r *reads) unread(u Use, name, vocabulary, do string) {
	f := Finding{File: r.tree.base, Severity: SeverityWarning}
	key := "claims." + name
	path := fmt.Sprintf("issuer %q: %s", u.Issuer, key)
	if r.config.Configured != nil {
		path, f.File, f.Line = r.config.Configured(u.Issuer, key)
	}
	f.Message = fmt.Sprintf("%s: neither the vocabulary %s nor a rule reads a claim %q%s", path, vocabulary, name, do)
	r.findings = append(r.findings, f)
}
