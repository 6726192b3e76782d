// Package pdp is the policy decision point: the steps from a question to its answer,
// and nothing else.
//
//	verify ─▶ assure ─▶ evaluate ─▶ derive ─▶ conclude ─▶ record
//
// It owns the order of the steps, what an outcome is made of, and the promise that every
// question gets exactly one [access.Decision] and one record. What it needs of others it
// states as small interfaces: a [Verifier], the active [Policy], a [Recorder].
//
// After a refusal it derives the step-up: an oracle over imagined documents for the search of
// derive, held back where newer logins did not help.
//
// A [Decider] returns a decision and no error: a fault on the way becomes Indeterminate,
// so that a door has nothing to forget. In doubt the answer is no: without a verified
// token the policy is not asked, because rules under a negation would allow on absence.
//
// [Decider.Require] answers what a resource needs before there is a token. It lets nobody
// in; there, in doubt, the answer is the weaker one, so that nobody is sent away for less
// than they would later be asked for.
package pdp
