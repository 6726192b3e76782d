// Package decisionlog tells of each decision as OPA's decision log does, through OPA's own
// plugin, so that whoever reads the logs of an OPA reads ours.
//
//	pdp.Record ─▶ bounded queue ─▶ one worker ─▶ event, cleaned ─▶ OPA's logs plugin
//	(answering)                                  masks (1)          drop, masks, console, service
//
// It owns what an event says, that none says a credential ([Result], clean.go), that each can be
// read again as it was written, which OPA's encoder does with a chunk that got too large, and a
// queue off the answer's path: [Log.Record] never blocks, and what does not fit is counted. It
// leaves to OPA's plugin whether, where and when an event is sent, in which buffer, and the
// rules system.log.drop and system.log.mask (Open Policy Agent, "Decision Logs").
//
// (1) OPA's masks do not reach a name with a slash in it, such as that of a namespaced
// claim; the plugin passes over such a path and tells nobody. The paths that OPA would not
// find are therefore carried out here, before the plugin sees the event, with the
// escapes of JSON Pointer (RFC 6901, section 3). Which paths there are is decided by the
// same rule, once for the event as it was.
//
// Events have the trace of the asking request, if it had one (W3C Trace Context).
package decisionlog
