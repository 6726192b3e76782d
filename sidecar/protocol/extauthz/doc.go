// Package extauthz owns the door for Envoy and what is built on it (Istio, Contour,
// Emissary): the gRPC service envoy.service.auth.v3.Authorization with its one method Check,
// and grpc.health.v1 beside it.
//
// It reads a CheckRequest to [access.Request] and renders [access.Decision] as what Envoy is
// to send on to the application or back to its user. It knows neither tokens nor policies.
//
//	CheckRequest ─▶ who asks ─▶ a place ─▶ parse.go ─▶ access.Request ─▶ protocol.Decider
//	CheckResponse ◀──────────────────────── render.go ◀─ access.Decision ◀─┘
//
// Whatever goes wrong in a Check is a denied response, a panic and an unknown caller
// included, and never a gRPC error nor an error_response: an Envoy that is told
// failure_mode_allow lets those pass.
//
// What a client can send (headers, path, method) chooses nothing but what it asks for. What the
// operator wrote for a route (context_extensions) may choose action and resource in place of
// method and path. A path that could be read in two ways is refused, never mended.
//
// Standards obeyed: envoy.service.auth.v3 as of go-control-plane v1.40; RFC 6750, section
// 2.1: Authorization: Bearer, once; RFC 3986 by package httpreq; RFC 9110, section 5.6.2:
// names of headers; RFC 6750 and 9470 in challenges; RFC 9457 in bodies; gRPC Health
// Checking Protocol.
package extauthz
