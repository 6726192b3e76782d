# METADATA
# title: Undefined
# description: "Odd: allow has no default, so that it is undefined where nothing opens."
# schemas:
#   - input: schema.access.input
package undefined

# METADATA
# title: The open page
# description: For anyone who has signed in.
allow if {
	input.resource.id == "/open"
	"normal" in input.assurance.levels
}
