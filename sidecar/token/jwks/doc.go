// Package jwks keeps the public keys of one issuer at hand.
//
// It owns finding the key set (OpenID Connect Discovery 1.0, section 4; RFC 8414,
// section 3; a configured address; a file), fetching it, reading it key by key so that
// one bad key spoils no other (RFC 7517, section 5), and knowing when it is stale.
// It leaves to token which key may verify which token.
//
// A [Set] stands between verification and the network, so it bounds what others can
// make it do:
//
//   - All who wait share one refresh, and none of them can cancel it for the others.
//   - An unknown kid causes at most one fetch in 30 seconds, whoever sends how many.
//   - Addresses come from configuration, or from metadata of the configured issuer;
//     https, or http on loopback; no redirects, no user names, 512 KiB, 5 seconds.
//   - The last good set outlives an outage by 24 hours, then nothing verifies.
//
// HTTPS_PROXY and NO_PROXY are honoured, as in any Go program: the addresses are the
// operator's own, and TLS goes through the proxy untouched.
package jwks
