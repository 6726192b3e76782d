// Package client owns the calling application's side: asking the sidecar, and doing what it
// answers. It stands on the standard library alone and imports nothing of ours, so that it
// can be copied into any program.
//
//	request ─▶ RequireStepUp ─▶ Decide ─┬▶ allow    the handler
//	                                    ├▶ deny     403, or the challenge as it was given
//	                                    ├▶ step_up  a page: to the provider and back, once
//	                                    │           a fetch: 401 with the challenge (RFC 9470)
//	                                    └▶ nothing  503; no error is ever an allow
//
// What stands here: [Client] asks; [Answer.WriteChallenge] answers as a resource server
// would; [StepUp.RequireStepUp] puts both around a handler; [MergeAuthorization] adds what
// the sidecar asks for to an application's own authorization request; [LocalPath] keeps
// return addresses on this site.
//
// Nobody is sent round in circles: a signed cookie remembers what this browser was sent
// for. If it comes back with another login and the answer is the same, the person sees a
// page that says so (step_up_unmet) instead of the provider.
//
// A form that is posted and needs a stronger login is kept, under a ticket that only this
// session can redeem, once and at this path, and is put to the handler after the step-up.
//
// It leaves to the application: its sessions, OpenID Connect itself (state, nonce, PKCE,
// the callback, and that the person who comes back is the one who left), and its defence
// against forged forms, which stays in the handler and sees a kept form as it was sent.
package client
