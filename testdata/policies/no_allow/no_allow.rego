# METADATA
# title: No allow
# description: "Odd: there is no rule allow, so this policy is refused when it is loaded."
# schemas:
#   - input: schema.access.input
package no_allow

default allowed := false

# METADATA
# title: A rule that nobody asks
# description: Almost the right name.
allowed if "normal" in input.assurance.levels
