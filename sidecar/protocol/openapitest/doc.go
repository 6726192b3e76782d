// Package openapitest holds what a door does to the OpenAPI document that stands beside its code.
// No program imports it.
//
//	openapi.yaml ─▶ Read ─▶ Document ─▶ schemas and routes, for the tests of one door
//
// A document is OpenAPI 3.1, whose schemas are those of JSON Schema 2020-12: what they say is
// checked by a library for it, and not by code of ours.
package openapitest
