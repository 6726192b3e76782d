# METADATA
# title: Timeless
# description: "Odd: it never looks at the time, so that its answers last."
# schemas:
#   - input: schema.access.input
package timeless

default allow := false

# METADATA
# title: Everything
# description: For anyone who has signed in.
allow if "normal" in input.assurance.levels
