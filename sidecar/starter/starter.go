package starter

import (
	"embed"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"github.com/open-policy-agent/opa/v1/ast"

	"stepup/policies"
)

//go:embed files
var files embed.FS

// Development is the provider of a folder that names no issuer of its own: tokens of the
// development issuer, which serve --dev accepts.
const Development = "stepup-demo"

// A Folder is the files of a new policy, in memory. It is never empty.
type Folder struct {
	Package  string
	Provider string
	Files    []File // by path
}

// A File is one of them.
type File struct {
	Path  string // within the folder, with slashes
	About string // in a few words
	Text  string
}

// Providers are those that a folder can be made for: every shipped vocabulary, by name.
func Providers() []string {
	return slices.Sorted(maps.Keys(policies.Vocabularies()))
}

// An UnknownProviderError names a provider that no vocabulary is shipped for.
type UnknownProviderError struct{ Provider string }

func (e UnknownProviderError) Error() string {
	return fmt.Sprintf("no vocabulary is shipped for a provider %q", e.Provider)
}

// New makes the folder of a policy. The last part of name gives the package, in which what
// stands between words becomes an underscore; a name that gives none is an error, and so is
// a provider that is not one of [Providers].
func New(name, provider string) (*Folder, error) {
	pkg, err := packageOf(name)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(Providers(), provider) {
		return nil, UnknownProviderError{provider}
	}
	p, err := readParts(provider)
	if err != nil {
		return nil, err
	}
	p.Package, p.Dev = pkg, provider == Development
	f := &Folder{Package: pkg, Provider: provider}
	return f, f.fill(p)
}

// separators are what a name may have between its words and a package may not.
var separators = regexp.MustCompile(`[-. ]+`)

// plainName is what is left: a name that no tool has to quote.
var plainName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// packageOf derives the package from the name of a folder.
func packageOf(name string) (string, error) {
	base := filepath.Base(name)
	pkg := separators.ReplaceAllString(base, "_")
	if !plainName.MatchString(pkg) {
		return "", fmt.Errorf("%q gives no name of a package: it takes letters, digits and underscores, and begins with a letter", base)
	}
	switch {
	case slices.Contains([]string{"stepup", "system", "data", "input"}, pkg):
		return "", fmt.Errorf("the name %s has a meaning of its own here: choose another", pkg)
	case pkg == "samples" || strings.HasSuffix(pkg, "_test"):
		return "", fmt.Errorf("%q is how files of tests are called: choose another name", pkg)
	}
	module, err := ast.ParseModuleWithOpts("", "package "+pkg, ast.ParserOptions{RegoVersion: ast.RegoV1})
	if err != nil || module.Package.Path.String() != "data."+pkg {
		return "", fmt.Errorf("%q is a word of Rego and names no package: choose another name", pkg)
	}
	return pkg, nil
}

// parts are what the templates are filled with.
type parts struct {
	Package  string
	Provider string
	Dev      bool   // no issuer of its own
	Issuer   string // an entry of issuers, as YAML
	Token    string // the facts of a token of it, as YAML
	Now      int64  // the moment of the samples and of the case
}

// readParts reads what differs between providers: two YAML documents, taken as text, for their
// comments are for the author.
func readParts(provider string) (parts, error) {
	text, err := files.ReadFile("files/providers/" + provider + ".yaml")
	if err != nil {
		return parts{}, fmt.Errorf("reading what is particular to %s: %w", provider, err)
	}
	issuer, token, ok := strings.Cut(string(text), "\n---\n")
	if !ok {
		return parts{}, fmt.Errorf("files/providers/%s.yaml is not an issuer, ---, and a token of it", provider)
	}
	return parts{Provider: provider, Issuer: issuer, Token: strings.TrimRight(token, "\n"), Now: moment}, nil
}

// moment is that of the shipped samples, which a test holds it to.
const moment = 1795428120

func (f *Folder) fill(p parts) error {
	for _, one := range []struct{ template, path, about string }{
		{"README.md", "README.md", "what to do next"},
		{"stepup.yaml", "stepup.yaml", "the configuration"},
		{"policy.rego", "policy/" + p.Package + ".rego", "the policy: who may do what"},
		{"policy_test.rego", "policy/" + p.Package + "_test.rego", "its tests"},
		{"manifest.json", "policy/.manifest", "what a bundle of it owns"},
		{"case.yaml", "cases/" + caseName + ".yaml", "a step-up, as it is to be answered"},
	} {
		text, err := execute(one.template, p)
		if err != nil {
			return err
		}
		f.Files = append(f.Files, File{one.path, one.about, text})
	}
	samples, err := samplesFor(p.Package)
	if err != nil {
		return err
	}
	f.Files = append(f.Files,
		File{"policy/samples_test.rego", "people, logins and requests for tests", samples},
		File{"schemas/access/input.json", "what input has, for opa check --schema", string(policies.AccessSchema())})
	slices.SortFunc(f.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return nil
}

// caseName is the case that is written; its file and its key have this name.
const caseName = "refund_after_a_password"

func execute(name string, p parts) (string, error) {
	functions := template.FuncMap{"indent": indent}
	t, err := template.New(path.Base(name)+".tmpl").Funcs(functions).ParseFS(files, "files/"+name+".tmpl")
	if err != nil {
		return "", fmt.Errorf("reading the template of %s: %w", name, err)
	}
	var b strings.Builder
	if err := t.Execute(&b, p); err != nil {
		return "", fmt.Errorf("filling the template of %s: %w", name, err)
	}
	return b.String(), nil
}

// indent moves lines to the right, the first of them behind what stands there already.
func indent(by int, text string) string {
	return strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", by))
}
