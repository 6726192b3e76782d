// Package idp is Fabrikam's OpenID provider: where people of the demonstration sign in,
// and sign in more strongly. It is a real provider on loopback, used through its public
// endpoints alone, and one that can be told to misbehave (see [Misbehave]).
//
// It owns the protocol (OpenID Connect Core 1.0, the code flow with PKCE of RFC 7636,
// refresh with rotation, introspection of RFC 7662, revocation of RFC 7009, RP-initiated
// logout, discovery), the tokens (RFC 9068), the factors with their enrolment, and the
// single sign-on session. It stands on the op package of github.com/zitadel/oidc.
//
// It leaves to the login rule, behind [Rule], which factors are still to be proved and
// which claims follow. What the rule is told was completed here, in this session, by this
// person; what it answers is held to the contract of [Answer], and whatever else it says,
// or its silence, ends the login with server_error. So a level is never claimed
// for a factor that was only asked for (RFC 9470, section 5, asks to satisfy a wish or to
// say unmet_authentication_requirements).
//
// The session is one person's. A step-up asks for the missing factor only; another person
// who signs in gets another session, to which nothing of the first belongs. auth_time
// comes from the rule and therefore from moments at which somebody proved something;
// a refresh repeats the claims of its login.
//
// Everything is kept in memory, bounded and with an end; a restart signs everybody out.
package idp
