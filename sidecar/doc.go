// Package sidecar assembles the service and runs it. It is the map of the house: one
// request goes through it from left to right, and imports follow the same arrow.
//
//	wire ─▶ protocol/native ─▶ access.Request ─▶ pdp ─┬▶ token      who, proven how
//	                                                  ├▶ input      the document policies see
//	                                                  ├▶ policy     would it allow?
//	                                                  ├▶ derive     if not: which login would do, how young
//	                                                  └▶ loopguard  has that been asked in vain?
//	wire ◀─ protocol/native ◀─ access.Decision ◀──────┘
//
// protocol/login is the other door, for providers: it asks the login rule, and stays shut
// until the configuration opens it.
//
// A [Core] is everything that decides: issuers and their keys, policies, the decider. The
// command `stepup decide` needs no more. A [Server] puts doors and the health listener
// around it.
//
// Only this package and cmd/stepup know everything; doors know neither tokens nor
// policies nor one another. docs/architecture.md has the table of who may import whom,
// and a test holds the code to it.
package sidecar
