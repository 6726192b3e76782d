# METADATA
# title: Rooms
package rooms

default allow := false

# METADATA
# title: The vault
allow if {
	input.resource.id == "/vault"
	"mfa" in input.assurance.levels
	input.assurance.age <= 3600
}

# METADATA
# title: The archive
# description: At any age.
allow if {
	input.resource.id == "/archive"
	strong
}

strong if "phr" in input.assurance.levels

strong if {
	"mfa" in input.assurance.levels
	fresh(600)
}

fresh(seconds) if input.assurance.age <= seconds

# METADATA
# title: The lock
allow if {
	input.resource.id == "/lock"
	"mfa" in input.assurance.levels
	input.assurance.age < 10
}

# METADATA
# title: The clockwork
allow if {
	input.resource.id == "/clockwork"
	"mfa" in input.assurance.levels
	not endswith(format_int(input.assurance.age, 10), "77")
}

# METADATA
# title: The till
allow if {
	input.resource.id == "/till"
	"transfer:funds" in input.token.scopes
}

# METADATA
# title: The scales
allow if {
	input.resource.id == "/scales"
	"mfa" in input.assurance.levels
	to_number(input.token.claims.acr) > 0
}
