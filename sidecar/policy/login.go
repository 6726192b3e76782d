package policy

import (
	"context"
	"fmt"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"

	"stepup/policies"
	"stepup/sidecar/access"
)

// Login asks the login rule what a provider is to do. The document is of the schema
// schema.login.input, complete; the rule refuses one that it does not understand. The rule
// is the library's own: no policy adds to it, and of a policy's data it reads the levels.
// Errors are [ErrEvaluation] and [ErrTimeout].
func (s *Snapshot) Login(ctx context.Context, doc access.Object) (access.LoginAnswer, error) {
	answer, err := s.library.answerLogin(ctx, doc)
	return answer, told(err)
}

// compileLogin compiles stepup.login apart from stepup.assurance. Most sidecars never ask it.
func (l *library) compileLogin() (*program, error) {
	modules, err := parseModules(policies.LoginRule())
	if err != nil {
		return nil, err
	}
	safe, err := newCapabilities(nil)
	if err != nil {
		return nil, err
	}
	data := access.Object{libraryPackage: access.Object{"levels": l.data.Levels, "factors": policies.Factors()}}
	return newProgram(context.Background(), parts{modules: modules, data: data}, safe, []ast.Ref{ast.MustParseRef("data.stepup.login.login")})
}

// loginIf compiles the login rule if it is wanted.
func (l *library) loginIf(wanted bool) (*program, error) {
	if !wanted {
		return nil, nil
	}
	return l.login()
}

func (l *library) answerLogin(ctx context.Context, doc access.Object) (access.LoginAnswer, error) {
	in, err := ast.InterfaceToValue(doc)
	if err != nil {
		return access.LoginAnswer{}, unreadable("the login", err)
	}
	rule, err := l.login()
	if err != nil {
		return access.LoginAnswer{}, fmt.Errorf("%w: compiling the login rule: %w", ErrEvaluation, err)
	}
	values, err := rule.run(ctx, in, 0) // the rule reads no clock but the document's
	if err != nil {
		return access.LoginAnswer{}, err
	}
	return l.parseLogin(values[0])
}

// parseLogin takes the rule's answer apart. The rule gives one of three; anything else is
// a mistake of ours, and neither claims nor factors.
func (l *library) parseLogin(v ast.Value) (access.LoginAnswer, error) {
	object, ok := v.(ast.Object)
	if !ok {
		return access.LoginAnswer{}, oddLogin("answer")
	}
	p := readingParser{object: object}
	var answer access.LoginAnswer
	switch {
	case hasExactly(object, "error"):
		answer.Error = p.text("error")
		p.expect("error", slices.Contains(loginErrors(), answer.Error))
	case hasExactly(object, "factors", "remembered_device"):
		answer.Factors = p.texts("factors")
		p.expect("factors", len(answer.Factors) > 0)
		p.expect("remembered_device", p.text("remembered_device") == "ignore")
	case hasExactly(object, "claims"):
		claims, err := l.parseLoginClaims(p.value("claims"))
		return access.LoginAnswer{Claims: claims}, err
	default:
		p.odd = "answer"
	}
	if p.odd != "" {
		return access.LoginAnswer{}, oddLogin(p.odd)
	}
	return answer, nil
}

// parseLoginClaims takes claims of one level that there is, told twice, and its time.
func (l *library) parseLoginClaims(v ast.Value) (*access.LoginClaims, error) {
	object, ok := v.(ast.Object)
	if !ok || !hasExactly(object, "authentication_level", "acr", "amr", "auth_time") {
		return nil, oddLogin("claims")
	}
	p := readingParser{object: object}
	c := access.LoginClaims{Level: p.text("authentication_level"), ACR: p.text("acr"), Methods: p.texts("amr"), AuthTime: p.seconds("auth_time")}
	p.expect("authentication_level", l.catalog.Order().Known(c.Level))
	p.expect("acr", c.ACR == c.Level)
	if p.odd != "" {
		return nil, oddLogin(p.odd)
	}
	return &c, nil
}

func oddLogin(member string) error {
	return fmt.Errorf("%w: the member %s of stepup.login.login is odd", ErrEvaluation, member)
}

func loginErrors() []string {
	return []string{access.LoginRequired, access.InteractionRequired, access.UnmetAuthentication}
}

func hasExactly(o ast.Object, names ...string) bool {
	for _, name := range names {
		if o.Get(ast.StringTerm(name)) == nil {
			return false
		}
	}
	return o.Len() == len(names)
}
