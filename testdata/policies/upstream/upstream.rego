# METADATA
# title: Headers for the upstream
# description: "Odd: it gives headers on every answer, though they are for allow only."
# schemas:
#   - input: schema.access.input
package upstream

default allow := false

# METADATA
# title: Reading
# description: For anyone who has signed in.
allow if {
	input.action.name == "GET"
	"normal" in input.assurance.levels
}

# METADATA
# title: Who asks
# description: Names are compared without case.
headers["X-Stepup-User"] := input.subject.id

# METADATA
# title: How strongly
# description: Every level, for an upstream that shows it.
headers["x-stepup-levels"] := concat(" ", input.assurance.levels)
