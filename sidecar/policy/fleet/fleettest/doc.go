// Package fleettest is a server of bundles, and one of decision logs, for tests. It speaks OPA's bundle protocol with
// what OPA's own library makes and signs, and it can do badly whatever servers, networks
// and thieves do badly. No program imports it.
package fleettest
