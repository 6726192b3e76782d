# METADATA
# title: Payroll desk
# description: >-
#   Odd: it says why it refuses, as texts and as codes, and goes on saying it when it
#   allows. Its package has two names.
# schemas:
#   - input: schema.access.input
package corp.payroll

default allow := false

# METADATA
# title: The head of payroll
# description: May, whatever the desk says.
allow if {
	input.token.claims.role == "head"
	"mfa" in input.assurance.levels
}

# METADATA
# title: Why not
# description: One sentence, and one code with its sentence.
reasons := [
	"Ask the head of payroll.",
	{"code": "desk_closed", "message": "The payroll desk is closed."},
]
