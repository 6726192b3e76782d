// Package explain tells a decision to the person who wrote the policy: what was decided,
// which rule allowed it, or for each rule which condition failed first, where, and what
// of the input that condition looked at.
//
// It stands behind `stepup decide --explain`. An [Explanation] shows claims and rules, so
// it is for the author's own terminal: never for callers, answers or logs.
//
//	access.Decision ─┐
//	policy.Trace  ───┼─▶ Explanation ─▶ text, or JSON
//	Sought        ───┘
//
// After a refusal [Explanation.Seek] tells of every other login that was tried: which rule
// it would have held by, what it meets that the present login fails, and at which condition
// it is refused when it is one second too old.
//
// It decides nothing: package policy traces, package access has the words for the codes.
package explain
