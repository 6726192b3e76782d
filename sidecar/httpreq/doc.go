// Package httpreq owns what an HTTP request is to us when somebody else received it: the one
// canonical spelling of its path, the segments of it that policies see, and which resource
// it is about.
//
// A gateway and an application may read one path differently (%2F, "//", ".."), and then a rule
// about one resource would guard another. So there is one spelling only; others are refused,
// never mended.
//
//	gateway or caller ─▶ protocol/… ─▶ New ─▶ access.HTTPRequest ─▶ Routes ─▶ access.Resource
//
// Which headers of a gateway tell method and path is the doors' affair, and what a resource
// means is the policy's. Routes come from a table or from the paths of an OpenAPI document;
// both are read strictly, and two routes between which routers differ are refused.
//
// Standards obeyed: RFC 3986, sections 2.1, 3.3 and 6.2.2; RFC 9110, sections 7.2 and 9.1;
// OpenAPI 3.1, sections 4.8.5 (servers) and 4.8.8 (paths).
package httpreq
