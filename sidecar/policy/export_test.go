package policy

import (
	"context"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"stepup/sidecar/watch"
)

// Hurry makes watching impatient.
func (p *Policies) Hurry(quiet, patience time.Duration) {
	p.pace = watch.Pace{Quiet: quiet, Patience: patience}
}

// BrokenEngine runs a program that was never prepared, in which the engine panics.
func BrokenEngine() error {
	_, err := new(program).run(context.Background(), ast.Null{}, 0)
	return err
}

// ReadingsMade tells how many readings are kept.
func (s *Snapshot) ReadingsMade() int { return s.library.readings.Len() }

// Sees lists the parts of a document that the policy could look at.
func (s *Snapshot) Sees() []string {
	paths := []string{}
	for _, p := range s.parts {
		paths = append(paths, strings.Join(p.Path(), "."))
	}
	return paths
}
