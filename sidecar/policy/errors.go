package policy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"stepup/sidecar/access"
)

// The kinds of fault. Callers ask with [errors.Is], or take the code to tell from the
// [access.Fault] that every one of them is; the text is for the log and says where in
// the policy, as file:line.
var (
	// ErrContract means that a result of the policy is not of the agreed shape.
	ErrContract = errors.New("policy result out of contract")

	// ErrEvaluation means that the policy could not be evaluated: a built-in failed,
	// two rules disagreed, or the engine itself broke.
	ErrEvaluation = errors.New("policy evaluation")

	// ErrTimeout means that the context ended before the policy had answered.
	ErrTimeout = errors.New("policy evaluation ran out of time")
)

// fault gives an error of evaluation its kind. An error that came after the end of the
// context was caused by that end, whatever the engine calls it.
func fault(ctx context.Context, err error) error {
	var te *topdown.Error
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", ErrTimeout, context.Cause(ctx))
	case errors.As(err, &te) && te.Location != nil:
		return fmt.Errorf("%w: %s: %s: %s", ErrEvaluation, place(te.Location), te.Code, oneLine(te.Message))
	default:
		return fmt.Errorf("%w: %s", ErrEvaluation, oneLine(err.Error()))
	}
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// told gives an error the code that callers are told, as an [access.Fault].
func told(err error) error {
	code := access.PolicyError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrContract):
		code = access.PolicyContract
	case errors.Is(err, ErrTimeout):
		code = access.PolicyTimeout
	}
	return &access.Fault{Code: code, Err: err}
}

func place(l *ast.Location) string {
	if l == nil {
		return "(unknown place)"
	}
	return fmt.Sprintf("%s:%d", l.File, l.Row)
}

// compileError tells the errors of parser and compiler one per line, each with file and
// line, and what can be done about those that are ours.
func (c capabilities) compileError(err error) error {
	var list ast.Errors
	if !errors.As(err, &list) {
		return err
	}
	lines := make([]error, len(list))
	for i, e := range list {
		lines[i] = fmt.Errorf("%s: %s: %s%s", place(e.Location), e.Code, e.Message, c.remedy(e))
	}
	return errors.Join(lines...)
}

func (c capabilities) remedy(e *ast.Error) string {
	name, undefined := strings.CutPrefix(e.Message, "undefined function ")
	if undefined && c.withheld[name] {
		return " (a policy may call it only when policy.builtins lists it)"
	}
	return ""
}
