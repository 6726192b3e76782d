// Package watch owns following files that somebody edits, moves or mounts while we run: when to
// read them again, how long what cannot be read may be half-written, and when to give word.
//
//	the system's events ─▶ Follow ─▶ Load (swap it whole, or refuse it) ─▶ Told
//
// What is read, and what becomes of it, is its caller's affair: a policy, a table of routes.
package watch
