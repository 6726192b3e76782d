// Package fleet runs OPA's own plugins, so that a sidecar is served by what serves OPAs:
// bundles, their signatures, discovery, status and decision logs.
//
// Of that machinery it writes nothing again. It owns the configuration that the plugins
// are given (policy.opa), the store that they write to, and what can be told of them:
//
//	policy.opa ─▶ plugins.Manager ─▶ bundle plugin ─▶ commit ─▶ admit ─▶ policy.Snapshot
//	                    ▲                                 │
//	              discovery plugin                  refused: the plugin keeps what
//	                                                was there, tells, and tries again
//
// The store embeds OPA's and adds one thing: a write is committed only if what would then
// be there makes a policy by our laws ([stepup/sidecar/policy]). So a bundle is activated
// whole or not at all. Decisions never read the store: a snapshot is a copy, and a decision
// keeps the one it began with.
//
// All state is a [Fleet]'s own: OPA's process-wide registries are not touched, and two
// fit in one process.
//
// It leaves to others: admitting (policy), writing decision logs (the plugin of
// [Fleet.Manager] does that for whoever hands it events), and telling of it on listeners
// (sidecar).
package fleet
