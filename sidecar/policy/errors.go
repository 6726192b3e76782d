package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"stepup/sidecar/access"
)

// The kinds of fault. Callers ask with [errors.Is], or take the code to tell from the
// [access.Fault] that every one of them is; the text is for the log and says where in
// the policy, as file:line. It never holds what the policy was looking at.
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
//
// The engine's own message is withheld: built-ins repeat what they were given, and that
// may be a claim.
func fault(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ErrTimeout, context.Cause(ctx))
	}
	told, own := apart(err)
	return &withheld{err: fmt.Errorf("%w: %s", ErrEvaluation, told), detail: oneLine(own)}
}

// apart splits an error of the engine into what depends on the policy alone (the place,
// the engine's code and the built-in) and the engine's own message.
func apart(err error) (told, own string) {
	te, ok := errors.AsType[*topdown.Error](err)
	if !ok {
		return fmt.Sprintf("an error of the engine (%T)", err), err.Error()
	}
	told = place(te.Location) + ": " + te.Code
	if name, rest, _ := strings.Cut(te.Message, ": "); ast.BuiltinMap[name] != nil {
		return told + ": " + name + " (" + failed(rest) + ")", rest
	}
	if te.Code == topdown.ConflictErr {
		return told + " (" + disagreement(te) + ")", te.Message
	}
	return told, te.Message
}

// failed says of a built-in function that failed why, as far as that is nobody's data.
func failed(own string) string {
	switch own {
	case "divide by zero", "modulo by zero":
		return "a division by zero"
	}
	return "this function cannot work with what it was given here"
}

// ruleName is how the text of a rule begins.
var ruleName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*`)

// disagreement says which rules contradict each other, by the name that they have in the
// text of the policy.
func disagreement(te *topdown.Error) string {
	if strings.HasPrefix(te.Message, "object ") {
		return "one key of an object is given two values"
	}
	name := "one name"
	if te.Location != nil {
		name = cmp.Or(ruleName.FindString(string(te.Location.Text)), name)
	}
	return "two rules give " + name + " different values"
}

// broke is the fault of an engine that panicked. Only errors of the runtime are sure to
// speak of the program and not of what it was looking at.
func broke(reason any) error {
	what := fmt.Sprintf("%T", reason)
	if err, ok := reason.(runtime.Error); ok {
		what = err.Error()
	}
	return &withheld{err: fmt.Errorf("%w: the engine broke: %s", ErrEvaluation, what), detail: oneLine(fmt.Sprint(reason))}
}

// unreadable is the fault of what cannot be made a value of Rego.
func unreadable(what string, err error) error {
	return &withheld{err: fmt.Errorf("%w: reading %s", ErrEvaluation, what), detail: oneLine(err.Error())}
}

// A withheld error keeps out of its text what may be somebody's data. Errors go to the
// log, which is not to know more of a person than it is told to; see [forAuthor].
type withheld struct {
	err    error
	detail string
}

func (w *withheld) Error() string { return w.err.Error() }
func (w *withheld) Unwrap() error { return w.err }

// forAuthor gives an error the text with what was withheld, for whoever has the document
// in front of them anyway.
func forAuthor(err error) error {
	if w, ok := errors.AsType[*withheld](err); ok {
		return &complete{err, w.detail}
	}
	return err
}

type complete struct {
	err    error
	detail string
}

func (c *complete) Error() string { return c.err.Error() + ": " + c.detail }
func (c *complete) Unwrap() error { return c.err }

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
	switch {
	case l == nil:
		return "(unknown place)"
	case l.Row == 0:
		return l.File // the file as a whole
	}
	return fmt.Sprintf("%s:%d", l.File, l.Row)
}

// compileError tells the errors of parser and compiler one per line, each with file and
// line, and what can be done about those that are ours.
func (c capabilities) compileError(err error) error {
	list := engineErrors(err)
	if list == nil {
		return err
	}
	lines := make([]error, len(list))
	for i, e := range list {
		lines[i] = fmt.Errorf("%s: %s: %s%s", place(e.Location), e.Code, e.Message, c.remedy(e))
	}
	return errors.Join(lines...)
}

// engineErrors are those of parser and compiler, be it one or several; nil: it is another error.
func engineErrors(err error) ast.Errors {
	if list, ok := errors.AsType[ast.Errors](err); ok {
		return list
	}
	if one, ok := errors.AsType[*ast.Error](err); ok {
		return ast.Errors{one}
	}
	return nil
}

func (c capabilities) remedy(e *ast.Error) string {
	if e.Message == "empty module" {
		return " (this file is empty or has comments only: begin it with its package, such as package shop, and write a rule, or remove it)"
	}
	name, undefined := strings.CutPrefix(e.Message, "undefined function ")
	if undefined && c.withheld[name] {
		return " (a policy may call it only when policy.builtins lists it)"
	}
	return ""
}
