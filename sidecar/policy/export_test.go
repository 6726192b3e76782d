package policy

import "time"

// Hurry makes watching impatient, and tells of every attempt that was concluded.
func (p *Policies) Hurry(quiet, patience time.Duration, observe func(error)) {
	p.pace = pace{quiet: quiet, patience: patience, observe: observe}
}
