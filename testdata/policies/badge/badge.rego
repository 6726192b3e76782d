# METADATA
# title: Badge
# description: >-
#   Odd: it brings a vocabulary and a level of its own as data. A badge is more than a
#   password and neither more nor less than two factors.
# schemas:
#   - input: schema.access.input
package badge

default allow := false

# METADATA
# title: The workshop
# description: With a badge.
allow if {
	input.resource.id == "/workshop"
	"badge" in input.assurance.levels
}

# METADATA
# title: The safe
# description: With two factors.
allow if {
	input.resource.id == "/safe"
	"mfa" in input.assurance.levels
}

# METADATA
# title: The gate
# description: Within the hour, which this vocabulary never tells.
allow if {
	input.resource.id == "/gate"
	"badge" in input.assurance.levels
	input.assurance.age <= 3600
}
