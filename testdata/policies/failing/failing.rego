# METADATA
# title: Failing
# description: "Odd: a built-in function fails, and a rule that negates it would open."
# schemas:
#   - input: schema.access.input
package failing

default allow := false

# METADATA
# title: Unless the page's number is large
# description: A page without a number is not a page with a small one.
allow if not _large

_large if to_number(trim_prefix(input.resource.id, "/pages/")) > 100
