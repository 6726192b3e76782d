// Package protocol owns what all doors share: mounting, who may ask, limits, strict JSON
// and problem documents, so that a door holds only its own wire format.
//
// It decides nothing and knows no wire format. A door parses what came in to an
// [access.Request], asks a [Decider], and renders the [access.Decision]:
//
//	wire ─▶ NewEcho, Mount ─▶ Callers ─▶ ReadJSON, Decode ─▶ door ─▶ Decider
//	wire ◀─ Send, Problem  ◀─────────────────────────────── door ◀─┘
//
// Whatever goes wrong is answered with a problem document which says no: an error that
// a handler returns, a panic, an unknown path, a method that a path does not have, a
// body that is too large. No such answer can be read as consent.
//
// Standards obeyed:
//
//   - RFC 8259 and RFC 7493 (I-JSON), read strictly: unique names, valid UTF-8 and no
//     lone surrogates, numbers within the range of a double, one value and nothing after
//   - RFC 6901: errors point at the member they are about
//   - RFC 9457: problem documents
//   - RFC 9110, sections 8.3, 8.4, 10.2.3, 15.5 and 15.6: media types, codings,
//     Retry-After, 404, 405 with Allow, 413, 415, 500, 503
//   - RFC 9110, section 11, and RFC 6750, section 2.1: Authorization tells the caller, never
//     the user; X509-SVID, section 2: a SPIFFE id stands alone in its certificate
//   - RFC 9111, section 5.2.2.5: no answer may be stored
package protocol
