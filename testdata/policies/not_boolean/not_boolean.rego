# METADATA
# title: Not a boolean
# description: "Odd: allow is something that many programs take for true."
# schemas:
#   - input: schema.access.input
package not_boolean

# METADATA
# title: A text
# description: Not true, only written like it.
allow := "true" if input.resource.id == "/text"

# METADATA
# title: A number
# description: One.
allow := 1 if input.resource.id == "/number"

# METADATA
# title: An object
# description: With the answer inside.
allow := {"allow": true} if input.resource.id == "/object"

# METADATA
# title: A set
# description: With the answer inside.
allow := {true} if input.resource.id == "/set"

# METADATA
# title: Nothing
# description: Null is defined, and no boolean.
allow := null if input.resource.id == "/null"
