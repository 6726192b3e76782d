package config

import (
	"fmt"
	"slices"
	"strings"
)

// check holds the values against one another and against what they are for. What one
// value alone says wrong was refused when it was read.
func (l *loader) check() {
	l.checkListeners()
	l.checkCallers(l.config.Callers)
	l.checkPolicy(l.config.Policy)
	l.checkIssuers(l.config.Issuers)
	l.checkHeaders(l.config.Headers)
	l.checkRoutes(l.config.Routes)
	l.checkGateways(l.config.Gateways)
}

// refuse notes a problem with the value at path, unless one is noted there already.
func (l *loader) refuse(path, what, do string) {
	l.refuseAt(path, l.origin(path), what, do)
}

// refuseAt is refuse for a problem that was written elsewhere than at path.
func (l *loader) refuseAt(path string, at Origin, what, do string) {
	if !slices.ContainsFunc(l.faults, func(p Problem) bool { return p.Path == path }) {
		l.add(path, at, what, do)
	}
}

// missing notes that a value had to be given because of what was written at cause, unless
// its section is no map, or has an unknown key that is probably that value, misspelt.
func (l *loader) missing(path, cause, what, do string) {
	if !l.typo[path[:strings.LastIndex(path, ".")+1]] {
		l.refuseAt(path, l.origin(cause), what, do)
	}
}

// origin is where the value at path was written; of a default, the nearest thing around
// it that somebody wrote.
func (l *loader) origin(path string) Origin { return originOf(l.origins, path) }

func originOf(origins map[string]Origin, path string) Origin {
	for path != "" {
		if at := origins[path]; at.Source != Default {
			return at
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return Origin{}
}

// filled refuses empty and repeated elements of a list.
func (l *loader) filled(path string, list []string) {
	for i, s := range list {
		here := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case strings.TrimSpace(s) == "":
			l.refuse(here, "empty", "leave it out")
		case slices.Contains(list[:i], s):
			l.refuse(here, fmt.Sprintf("%q is there twice", s), "keep one")
		}
	}
}
