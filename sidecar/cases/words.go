package cases

import (
	"errors"
	"reflect"
	"regexp"
	"strings"

	"github.com/agnivade/levenshtein"
	"go.yaml.in/yaml/v3"
)

// unknownKey is how the YAML library tells of a key that a struct has no field for.
var unknownKey = regexp.MustCompile(`^(line \d+): field (\S+) not found in type cases\.(\w+)$`)

// inOurWords tells of keys that a case does not have without the names of our types, each
// with the nearest that it has.
func inOurWords(err error) error {
	told, ok := errors.AsType[*yaml.TypeError](err)
	if !ok {
		return err
	}
	lines := make([]string, len(told.Errors))
	for i, line := range told.Errors {
		lines[i] = unknownKey.ReplaceAllStringFunc(line, func(string) string {
			m := unknownKey.FindStringSubmatch(line)
			return m[1] + ": unknown key " + m[2] + "; the nearest valid key is " + nearest(m[2], keysOf(m[3]))
		})
	}
	return errors.New(strings.Join(lines, "; "))
}

// keysOf lists the keys of one of the types that a case is made of.
func keysOf(name string) []string {
	var keys []string
	for _, part := range []any{Case{}, Token{}, Policy{}, Expectation{}, Assurance{}, HTTP{}, Problem{}} {
		if t := reflect.TypeOf(part); t.Name() == name {
			for i := range t.NumField() {
				if key := t.Field(i).Tag.Get("yaml"); key != "-" {
					keys = append(keys, key)
				}
			}
		}
	}
	return keys
}

// nearest is the first key of those that take the fewest edits.
func nearest(name string, keys []string) string {
	best, least := "", 0
	for _, key := range keys {
		if d := levenshtein.ComputeDistance(strings.ToLower(name), key); best == "" || d < least {
			best, least = key, d
		}
	}
	return best
}
