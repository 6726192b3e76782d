package policy

import (
	"github.com/open-policy-agent/opa/v1/ast"

	"stepup/sidecar/access"
)

// ParseLogin takes an answer of the login rule apart, written as a term of Rego.
func (s *Snapshot) ParseLogin(answer string) (access.LoginAnswer, error) {
	return s.library.parseLogin(ast.MustParseTerm(answer).Value)
}
