// Package starter is what a new policy begins with: a folder that answers at once and that
// the stock tools take as it is, for `stepup init`.
//
// It owns the files and how they come to be. The policy, its tests and the README are
// templates in files; the schema and the samples are made from the ones that are shipped
// (policies), so that they are written once; the issuer and the token of
// the case are those of files/providers, one file for each vocabulary.
//
// [New] makes the files in memory, [Folder.Write] puts them on the disk: all or none, and
// never over anything that is there.
//
// Why the folder looks as it does: OPA loads every JSON or YAML file of a folder as data,
// merged by folder, so nothing but the policy stands in policy/. A manifest's roots shut out
// every other package, so they name the tests' package too. And the samples are a package
// of tests, because rules below data.stepup belong to the program.
//
// It leaves to others: checking what an author makes of it and running its tests (policy), and
// printing (cmd/stepup).
package starter
