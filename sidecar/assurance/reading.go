package assurance

import "stepup/sidecar/access"

// A Reading is what the library read in one token's claims.
type Reading struct {
	Assurance access.Assurance
	// Invalid names the claims that the vocabulary reads and that are of the wrong JSON
	// type. A token with one of these is refused.
	Invalid []string
	// Graded reports that a claim of levels is there, whatever it says. The library does not
	// tell it: who combines readings does.
	Graded bool
}
