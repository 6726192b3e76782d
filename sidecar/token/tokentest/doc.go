// Package tokentest is an issuer for tests: real keys, real signatures, and a real
// server on loopback that publishes them, and misbehaves when asked to.
//
// It owns signing whatever a test wants signed, well-formed or not, with the standard
// library alone: it shares no JOSE code with what it tests. A [Key] signs and shows its
// public JWK; an [Issuer] publishes keys by discovery (OpenID Connect Discovery 1.0, RFC
// 8414), rotates them, goes down, stalls, serves garbage, and counts who asks. It knows
// nothing of policies; no program imports it.
//
//	issuer := tokentest.New(t)
//	text := issuer.Token(access.Object{"acr": "mfa"})
//
// The issuer's server is closed when the test ends.
package tokentest
