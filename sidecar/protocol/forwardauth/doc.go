// Package forwardauth owns the doors of proxies that ask before they pass a request on:
// nginx (auth_request), Traefik (ForwardAuth), Caddy (forward_auth), HAProxy (a Lua action)
// and Envoy's ext_authz over HTTP.
//
//	proxy ─▶ parse.go ─▶ httpreq ─▶ access.Request ─▶ protocol.Decider ─▶ access.Decision ─▶ render.go ─▶ proxy
//
// Each proxy has a door of its own, which is open to its configured peers only and reads
// only its own headers. Which proxy asks is never guessed from what came: most proxies send on
// what a client sent, the headers of another family among it. A header that tells the
// request stands there exactly once, and nothing is assumed where it does not.
//
// Authorization is the user's here, never the proxy's: a proxy is known by its address, its
// client certificate or its user.
//
// 200 is the only answer that lets a request pass, and only an allow gets it. Everything else
// has a status with which that proxy refuses: 401 with the challenge, 403, or its fault. A
// browser that would get a 401 may be sent to sign in instead (package navigation).
//
// What a path is about is said by package httpreq; tokens and policies are not known here.
//
// Standards obeyed: RFC 6750, section 2.1 (the token is sent in Authorization, once); RFC
// 9110, section 11.6.1 (every challenge is a field of its own); RFC 9470, section 3.
package forwardauth
