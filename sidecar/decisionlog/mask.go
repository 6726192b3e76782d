package decisionlog

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/plugins"
	"github.com/open-policy-agent/opa/v1/plugins/logs"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/server"
	"github.com/open-policy-agent/opa/v1/storage"
)

// rulesAt asks for a document of the policy, which may be rules or data. It keeps the query
// until there is another compiler.
type rulesAt struct {
	compiler *ast.Compiler
	path     string
	ref      ast.Ref
	ruled    bool // there are rules at the path, and not only data
	query    rego.PreparedEvalQuery
}

// there reports whether there is anything at the path.
func (r *rulesAt) there(ctx context.Context, manager *plugins.Manager, path string, txn storage.Transaction) (bool, error) {
	if err := r.prepare(ctx, manager, path, txn); err != nil {
		return false, err
	}
	return r.ruled || r.inData(ctx, manager, txn), nil
}

// masks returns what is to be masked in an event, as OPA's plugin will find too.
func (r *rulesAt) masks(ctx context.Context, manager *plugins.Manager, txn storage.Transaction, event *server.Info) ([]any, error) {
	value, err := eventValue(manager, event)
	if err != nil {
		return nil, err
	}
	set, err := r.query.Eval(ctx, rego.EvalParsedInput(value), rego.EvalTransaction(txn))
	if err != nil || len(set) == 0 {
		return nil, err
	}
	rules, ok := set[0].Expressions[0].Value.([]any)
	if !ok {
		return nil, fmt.Errorf("%s is no set of paths but a %T", r.path, set[0].Expressions[0].Value)
	}
	return rules, nil
}

func (r *rulesAt) prepare(ctx context.Context, manager *plugins.Manager, path string, txn storage.Transaction) error {
	compiler := manager.GetCompiler()
	if r.ref != nil && r.compiler == compiler && r.path == path {
		return nil
	}
	ref := ast.DefaultRootRef
	for _, name := range strings.Split(strings.Trim(path, "/"), "/") {
		ref = ref.Append(ast.StringTerm(name))
	}
	query, err := rego.New(
		rego.ParsedQuery(ast.NewBody(ast.NewExpr(ast.NewTerm(ref)))),
		rego.Compiler(compiler), rego.Store(manager.Store), rego.Transaction(txn), rego.Runtime(manager.Info),
	).PrepareForEval(ctx)
	if err != nil {
		return err
	}
	*r = rulesAt{compiler: compiler, path: path, ref: ref, query: query, ruled: compiler != nil && len(compiler.GetRules(ref)) > 0}
	return nil
}

func (r *rulesAt) inData(ctx context.Context, manager *plugins.Manager, txn storage.Transaction) bool {
	path, err := storage.NewPathForRef(r.ref)
	if err != nil {
		return false
	}
	_, err = manager.Store.Read(ctx, txn, path)
	return err == nil
}

// eventValue is the event as OPA's plugin shows it to the rule.
func eventValue(manager *plugins.Manager, event *server.Info) (ast.Value, error) {
	e := logs.EventV1{
		Labels: manager.Labels(), DecisionID: event.DecisionID, TraceID: event.TraceID, SpanID: event.SpanID,
		Revision: event.Revision, Bundles: map[string]logs.BundleInfoV1{}, Path: event.Path,
		Input: event.Input, Result: event.Results, RequestedBy: event.RemoteAddr,
		Timestamp: event.Timestamp, Metrics: event.Metrics.All(), RuleLabels: event.EvaluatedRuleLabels, Custom: event.Custom,
	}
	for name, b := range event.Bundles {
		e.Bundles[name] = logs.BundleInfoV1{Revision: b.Revision}
	}
	return e.AST()
}

// carryOut masks what OPA's plugin would not find, and notes it in the event's member
// custom as the plugin notes what it masks. The plugin goes on to decide by the document
// as it was.
func carryOut(rules []any, event *server.Info) error {
	for _, raw := range rules {
		r, err := readRule(raw)
		if err != nil {
			return err
		}
		if !sound(maxDepth, r.value) {
			return fmt.Errorf("what is put in at %s has a number that a double does not hold, or more than %d levels", r.path, maxDepth)
		}
		part := r.part(event)
		if part == nil || *part == nil || r.foundByOPA(*part) {
			continue
		}
		if changed, done := r.edit(*part, r.below); done {
			*part = changed
			note(event, r)
		}
	}
	return nil
}

