# METADATA
# title: Negation
# description: >-
#   Odd: its rules open by negation. What is absent is undefined, and not undefined is
#   true: the cases show where that opens and where the document does not let it.
# schemas:
#   - input: schema.access.input
package negation

default allow := false

# METADATA
# title: Unless suspended
# description: Opens for a token without the claim.
allow if {
	input.resource.id == "/unless-suspended"
	not input.token.claims.suspended
}

# METADATA
# title: Unless a guest, told at once
# description: Roles that are absent are looked up before the negation, so this does not open.
allow if {
	input.resource.id == "/unless-guest"
	not "guest" in input.token.claims.roles
}

# METADATA
# title: Unless a guest, told by a rule
# description: The same with a rule of its own opens for a token without roles.
allow if {
	input.resource.id == "/unless-a-guest"
	not _guest
}

_guest if "guest" in input.token.claims.roles

# METADATA
# title: Unless stale
# description: Age is always there, and an unknown login is as old as the epoch.
allow if {
	input.resource.id == "/unless-stale"
	not input.assurance.age > 3600
}

# METADATA
# title: Unless strong
# description: Levels are always there, and empty for those who proved nothing.
allow if {
	input.resource.id == "/unless-strong"
	not "mfa" in input.assurance.levels
}
