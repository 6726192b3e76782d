// Package login owns the door of the login rule, POST /v1/login: an OpenID provider asks
// what is still to be proved in a login, and which claims follow from what was.
//
//	body ─▶ parse.go ─▶ document ─▶ protocol.LoginRule ─▶ access.LoginAnswer ─▶ render.go ─▶ body
//
// The provider is believed: who signs in, which factors they enrolled and which they
// completed are its word, so that only providers may reach this door. It is off until
// login.enabled. The moment of the question is the sidecar's; a body that tells it is
// refused.
//
// Every answer of the rule has status 200: factors that are missing, claims, or an error
// for the client. What is no answer is a problem document (package protocol), and never
// has claims; a provider that gets one must not let the login go on.
//
// Standards: OpenID Connect Core, sections 3.1.2.1 and 3.1.2.6 (max_age, prompt, acr_values
// and their errors), 5.5.1.1 (essential acr); OpenID Connect Core Unmet Authentication
// Requirements 1.0; RFC 8176 (amr); RFC 9470, section 4; RFC 9457 for problems.
package login
