# METADATA
# title: Suite
# description: Rooms of rising strength, for providers whose scopes have names of their own.
# schemas:
#   - input: schema.access.input
package suite

default allow := false

# METADATA
# title: The office
# description: For those who have signed in.
allow if {
	input.resource.id == "/office"
	"normal" in input.assurance.levels
}

# METADATA
# title: The vault
# description: For those who used a second factor within the last hour.
allow if {
	input.resource.id == "/vault"
	"mfa" in input.assurance.levels
	input.assurance.age <= 3600
}

# METADATA
# title: The safe
# description: The vault, for those whose provider says that there were two factors.
allow if {
	input.resource.id == "/safe"
	"mfa" in input.assurance.levels
	"mfa" in input.assurance.methods
}
