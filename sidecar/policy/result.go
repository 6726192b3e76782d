package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"

	"stepup/sidecar/access"
)

// A Result is what a policy said about one document. The zero value refuses without a
// reason, which is what a policy that says nothing says. Codes of reasons are
// "<package>/<code>", names of headers are in lower case.
type Result = access.Ruling

// The outputs of a policy package.
const (
	outAllow       = "allow"
	outReasons     = "reasons"
	outObligations = "obligations"
	outHeaders     = "headers"
)

// A contract reads the outputs of one package, and refuses whatever has another shape
// than was agreed: a result that was meant otherwise than we read it could be consent.
type contract struct {
	pkg    string
	names  []string // the outputs that the package has rules for; allow is first
	places map[string]*ast.Location
}

// result reads all outputs. A fault in any is a fault, whatever allow says.
func (c contract) result(values []ast.Value) (Result, error) {
	var r Result
	for i, v := range values {
		if v == nil {
			continue // undefined
		}
		if err := c.output(&r, c.names[i], v); err != nil {
			return Result{}, err
		}
	}
	return r, nil
}

func (c contract) output(r *Result, name string, v ast.Value) (err error) {
	switch name {
	case outAllow:
		r.Allow, err = c.allow(v)
	case outReasons:
		r.Reasons, err = c.reasons(v)
	case outObligations:
		r.Obligations, err = c.obligations(v)
	case outHeaders:
		r.Headers, err = c.headers(v)
	}
	return err
}

func (c contract) allow(v ast.Value) (bool, error) {
	b, ok := v.(ast.Boolean)
	if !ok {
		return false, c.fault(outAllow, "allow is %s, and must be true or false", kindOf(v))
	}
	return bool(b), nil
}

func (c contract) reasons(v ast.Value) ([]access.Reason, error) {
	list, err := c.list(outReasons, v)
	if err != nil {
		return nil, err
	}
	var reasons []access.Reason
	for _, item := range list {
		r, err := c.reason(item)
		if err != nil {
			return nil, err
		}
		if !isJSON(item) {
			return nil, c.faultOf(outReasons, item, "a reason is nothing that JSON can tell")
		}
		reasons = append(reasons, r)
	}
	return reasons, nil
}

// reason takes a sentence, or a code with its sentence.
func (c contract) reason(v ast.Value) (access.Reason, error) {
	switch v := v.(type) {
	case ast.String:
		return access.Reason{Code: access.Code(c.pkg + "/reason"), Message: string(v)}, nil
	case ast.Object:
		code, hasCode := textOf(v, "code")
		message, hasMessage := textOf(v, "message")
		if hasCode && hasMessage && v.Len() == 2 && validCode(code) {
			return access.Reason{Code: access.Code(c.pkg + "/" + code), Message: message}, nil
		}
	}
	return access.Reason{}, c.fault(outReasons,
		`a reason is %s, and must be a string or {"code": "…", "message": "…"} with a code of letters, digits, "_", "-" and "."`, kindOf(v))
}

// validCode keeps a policy's codes to what can stand in logs, labels and headers.
func validCode(code string) bool {
	for _, r := range code {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-.", r)) {
			return false
		}
	}
	return code != ""
}

func (c contract) obligations(v ast.Value) ([]access.Object, error) {
	list, err := c.list(outObligations, v)
	if err != nil {
		return nil, err
	}
	var obligations []access.Object
	for _, item := range list {
		if _, ok := item.(ast.Object); !ok {
			return nil, c.fault(outObligations, "an obligation is %s, and must be an object", kindOf(item))
		}
		plain, err := ast.JSON(item)
		if err != nil || !isJSON(item) {
			return nil, c.faultOf(outObligations, item, "an obligation is nothing that JSON can tell")
		}
		obligations = append(obligations, plain.(map[string]any))
	}
	return obligations, nil
}

// isJSON reports whether all texts in a value are UTF-8 and all numbers JSON's (RFC 8259, sections 8.1 and 6), which to_number
// makes others of.
func isJSON(v ast.Value) bool {
	valid := true
	ast.WalkTerms(ast.NewTerm(v), func(t *ast.Term) bool {
		switch v := t.Value.(type) {
		case ast.String:
			valid = valid && utf8.ValidString(string(v))
		case ast.Number:
			valid = valid && json.Valid([]byte(v))
		}
		return !valid
	})
	return valid
}

func (c contract) headers(v ast.Value) (map[string]string, error) {
	object, ok := v.(ast.Object)
	if !ok {
		return nil, c.fault(outHeaders, "headers is %s, and must be an object of strings", kindOf(v))
	}
	headers := make(map[string]string, object.Len())
	err := object.Iter(func(k, v *ast.Term) error { return c.header(headers, k.Value, v.Value) })
	if err != nil {
		return nil, err
	}
	return headers, nil
}

