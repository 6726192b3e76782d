// Command bench measures the sidecar side by side with what it is compared with, in one run:
//
//	limit  an echo handler that decodes the same body as strictly and writes a copy of one
//	       of our answers, likewise for a GET and for a call over gRPC: as fast as
//	       answering nothing
//	us     stepup serve
//	opa    OPA's own server, from the same go.mod, at its best for this work: the same rules,
//	       tokens verified in Rego with its caches of keys and tokens on
//
// It builds them, signs tokens, starts each as a process on loopback, and lets them take
// turns under a load generator that is a process of its own (bench load), which holds every
// answer against the one that has to come. Rates are told as ratios of one round, since a
// machine is not the same from minute to minute; so no test asserts one. What it found it
// prints, and writes into the page that it is given.
//
//	go run ./sidecar/bench -page docs/benchmarks.md
//	go run ./sidecar/bench -rows hot,cold
//
// What grows with what it measures in its own process, where small differences are seen. It
// leaves the stages of an answer to the benchmarks of their packages.
package main
