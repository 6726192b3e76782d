// Package intranet is the Fabrikam Intranet: the application of the demonstration. It shows
// customers to everyone who signed in, employees to a second factor within the hour, and
// sends money on a login that cannot be phished within five minutes.
//
//	browser ─▶ page ─▶ client.RequireStepUp ─▶ sidecar
//	   ▲         │ allow: the page           │
//	   └─ provider ◀── step up: /sign-in ◀───┘
//
// It owns pages, sessions, its defence against forged forms, and the client's side of
// OpenID Connect (OpenID Connect Core 1.0, section 3.1: the code flow, with PKCE of RFC
// 7636, state, nonce, and iss of RFC 9207), on github.com/coreos/go-oidc and
// golang.org/x/oauth2.
//
// It leaves every decision about who may see what to the sidecar, by way of
// [stepup/sidecar/client]: there is no level, age or scope to be compared in this package.
//
// Somebody who comes back from a step-up has to be who left for it: another person's second
// factor never lifts the first one's session. Forms carry a token that outlives a step-up
// of the same person, so that a form that was kept over one is still theirs.
package intranet
