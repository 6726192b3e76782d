package policy

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"

	"stepup/sidecar/access"
)

// entitiesName is the data, below the policy's package, that lists what can be searched.
const entitiesName = "entities"

// Entities returns the entities that the policy's data lists at data.<package>.entities:
//
//	{"subject": {TYPE: [ID, …]}, "resource": {TYPE: [ID, …]}, "action": [NAME, …]}
//
// False: it lists none. A list of another shape is an *access.Fault, for a search that
// leaves something out would read as "there is no more".
func (s *Snapshot) Entities(ctx context.Context) (access.Entities, bool, error) {
	value, listed, err := s.entities(ctx)
	if err != nil || !listed {
		return access.Entities{}, false, err
	}
	e, err := readEntities(value)
	if err != nil {
		err = &access.Fault{Code: access.PolicyContract, Err: fmt.Errorf("%s.%s: %w", s.pkg, entitiesName, err)}
		return access.Entities{}, false, err
	}
	return e, true, nil
}

func (s *Snapshot) entities(ctx context.Context) (any, bool, error) {
	path, err := storage.NewPathForRef(s.pkg.Append(ast.StringTerm(entitiesName)))
	if err != nil {
		return nil, false, &access.Fault{Code: access.PolicyError, Err: err}
	}
	stored, err := storage.ReadOne(ctx, s.policy.store, path)
	if storage.IsNotFound(err) {
		return nil, false, nil
	}
	if err == nil {
		if value, isValue := stored.(ast.Value); isValue {
			stored, err = ast.JSON(value)
		}
	}
	if err != nil {
		return nil, false, &access.Fault{Code: access.PolicyError, Err: fmt.Errorf("reading entities: %w", err)}
	}
	return stored, true, nil
}

func readEntities(value any) (e access.Entities, err error) {
	object, ok := value.(map[string]any)
	if !ok {
		return e, fmt.Errorf("must be an object with subject, resource and action")
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		switch name {
		case "subject":
			e.Subjects, err = readTypes(object[name])
		case "resource":
			e.Resources, err = readTypes(object[name])
		case "action":
			e.Actions, err = readNames(object[name])
		default:
			err = fmt.Errorf("is none of subject, resource and action")
		}
		if err != nil {
			return access.Entities{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	return e, nil
}

func readTypes(value any) (map[string][]string, error) {
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("must be an object of types, each with an array of ids")
	}
	types := map[string][]string{}
	for name, list := range object {
		ids, err := readNames(list)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		types[name] = ids
	}
	return types, nil
}

func readNames(value any) ([]string, error) {
	list, ok := value.([]any)
	if !ok {
		return nil, fmt.Errorf("must be an array of texts")
	}
	names := make([]string, len(list))
	for i, item := range list {
		name, ok := item.(string)
		if !ok || name == "" || slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("item %d must be a text that is not empty, once", i)
		}
		names[i] = name
	}
	return names, nil
}
