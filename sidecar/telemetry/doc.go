// Package telemetry owns how the sidecar tells about itself: its instruments, which are
// one table, and its log.
//
// It observes and decides nothing; no answer depends on it. Whoever does something
// worth counting calls one method of [Instruments] after having done it; the handler
// serves what was counted in the text format of Prometheus.
//
//	pdp, jwks, policy, protocol ─▶ Instruments ─▶ /metrics
//	everyone                    ─▶ slog.Logger ─▶ standard error
//
// The number of series is bounded by what is configured, never by what callers send:
// a policy's own codes are counted as "policy", an issuer nobody configured as "other".
// No label and no log line holds the text of a token; subjects are told as
// log.subjects says (see [Subject]).
//
// Instruments live in a registry of their own, so that two sidecars fit in one process.
package telemetry
