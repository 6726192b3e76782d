// Package openapitest holds what a door does to the OpenAPI document that stands beside its code.
// No program imports it.
//
//	openapi.yaml ─▶ Read ─▶ Document ─┬▶ CheckRoutes  every path and method is there, and no other
//	                                  ├▶ Witness      every answer of a test's server is described
//	                                  └▶ Takes        so is the question
//
// Described is an answer as a whole: its status, every header, its media type, every member. So a
// door cannot begin to answer something else without its document being changed, and a reader may
// rely on what is not in it as well.
//
// A document is OpenAPI 3.1, whose schemas are those of JSON Schema 2020-12: what they say is
// checked by a library for it, and not by code of ours.
package openapitest
