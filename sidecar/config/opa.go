package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	opaconfig "github.com/open-policy-agent/opa/v1/config"
	"github.com/open-policy-agent/opa/v1/keys"
	"github.com/open-policy-agent/opa/v1/plugins/bundle"
	"github.com/open-policy-agent/opa/v1/plugins/discovery"
	"github.com/open-policy-agent/opa/v1/plugins/logs"
	"github.com/open-policy-agent/opa/v1/plugins/rest"
	"github.com/open-policy-agent/opa/v1/plugins/status"
	"go.yaml.in/yaml/v3"
)

// opaKeys are the keys of policy.opa that do something here, with OPA's own types: its
// configuration leaves its sections to its plugins, whose types stand in their places.
type opaKeys struct {
	Services     opaServices              `json:"services"`
	Labels       map[string]string        `json:"labels"`
	Keys         map[string]keys.Config   `json:"keys"`
	Bundles      map[string]bundle.Source `json:"bundles"`
	Discovery    discovery.Config         `json:"discovery"`
	DecisionLogs logs.Config              `json:"decision_logs"`
	Status       status.Config            `json:"status"`
	Persistence  string                   `json:"persistence_directory"`
}

// opaKnows reports whether OPA has a key that may do nothing here. Those that do nothing are
// refused where policy.opa is run, with the reason of each.
func opaKnows(section reflect.Type, key string) bool {
	return section == reflect.TypeFor[opaKeys]() && jsonKeys(reflect.TypeFor[opaconfig.Config]())[key] != nil
}

// opaServices may be written as a map, or as a list of services with names.
type opaServices map[string]rest.Config

// opa holds a part of policy.opa against the type that OPA reads it into, so that what is
// misspelt is told as it is in the rest of the file. What the values mean is OPA's business.
func (l *loader) opa(n *yaml.Node, t reflect.Type, path string, at Origin) {
	if isNull(n) || reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return
	}
	at.Line = n.Line
	switch t.Kind() {
	case reflect.Pointer:
		l.opa(n, t.Elem(), path, at)
	case reflect.Struct:
		l.opaSection(n, t, path, at)
	case reflect.Map:
		l.opaNames(n, t, path, at)
	case reflect.Slice:
		l.opaList(n, t, path, at)
	default:
		l.opaWord(n, t, path, at)
	}
}

// opaSection reads a map whose keys are known.
func (l *loader) opaSection(n *yaml.Node, t reflect.Type, path string, at Origin) {
	if !l.is(yaml.MappingNode, n, "a map of keys", path, at) {
		return
	}
	known := jsonKeys(t)
	for name, value := range pairs(n) {
		here := path + "." + name.Value
		at.Line = name.Line
		l.origins[here] = at
		if of, is := known[name.Value]; is {
			l.opa(value, of, here, at)
			continue
		}
		if opaKnows(t, name.Value) {
			continue
		}
		near := nearest(name.Value, slices.Collect(maps.Keys(known)))
		l.add(here, at, "unknown key", "the nearest valid key is "+path+"."+near)
	}
}

// opaNames reads a map whose keys are names that the author gives.
func (l *loader) opaNames(n *yaml.Node, t reflect.Type, path string, at Origin) {
	if t == reflect.TypeFor[opaServices]() && n.Kind == yaml.SequenceNode {
		l.opaList(n, t, path, at)
		return
	}
	if !l.is(yaml.MappingNode, n, "a map", path, at) {
		return
	}
	for name, value := range pairs(n) {
		at.Line = name.Line
		l.origins[path+"."+name.Value] = at
		l.opa(value, t.Elem(), path+"."+name.Value, at)
	}
}

func (l *loader) opaList(n *yaml.Node, t reflect.Type, path string, at Origin) {
	if !l.is(yaml.SequenceNode, n, "a list", path, at) {
		return
	}
	for i, item := range n.Content {
		l.opa(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i), at)
	}
}

// opaWord wants the tag that OPA's type can be read from. A date is none: YAML makes one of
// 2023-11-03, and OPA would send another text than was written.
func (l *loader) opaWord(n *yaml.Node, t reflect.Type, path string, at Origin) {
	want, tags := "a number", []string{"!!int", "!!float"}
	switch t.Kind() {
	case reflect.String:
		want, tags = "text", []string{"!!str"}
	case reflect.Bool:
		want, tags = "true or false", []string{"!!bool"}
	case reflect.Interface:
		return
	case reflect.Int, reflect.Int64:
		want, tags = "a whole number", []string{"!!int"}
	}
	if n.Kind == yaml.ScalarNode && slices.Contains(tags, n.ShortTag()) {
		return
	}
	do := ""
	if want == "text" && n.Kind == yaml.ScalarNode {
		do = "put it in quotes"
	}
	l.add(path, at, fmt.Sprintf("expected %s, found %s", want, found(n)), do)
}

// jsonKeys are the keys that a struct is read from, with the types of their values.
func jsonKeys(t reflect.Type) map[string]reflect.Type {
	all := map[string]reflect.Type{}
	for _, field := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.IsExported() && name != "" && name != "-" {
			all[name] = field.Type
		}
	}
	return all
}

// checkOPA holds names in policy.opa to what they name. Discovery may bring what is missing, so
// with it OPA judges when it is there.
func (l *loader) checkOPA(opa map[string]any) {
	services, keys := opaNamed(opa["services"]), opaNamed(opa["keys"])
	l.checkOPAName(opa["discovery"], "discovery", "service", "services", services)
	if opa["discovery"] != nil {
		return
	}
	for _, section := range []string{"decision_logs", "status"} {
		l.checkOPAName(opa[section], section, "service", "services", services)
	}
	bundles, _ := opa["bundles"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(bundles)) {
		source, here := bundles[name], "bundles."+name
		l.checkOPAName(source, here, "service", "services", services)
		fields, _ := source.(map[string]any)
		l.checkOPAName(fields["signing"], here+".signing", "keyid", "keys", keys)
	}
}

// checkOPAName wants the name that a section gives under a key among those that there are.
func (l *loader) checkOPAName(section any, path, key, of string, names []string) {
	fields, _ := section.(map[string]any)
	name, _ := fields[key].(string)
	if name == "" || slices.Contains(names, name) {
		return
	}
	do := fmt.Sprintf("the nearest there is %s", nearest(name, names))
	if len(names) == 0 {
		do = "there are none; add it"
	}
	l.refuse("policy.opa."+path+"."+key, fmt.Sprintf("%q is not in policy.opa.%s", name, of), do)
}

// opaNamed are the names of a map of sections, or of a list of sections with names.
func opaNamed(sections any) []string {
	switch s := sections.(type) {
	case map[string]any:
		return slices.Collect(maps.Keys(s))
	case []any:
		var names []string
		for _, each := range s {
			fields, _ := each.(map[string]any)
			if name, is := fields["name"].(string); is {
				names = append(names, name)
			}
		}
		return names
	default:
		return nil
	}
}
