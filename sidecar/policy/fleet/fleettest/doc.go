// Package fleettest is a server of bundles, one of decision logs and one of statuses, for
// tests. It speaks OPA's bundle protocol with what OPA's own library makes and signs, and it can do badly whatever servers, networks
// and thieves do badly. No program imports it.
package fleettest
