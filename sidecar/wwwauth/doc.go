// Package wwwauth owns the text of WWW-Authenticate: one printer, which turns an
// [access.Challenge] into a field value, and one parser, which reads what any server
// sent.
//
// It decides nothing. Which challenge a refusal deserves is said by package access;
// what a step-up asks for, by the vocabulary of the token's issuer.
//
//	access.Challenge ─▶ Print ─▶ WWW-Authenticate ─▶ Parse ─▶ Challenge ─▶ access.Challenge
//
// Standards obeyed:
//
//   - RFC 9110, section 11.6.1 and 11.2: grammar of challenges, token68, quoted-string,
//     several challenges in one field, names compared without case, each at most once
//   - RFC 6750, section 3: error, error_description, scope
//   - RFC 9470, section 3: acr_values and max_age, always written as quoted-string,
//     read in both forms
//   - Microsoft Entra's claims challenge: realm, authorization_uri, error, claims, in one
//     Bearer challenge
//
// Nothing that came from outside can end the field or the quoted-string it stands in:
// quotes and backslashes are escaped, a line break is an error.
package wwwauth
