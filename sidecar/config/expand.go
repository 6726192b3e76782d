package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// variable is how a text names a variable of the environment.
var variable = regexp.MustCompile(`\$\{([^{}]*)\}`)

// expand puts variables of the environment in the place of ${NAME}, in values and not in
// keys. OPA does so with the text of its file; we do it with each value, so that what a
// variable holds can be no YAML. Where OPA reads a variable that is not set as empty, we
// refuse it: an empty credential or address is nobody's intention.
func (l *loader) expand(n *yaml.Node, path string, at Origin) {
	if n.Kind == yaml.MappingNode {
		for name, value := range pairs(n) {
			l.expand(value, path+"."+name.Value, at)
		}
		return
	}
	for _, item := range n.Content {
		l.expand(item, path, at)
	}
	if n.Kind != yaml.ScalarNode || !variable.MatchString(n.Value) {
		return
	}
	at.Line = n.Line
	n.Value = variable.ReplaceAllStringFunc(n.Value, func(text string) string {
		name := text[2 : len(text)-1]
		value, ok := l.variable(name)
		if !ok {
			l.add(path, at, fmt.Sprintf("the environment has no variable %q", name), "set it, or write the value out")
		}
		return value
	})
	if n.Style&^yaml.FlowStyle == 0 {
		n.Tag = "" // written without quotes and tag, a number is a number
	}
}

// variable looks up any variable, ours or not. Of a name given twice the last counts.
func (l *loader) variable(name string) (string, bool) {
	for _, entry := range slices.Backward(l.environ) {
		if value, ok := strings.CutPrefix(entry, name+"="); ok && name != "" {
			return value, true
		}
	}
	return "", false
}