// header adds one field. Names are tokens (RFC 9110, section 5.1) and compared without
// case; values are printable ASCII, so that nothing can break out of its line.
func (c contract) header(headers map[string]string, k, v ast.Value) error {
	name, isText := k.(ast.String)
	value, hasText := v.(ast.String)
	lower := strings.ToLower(string(name))
	_, twice := headers[lower]
	switch {
	case !isText || !validToken(string(name)):
		return c.faultOf(outHeaders, k, "a name of headers is not the name of a header")
	case slices.Contains(neverSet(), lower):
		return c.fault(outHeaders, "the header %q is not a policy's to set", lower)
	case !hasText || !printable(string(value)):
		return c.faultOf(outHeaders, k, "the value of a header is not a string of printable ASCII")
	case twice:
		return c.faultOf(outHeaders, k, "a header is there twice")
	}
	headers[lower] = string(value)
	return nil
}

// neverSet lists headers that decide about the request itself.
func neverSet() []string {
	return []string{"authorization", "cookie", "host", "content-length", "transfer-encoding"}
}

func validToken(s string) bool {
	for _, r := range s {
		if !printable(string(r)) || strings.ContainsRune(" \"(),/:;<=>?@[\\]{}", r) {
			return false
		}
	}
	return s != ""
}

func printable(s string) bool {
	for _, r := range s {
		if r < ' ' || r > '~' {
			return false
		}
	}
	return true
}

// list takes an array, in its order, or a set, in the order of its values.
func (c contract) list(name string, v ast.Value) ([]ast.Value, error) {
	var items []ast.Value
	keep := func(t *ast.Term) { items = append(items, t.Value) }
	switch v := v.(type) {
	case *ast.Array:
		v.Foreach(keep)
	case ast.Set:
		v.Foreach(keep)
	default:
		return nil, c.fault(name, "%s is %s, and must be an array or a set", name, kindOf(v))
	}
	return items, nil
}

func (c contract) fault(output, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", ErrContract, place(c.places[output]), fmt.Sprintf(format, args...))
}

// faultOf is a fault in one value, which only the author is shown.
func (c contract) faultOf(output string, v ast.Value, text string) error {
	return &withheld{err: c.fault(output, "%s", text), detail: oneLine(v.String())}
}

// kindOf names the kind of a value, never the value: it may be somebody's data.
func kindOf(v ast.Value) string {
	switch kind := ast.ValueName(v); kind {
	case "array", "object":
		return "an " + kind
	default:
		return "a " + kind
	}
}

// textOf is a member of an object, if it is a string.
func textOf(o ast.Object, name string) (string, bool) {
	t := o.Get(ast.StringTerm(name))
	if t == nil {
		return "", false
	}
	s, ok := t.Value.(ast.String)
	return string(s), ok
}

// newContract looks up which outputs the package has rules for. Only its own count: a
// package below it that happens to be called reasons is none of ours.
func newContract(pkg ast.Ref, modules map[string]*ast.Module) (contract, error) {
	c := contract{pkg: packageName(pkg), places: map[string]*ast.Location{}}
	found := map[string]bool{}
	for _, m := range modules {
		if !m.Package.Path.Equal(pkg) {
			continue
		}
		for _, rule := range m.Rules {
			name := string(rule.Head.Ref()[0].Value.(ast.Var))
			found[name] = true
			c.placed(name, rule)
		}
	}
	for _, name := range []string{outAllow, outReasons, outObligations, outHeaders} {
		if found[name] {
			c.names = append(c.names, name)
		}
	}
	return c, c.hasAllow(pkg, modules, found)
}

// placed keeps the first place of a rule, in the order of file and line.
func (c contract) placed(name string, rule *ast.Rule) {
	if was, ok := c.places[name]; !ok || rule.Location.Compare(was) < 0 {
		c.places[name] = rule.Location
	}
}

// hasAllow demands a rule allow without parameters in the package.
func (c contract) hasAllow(pkg ast.Ref, modules map[string]*ast.Module, found map[string]bool) error {
	packages := packagesOf(modules)
	switch {
	case !slices.Contains(packages, c.pkg):
		return fmt.Errorf("no package %s here (found: %s)%s", c.pkg, listed(packages), meant(c.pkg, packages))
	case !found[outAllow]:
		return fmt.Errorf("package %s has no rule allow%s; found packages: %s",
			c.pkg, meant(outAllow, keys(found)), listed(packages))
	}
	for _, m := range modules {
		for _, rule := range m.Rules {
			if m.Package.Path.Equal(pkg) && rule.Head.Ref()[0].Value.Compare(ast.Var(outAllow)) == 0 && !plain(rule) {
				return fmt.Errorf("%s: allow must be a plain rule with the value true or false, not a function or an object", place(rule.Location))
			}
		}
	}
	return nil
}

func plain(rule *ast.Rule) bool { return len(rule.Head.Args) == 0 && len(rule.Head.Ref()) == 1 }
