// Command bench measures the sidecar side by side with what it is compared with, in one run:
//
//	limit  an echo handler that decodes the same body as strictly and writes a fixed answer
//	       of the size of ours: as fast as answering nothing
//	us     stepup serve
//	opa    OPA's own server, from the same go.mod, at its best for this work: the same rules,
//	       tokens verified in Rego with its caches of keys and tokens on
//
// It builds them, signs tokens, starts each as a process on loopback, and lets them take
// turns under a load generator that is a process of its own (bench load). Rates are told as
// ratios of one round, since a machine is not the same from minute to minute; so no test
// asserts one. What it found it prints, and writes into the page that it is given.
//
//	go run ./sidecar/bench -page docs/benchmarks.md
//
// It leaves the stages within the process to the benchmarks of their packages.
package main
