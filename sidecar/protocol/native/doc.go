// Package native owns the sidecar's own protocol: one decision at POST /v1/decision,
// several at POST /v1/decisions, what a resource needs before there is a token at
// /v1/requirements, and the OpenAPI document of them all at /openapi.yaml.
//
// It reads requests to [access.Request] and renders [access.Decision]; it neither knows
// tokens nor policies, and the answer depends on nothing but the decision.
//
//	body ─▶ parse.go ─▶ access.Request ─▶ protocol.Decider ─▶ access.Decision ─▶ render.go ─▶ body
//	body or query ─▶ access.RequirementQuestion ─▶ protocol.Requirer ─▶ requirements.go ─▶ body
//
// Every decision is told with status 200, a refused token included; what a resource
// server would answer stands in its member http, ready to be copied. What is no
// decision is a problem document that says no (package protocol).
//
// The caller's word is taken for action, resource, context and request, and for nothing
// else: who acts comes from the token, so that a member subject is refused, and a
// member whose feature is not built is refused by its name.
//
// Standards obeyed: RFC 6750, 9449 and 9470 in what http says; RFC 9457 for problems;
// OpenAPI 3.1. The words action, resource and context, and defaults as whole members in
// a batch, are those of the OpenID AuthZEN Authorization API 1.0.
package native
