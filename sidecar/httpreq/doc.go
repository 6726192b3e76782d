// Package httpreq owns what an HTTP request is to us when somebody else received it: the one
// canonical spelling of its path, and the segments of it that policies see.
//
// A gateway and an application may read one path differently (%2F, "//", ".."), and then a rule
// about one resource would guard another. So there is one spelling only; others are refused,
// never mended.
//
//	gateway or caller ─▶ protocol/… ─▶ httpreq ─▶ access.HTTPRequest, access.Resource
//
// It leaves the wire to the doors, and what a path means to the policy.
//
// Standards obeyed: RFC 3986, sections 2.1, 3.3 and 6.2.2.
package httpreq
