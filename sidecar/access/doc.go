// Package access owns the vocabulary of question and answer: a Request asks
// whether a login may do something, a Decision answers.
//
// It holds facts and words only. It verifies nothing, evaluates nothing and
// reads no wire format; every other package of the sidecar speaks in its terms,
// and it imports none of them:
//
//	wire ─▶ protocol ─▶ access.Request ─▶ pdp ─▶ access.Decision ─▶ protocol ─▶ wire
//
// What stands here:
//
//   - [Request]: credential, action, resource, context and, from a gateway, the HTTP request
//   - [Credential]: a token's text, which prints as a digest everywhere
//   - [Assurance]: how strongly and when the person signed in
//   - [Decision]: the [Outcome], its ordered [Reason]s and what goes with them
//   - [StepUp], which speaks of assurance, and [Challenge], which speaks to the client
//   - [Code]: the one table of reason codes, with what each becomes in HTTP and OAuth
//
// The words subject, action, resource and context are those of the OpenID AuthZEN
// Authorization API 1.0; acr, auth_time and max_age those of OpenID Connect and
// RFC 9470.
package access
