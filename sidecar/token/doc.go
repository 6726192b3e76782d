// Package token decides whether a token is what it says: who issued it, for whom, and
// whether it holds at this moment. What it yields, [Claims], is proved; nothing else of
// a token ever reaches a policy, a log or a challenge.
//
// It owns the choice of issuer, the order of checks, what the shipped vocabularies say
// about verifying (never data of a bundle), and the kinds of error. It leaves fetching
// keys to token/jwks, and what a login is worth to assurance.
//
// The checks follow RFC 9068 (section 4), RFC 8725, RFC 7515 (compact serialisation
// only), RFC 7519 and, for ID tokens, OpenID Connect Core (section 3.1.3.7). JOSE
// itself is go-jose's work; what go-jose would let pass is refused here first.
package token
