package assurance

import "slices"

// UniteScopes returns the scopes of all lists, each once, in order of first appearance
// (RFC 6749, section 3.3: a scope is a set).
func UniteScopes(lists ...[]string) []string {
	united := []string{}
	for _, list := range lists {
		for _, scope := range list {
			if !slices.Contains(united, scope) {
				united = append(united, scope)
			}
		}
	}
	return united
}
