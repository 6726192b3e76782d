// Package input owns the document that policies read: what is in it, under which
// names, and how much each member can be trusted.
//
// A [Document] carries the moment it was made (now), so that rules never read a clock,
// and always assurance, so that a rule about a level has something to refuse. It never
// carries the door, the raw token, a proof or a cookie: the answer cannot depend on
// them. An imagined login is a document built anew, never a patched one.
//
// A test holds the document to policies/schemas/access/input.json. The names subject,
// action, resource and context are the OpenID AuthZEN Authorization API's.
package input
