// Package opadata owns the door for clients of the Open Policy Agent: its Data API at
// /v1/data, /v0/data and POST /, and /health, so that OPA's SDKs and the plugins of gateways
// ask the sidecar as they ask OPA.
//
//	{"input": …} ─▶ parse.go ─▶ access.Request ─▶ protocol.Decider ─▶ access.Decision ─▶ render.go ─▶ {"result": …}
//
// Three paths are known. <package>/allow gives the boolean, <package> the whole answer,
// and every other path is undefined, as a document that OPA does not have. A fault is an
// error in OPA's shape with a status of 5xx; it is never undefined and never a result.
//
// OPA reads as input whatever it is sent. Here the token is verified, and what follows from
// it is not taken from the caller: assurance, now and an object token are refused.
// Members that are not known reach the policy below input.context. A question without
// action or resource is about the HTTP request that a gateway tells, in the shapes of the
// plugins of Apache APISIX and Kong.
//
// Standards obeyed: the REST API of OPA 1.22 for the Data and Health APIs, with its
// errors; RFC 6750, section 2.1, where the token stands in the request that a gateway tells.
package opadata
