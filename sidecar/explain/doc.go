// Package explain tells a decision to the person who wrote the policy: what was decided,
// which rule allowed it, or for each rule which condition failed first, where, and what
// of the input that condition looked at.
//
// It stands behind `stepup decide --explain`. An [Explanation] shows claims and rules, so
// it is for the author's own terminal: never for callers, answers or logs.
//
//	access.Decision ─┐
//	                 ├─▶ Explanation ─▶ text, or JSON
//	policy.Trace  ───┘
//
// It decides nothing and evaluates nothing: package policy traces, package access has
// the words for the codes.
package explain
