// Package navigation owns what becomes of a browser that goes to a page and has to sign in
// first, or more strongly, where a proxy asks for it: whether a refused request is such a
// navigation, where it is sent, and where it comes back to.
//
//	protocol/… ─▶ Visit, access.Decision ─▶ SignIn.Send ─▶ Trip (302, Location) or nothing (401 with its challenge)
//
// Only a login that could help is worth a trip: what is refused with 401. A deny, a fault and a
// proxy that may not ask send nobody anywhere. A script that fetches could not show a page to
// sign in and gets 401.
//
// Nothing that a client sends chooses where the trip goes: its address is that of the
// configuration, and the address to come back to is the configured origin with the very path
// that was asked about, if the configuration lists that path. A client's host, however it is
// told, is only ever compared.
//
// Nobody is sent round in circles. Logins that are newer and do not help are noticed by package
// loopguard, which denies. For what it cannot see (nobody was signed in, or it was the same login
// again) a cookie counts how often this browser was sent for a page. It is not signed: whoever
// forges it is sent less often.
//
// The zero value of [SignIn], a nil one, sends nobody.
//
// Standards obeyed: Fetch Metadata Request Headers (W3C), sections 2.1 and 2.3; RFC 9110, section
// 12.5.1 (Accept); RFC 6265 and its __Host- names; RFC 9470, section 4: what a step-up asks for
// goes into the address as the parameters of an authorization request.
package navigation
