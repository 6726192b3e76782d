package policy

import (
	"context"
	"fmt"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"

	"stepup/sidecar/access"
)

// A program is compiled Rego with its data and one prepared query. It is immutable and
// safe for concurrent use.
type program struct {
	compiler *ast.Compiler
	store    storage.Store
	query    rego.PreparedEvalQuery
	outputs  []ast.Ref
}

// newProgram compiles modules apart from everything else and prepares one query for all
// outputs. Not strict: what OPA runs unchanged, we run unchanged.
func newProgram(ctx context.Context, from parts, c capabilities, outputs []ast.Ref) (*program, error) {
	store, err := newStore(from.data)
	if err != nil {
		return nil, err
	}
	compiler, err := compile(ctx, from, store, c)
	if err != nil {
		return nil, err
	}
	p := &program{compiler: compiler, store: store, outputs: outputs}
	return p, p.prepare(ctx)
}

func newStore(data access.Object) (storage.Store, error) {
	value, err := ast.InterfaceToValue(data)
	if err != nil {
		return nil, fmt.Errorf("reading data: %w", err)
	}
	return inmem.NewFromASTObject(value.(ast.Object)), nil
}

// compile refuses, besides what OPA refuses, a rule and data of the same name: which of
// the two a policy would see is not for us to choose. Rules that are compiled already only
// meet the new data: compilers are never changed once they are made.
func compile(ctx context.Context, from parts, store storage.Store, c capabilities) (*ast.Compiler, error) {
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		return nil, err
	}
	defer store.Abort(ctx, txn)
	if from.compiler != nil {
		if conflicts := ast.CheckPathConflicts(from.compiler, storage.NonEmpty(ctx, store, txn)); len(conflicts) > 0 {
			return nil, c.compileError(conflicts)
		}
		return from.compiler, nil
	}
	compiler := ast.NewCompiler().
		WithCapabilities(c.opa).
		WithDefaultRegoVersion(ast.RegoV1).
		WithPathConflictsCheck(storage.NonEmpty(ctx, store, txn))
	if compiler.Compile(from.modules); compiler.Failed() {
		return nil, c.compileError(compiler.Errors)
	}
	return compiler, nil
}

// resultVar is the one variable of a program's query.
const resultVar = "result"

// prepare makes the query `result = [[x | x = data.…], …]`: an output that is undefined
// is an empty array, and does not make the others undefined too.
func (p *program) prepare(ctx context.Context) (err error) {
	parts := make([]*ast.Term, len(p.outputs))
	for i, ref := range p.outputs {
		x := ast.VarTerm(fmt.Sprintf("x%d", i))
		parts[i] = ast.ArrayComprehensionTerm(x, ast.NewBody(ast.Equality.Expr(x, ast.NewTerm(ref))))
	}
	query := ast.NewBody(ast.Equality.Expr(ast.VarTerm(resultVar), ast.ArrayTerm(parts...)))
	p.query, err = p.rego(rego.ParsedQuery(query)).PrepareForEval(ctx)
	return err
}

// rego has what every query over the program needs. Strict built-in errors are part of
// "silence is never consent": without them a failing built-in below `not` would allow.
func (p *program) rego(options ...func(*rego.Rego)) *rego.Rego {
	return rego.New(append(options,
		rego.Compiler(p.compiler),
		rego.Store(p.store),
		rego.StrictBuiltinErrors(true),
		rego.GenerateJSON(func(t *ast.Term, _ *rego.EvalContext) (any, error) { return t.Value, nil }),
	)...)
}

// run evaluates the outputs for one input at one moment; an undefined one is nil. Clocks
// inside the policy show now, the whole second that the document shows.
func (p *program) run(ctx context.Context, in ast.Value, now int64, more ...rego.EvalOption) (values []ast.Value, err error) {
	defer func() {
		if r := recover(); r != nil {
			values, err = nil, broke(r)
		}
	}()
	if ctx.Err() != nil {
		return nil, fault(ctx, ctx.Err())
	}
	// The end of the context cancels without a goroutine that waits for it.
	cancel := topdown.NewCancel()
	defer context.AfterFunc(ctx, cancel.Cancel)()
	set, err := p.query.Eval(ctx, append(more, rego.EvalParsedInput(in), rego.EvalTime(time.Unix(now, 0)),
		rego.EvalExternalCancel(cancel), rego.EvalMetrics(metrics.NoOp()))...)
	if err != nil {
		return nil, fault(ctx, err)
	}
	return p.values(set)
}

func (p *program) values(set rego.ResultSet) ([]ast.Value, error) {
	if len(set) != 1 {
		return nil, fmt.Errorf("%w: the query has %d results", ErrEvaluation, len(set))
	}
	all, ok := set[0].Bindings[resultVar].(*ast.Array)
	if !ok || all.Len() != len(p.outputs) {
		return nil, fmt.Errorf("%w: the query's result is odd", ErrEvaluation)
	}
	values := make([]ast.Value, all.Len())
	for i := range values {
		if one := all.Elem(i).Value.(*ast.Array); one.Len() > 0 {
			values[i] = one.Elem(0).Value
		}
	}
	return values, nil
}
