// Package config owns how the program is told what to do: file, environment and flags,
// their defaults, what each may be, where each value came from, and the page that says so.
//
// [Config] is the one table of keys; everything about a key is a tag there and written
// nowhere else. [Load] fills it, later sources overriding earlier ones key by key:
//
//	default ◀── file (YAML) ◀── environment (STEPUP_…) ◀── flag
//
// and either returns a configuration that is complete and checked, or an [*Error] with
// everything that is wrong: where it stands, what it is, what to do. What is not known is
// refused, and so is a key whose feature is not built yet: a line that does nothing would
// be believed to protect. Only a variable with an unknown name is merely told of, since
// the environment belongs to others too.
//
// [Config.Print] writes a configuration with the origin of each value, and what it writes
// loads again. [Reference] writes docs/configuration.md.
//
// It leaves to others whether files exist, certificates fit, a policy compiles and a
// vocabulary is known: they find out where they open them. Of policy.opa it knows the keys, by
// OPA's own types, and leaves to OPA what they mean. It imports nothing of ours.
//
// Standards: issuers as in OpenID Connect Discovery 1.0 (section 3) and RFC 8414 (section
// 2); algorithms of RFC 7518 (section 3.1) and RFC 8037; header names of RFC 9110.
package config
