package policy

import (
	"fmt"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// unsafe lists the built-in functions that a policy does not get unless its
// configuration names them: they reach the network, the process or the compiler, or
// answer differently each time. time.now_ns stays: it tells the document's now.
func unsafe() []string {
	return []string{
		"http.send", "net.lookup_ip_addr", "opa.runtime", "rand.intn",
		"rego.parse_module", "trace", "uuid.rfc4122",
	}
}

// networked are those that need leave to reach hosts.
func networked() []string { return []string{"http.send", "net.lookup_ip_addr"} }

// capabilities is what a policy may use of OPA.
type capabilities struct {
	opa      *ast.Capabilities
	withheld map[string]bool // built-ins that exist but are not given
}

// newCapabilities gives all of this OPA less the unsafe built-ins, and gives back those
// that are named. A name that OPA does not know is an error.
func newCapabilities(granted []string) (capabilities, error) {
	all := ast.CapabilitiesForThisVersion()
	if err := knownBuiltins(all, granted); err != nil {
		return capabilities{}, err
	}
	c := capabilities{opa: all, withheld: map[string]bool{}}
	for _, name := range unsafe() {
		c.withheld[name] = !slices.Contains(granted, name)
	}
	all.Builtins = slices.DeleteFunc(all.Builtins, func(b *ast.Builtin) bool { return c.withheld[b.Name] })
	all.AllowNet = hosts(granted)
	return c, nil
}

// hosts is empty, not nil: nil would let schemas fetch remote references from any host.
// A built-in that is there to reach hosts was given back knowingly, and may.
func hosts(granted []string) []string {
	for _, name := range networked() {
		if slices.Contains(granted, name) {
			return nil
		}
	}
	return []string{}
}

func knownBuiltins(all *ast.Capabilities, granted []string) error {
	names := make([]string, len(all.Builtins))
	for i, b := range all.Builtins {
		names[i] = b.Name
	}
	for _, name := range granted {
		if !slices.Contains(names, name) {
			return fmt.Errorf("policy.builtins: OPA has no built-in function %q%s", name, meant(name, names))
		}
	}
	return nil
}

// Capabilities are what these policies may use of OPA. They are to be read only.
func (p *Policies) Capabilities() *ast.Capabilities { return p.loader.capabilities.opa }