func note(event *server.Info, r rule) {
	name := "masked"
	if r.remove {
		name = "erased"
	}
	if event.Custom == nil {
		event.Custom = map[string]any{}
	}
	noted, _ := event.Custom[name].([]any)
	event.Custom[name] = append(noted, r.path)
}

// A rule is one path that is to be masked.
type rule struct {
	path   string
	remove bool
	value  any      // in its place, unless it is removed
	root   string   // input or result
	below  []string // the path below that, as it is written
}

// readRule reads a rule as OPA's plugin does, which loses an event whose masks it cannot
// read. So do we.
func readRule(raw any) (rule, error) {
	r := rule{remove: true}
	switch v := raw.(type) {
	case string:
		r.path = v
	case map[string]any:
		r.path, _ = v["path"].(string)
		r.value = v["value"]
		switch v["op"] {
		case "remove":
		case "upsert":
			r.remove = false
		default:
			return r, fmt.Errorf("op is %v, want remove or upsert", v["op"])
		}
	default:
		return r, fmt.Errorf("a mask is %s, want a text or an object", kindOf(raw))
	}
	if !strings.HasPrefix(r.path, "/") {
		return r, fmt.Errorf("the path %q does not begin with /", r.path)
	}
	segments := strings.Split(r.path[1:], "/")
	r.root, r.below = segments[0], segments[1:]
	if !slices.Contains([]string{"input", "result", "nd_builtin_cache"}, r.root) {
		return r, fmt.Errorf("the path %q begins with neither /input nor /result", r.path)
	}
	if _, err := url.PathUnescape(r.path); err != nil {
		return r, errors.New("a path has a % that OPA cannot read")
	}
	return r, nil
}

// kindOf names what a rule made, as Rego's type_name does.
func kindOf(raw any) string {
	value, err := ast.InterfaceToValue(raw)
	if err != nil {
		return "of no type of Rego"
	}
	return ast.ValueName(value)
}

// part is what the rule is about; nil: nothing that an event has.
func (r rule) part(event *server.Info) *any {
	switch r.root {
	case "input":
		return event.Input
	case "result":
		return event.Results
	}
	return nil
}

// foundByOPA walks as OPA's plugin does: each segment, with the escapes of a URL put in, is
// the name of a member or the index of an item.
func (r rule) foundByOPA(node any) bool {
	for _, segment := range r.below {
		switch n := node.(type) {
		case map[string]any:
			child, there := n[url.PathEscape(segment)]
			if !there {
				return false
			}
			node = child
		case []any:
			i, err := strconv.Atoi(segment)
			if err != nil || i < 0 || i >= len(n) {
				return false
			}
			node = n[i]
		default:
			return false
		}
	}
	return true
}

// edit masks below a node and returns the node that is to stand in its place. A name may be
// written with the escapes of a JSON pointer (~1 for /, ~0 for ~), with those of a URL, or
// as it is, slashes included.
func (r rule) edit(node any, rest []string) (any, bool) {
	if len(rest) == 0 {
		return r.value, true
	}
	switch n := node.(type) {
	case map[string]any:
		return n, r.editObject(n, rest)
	case []any:
		return r.editList(n, rest)
	}
	return node, false
}

func (r rule) editObject(o map[string]any, rest []string) bool {
	for length := 1; length <= len(rest); length++ {
		for _, name := range spellings(strings.Join(rest[:length], "/")) {
			child, there := o[name]
			if !there {
				continue
			}
			if length == len(rest) && r.remove {
				delete(o, name)
				return true
			}
			if changed, done := r.edit(child, rest[length:]); done {
				o[name] = changed
				return true
			}
		}
	}
	return false
}

func (r rule) editList(list []any, rest []string) (any, bool) {
	i, err := strconv.Atoi(rest[0])
	if err != nil || i < 0 || i >= len(list) {
		return list, false
	}
	if len(rest) == 1 && r.remove {
		return slices.Delete(list, i, i+1), true
	}
	changed, done := r.edit(list[i], rest[1:])
	if done {
		list[i] = changed
	}
	return list, done
}

// spellings are the names that a written one may stand for.
func spellings(written string) []string {
	all := []string{written, strings.NewReplacer("~1", "/", "~0", "~").Replace(written)}
	if name, err := url.PathUnescape(written); err == nil {
		all = append(all, name)
	}
	return slices.Compact(all)
}
