# METADATA
# title: Conflict
# description: "Odd: two rules give allow two values for the same question."
# schemas:
#   - input: schema.access.input
package conflict

# METADATA
# title: Readers
# description: Whoever reads may.
allow if input.action.name == "GET"

# METADATA
# title: The closed page
# description: Nobody may.
allow := false if input.resource.id == "/closed"
