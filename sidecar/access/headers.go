package access

import "strings"

// HeaderNames is a list of header names from the configuration: in lower case, literal or
// with a "*" at the end that stands for any rest. The zero value admits none.
type HeaderNames []string

// Admit reports whether the list has a lower-case name.
func (h HeaderNames) Admit(name string) bool {
	for _, pattern := range h {
		prefix, wild := strings.CutSuffix(pattern, "*")
		if name == pattern || (wild && strings.HasPrefix(name, prefix)) {
			return true
		}
	}
	return false
}

// Literal returns the names without a "*".
func (h HeaderNames) Literal() []string {
	var names []string
	for _, pattern := range h {
		if !strings.HasSuffix(pattern, "*") {
			names = append(names, pattern)
		}
	}
	return names
}
