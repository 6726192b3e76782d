// Package policy owns OPA: it loads Rego from a folder, a bundle or the embedded
// demonstration, admits or refuses it, evaluates it and reads its results strictly.
//
// A [Policies] follows one source and holds its active [Snapshot]. A snapshot is
// immutable: compiled policy, its data, the assurance library and the vocabularies are
// one thing with one revision, and are swapped whole. Whoever takes a snapshot keeps a
// consistent world for as long as a decision lasts.
//
//	source ─▶ files ─▶ admit ─▶ Snapshot ─┬▶ Assure    what the token tells of the login
//	                                      ├▶ Evaluate  allow, reasons, obligations, headers
//	                                      ├▶ Timeless  does any of that read a clock?
//	                                      └▶ Trace     which condition failed, and where
//
// The library (stepup.assurance) is compiled and stored apart from the policy, so that
// a folder with one file is a complete policy and nothing in it can change how a token
// is read. Of a policy's own tree only data below stepup/levels and stepup/vocabularies
// reaches the library, and only after [stepup/sidecar/assurance] has merged it.
//
// [Check] is for authors: stricter than loading, it holds every package to the schema of
// the document. [Test] runs their Rego tests as they would be served.
//
// A fault is an error here and never an answer: [ErrContract], [ErrEvaluation] and
// [ErrTimeout]. An undefined allow is no fault; it refuses.
//
// It leaves to others: verifying tokens (token), the document (input), the laws of
// levels and vocabularies (assurance), and what a refusal means (pdp).
package policy
