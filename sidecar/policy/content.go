package policy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"stepup/sidecar/access"
)

// A Content is a policy that somebody else has read: what the active bundles hold
// together. The data is handed over with it.
type Content struct {
	// Revisions are those of the bundles' manifests, by bundle; empty: it names none.
	Revisions map[string]string
	Modules   []Module
	Data      access.Object
}

// A Module is the text of one file of Rego.
type Module struct {
	Path    string // as messages tell it
	Text    string
	Version ast.RegoVersion // undefined: Rego v1
}

// bundlesSource stands for a policy that is received and not read.
type bundlesSource struct{}

var errReceived = errors.New("the policy is fetched as bundles, and cannot be read again")

func (bundlesSource) kind() string                       { return KindBundles }
func (bundlesSource) read(context.Context) (tree, error) { return tree{}, errReceived }
func (bundlesSource) revision(tree, string) string       { return "" }
func (bundlesSource) watched(context.Context) []string   { return nil }

// Receive returns Policies that follow no source. Until the first [Policies.Activate] no
// policy is active. The path of the configuration is not read; the package has no default.
func Receive(c Config) (*Policies, error) { return newPolicies(c, bundlesSource{}) }

// Prepare admits a content as a snapshot, by the laws of any policy, or says why not.
// Nothing becomes active by it. It is for one caller at a time, as Activate is.
func (p *Policies) Prepare(ctx context.Context, c Content) (*Snapshot, error) {
	p.loading.Lock()
	defer p.loading.Unlock()
	from, err := p.loader.parts(c)
	if err != nil {
		return nil, err
	}
	s, err := p.loader.admit(ctx, from)
	if err != nil {
		return nil, err
	}
	p.loader.compiled = compiled{rulesDigest(c.Modules), from.modules, s.policy.compiler}
	s.loadedAt = p.now()
	return s, nil
}

// Screen says what is wrong with a content of which more is still to come, so that it
// need not have a rule allow yet, nor the vocabularies that issuers name.
func (p *Policies) Screen(ctx context.Context, c Content) error {
	from, err := p.loader.parts(c)
	if err != nil {
		return err
	}
	if _, err := from.additions(); err != nil {
		return err
	}
	store, err := newStore(from.data)
	if err != nil {
		return err
	}
	_, err = compile(ctx, from, store, p.loader.capabilities)
	return err
}

// Activate makes a snapshot of Prepare the active one.
func (p *Policies) Activate(s *Snapshot) {
	p.current.Store(s)
	p.log.Info("a policy is active", "kind", p.source.kind(), "package", s.contract.pkg, "revision", s.revision)
}

// Deactivate leaves no policy active, and tells why.
func (p *Policies) Deactivate(why error) {
	p.current.Store(nil)
	p.log.Error("no policy is active any more; every question is answered with 503", "error", why)
}

// Note notes why what came last is not active; nil: it is.
func (p *Policies) Note(err error) {
	p.conclude(err)
	p.observe(err)
}

// compiled are rules with their compiler: data changes more often than rules.
type compiled struct {
	digest   string
	modules  map[string]*ast.Module
	compiler *ast.Compiler
}

// parts parses a content, unless its rules are those of the last one.
func (l *loader) parts(c Content) (parts, error) {
	from := parts{base: strings.Join(keys(c.Revisions), ", "), data: c.Data}
	var err error
	if from.revision, err = c.revision(); err != nil {
		return from, err
	}
	if l.compiled.digest == rulesDigest(c.Modules) {
		from.modules, from.compiler = l.compiled.modules, l.compiled.compiler
		return from, nil
	}
	from.modules, err = l.parse(c.Modules)
	return from, err
}

func (l *loader) parse(list []Module) (map[string]*ast.Module, error) {
	modules := make(map[string]*ast.Module, len(list))
	for _, m := range list {
		if m.Version == ast.RegoUndefined {
			m.Version = ast.RegoV1
		}
		parsed, err := ast.ParseModuleWithOpts(m.Path, m.Text, ast.ParserOptions{
			RegoVersion: m.Version, ProcessAnnotation: true, Capabilities: l.capabilities.opa,
		})
		if err != nil {
			return nil, l.capabilities.compileError(err)
		}
		modules[m.Path] = parsed
	}
	return modules, nil
}

// revision joins "<bundle>@<revision>" of all bundles, sorted by name. A manifest that
// names none is told apart by what is there.
func (c Content) revision() (string, error) {
	all := make([]string, 0, len(c.Revisions))
	for _, name := range keys(c.Revisions) {
		revision := c.Revisions[name]
		if err := checkRevision(name + revision); err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		if revision == "" {
			revision = c.Digest()
		}
		all = append(all, name+"@"+revision)
	}
	return strings.Join(all, ","), nil
}

// Digest tells two contents apart, whatever their revisions say.
func (c Content) Digest() string {
	// Encoding sorts the names of objects, and what was decoded from JSON can be encoded.
	text, _ := json.Marshal([]any{c.Revisions, rulesDigest(c.Modules), c.Data})
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])[:12]
}

// rulesDigest tells two lists of rules apart; lengths go in as in [tree.digest].
func rulesDigest(list []Module) string {
	h := sha256.New()
	for _, m := range list {
		fmt.Fprintf(h, "%d %s %d %d ", len(m.Path), m.Path, m.Version, len(m.Text))
		h.Write([]byte(m.Text))
	}
	return hex.EncodeToString(h.Sum(nil))
}
