// Package authzen owns the door of the OpenID AuthZEN Authorization API 1.0: one
// evaluation at POST /access/v1/evaluation, several at /access/v1/evaluations, searches at
// /access/v1/search/{subject,resource,action}, and the metadata of them at
// /.well-known/authzen-configuration. The OpenAPI document of them all is at
// /access/v1/openapi.yaml.
//
// It reads requests to [access.Request] and renders [access.Decision]; it neither knows
// tokens nor policies, and the answer depends on nothing but the decision.
//
//	body ─▶ parse.go, batch.go, search.go ─▶ access.Request ─▶ protocol.Decider
//	body ◀─ render.go ◀─ access.Decision ◀──────────────────────────┘
//
// The specification has no place for the user's token: it is taken from context.token or
// the header X-Subject-Token, and is nowhere in the context that policies see. The subject
// of the body has to be the token's. Without a token it is the caller's word, which counts
// only where the configuration says policy.anonymous.
//
// What the specification leaves open is decided so that nothing reads as consent: members
// that it does not know are read over, as it demands, but a token in the wrong place is
// refused, since to leave it out would be to ask about somebody else.
//
// Standards obeyed: OpenID AuthZEN Authorization API 1.0, sections on evaluation,
// evaluations, search, metadata and transport; its Obligations profile, draft 1, as far as
// step-up; RFC 8259 and RFC 7493 (package protocol); RFC 9470 in what http says.
package authzen
