// Package devissuer is the issuer of tokens for development: real keys and real tokens
// without a provider, for `stepup serve --dev`, `stepup token` and the demo.
//
// It owns the key, which is made on first use and never leaves the user's state folder,
// and what a token of the demonstration vocabulary (stepup-demo) looks like: access
// tokens complete by RFC 9068, section 2.2, and ID tokens by OpenID Connect Core, section
// 2. It leaves verifying to token, which treats it as any issuer; what makes it harmless
// is that only a flag turns it on, that its name can belong to nobody (.invalid, RFC
// 6761, section 6.4), and that it is refused in configuration.
//
// Where the key is kept: $XDG_STATE_HOME/stepup, or ~/.local/state/stepup (XDG Base
// Directory Specification). The folder is made with mode 0700, the key file with 0600. A
// folder to which group or others may write is refused, and so is a key file that they may
// use at all, for whoever has the key can sign in as anybody.
package devissuer
