# METADATA
# title: Mirror
# description: "Odd: it obliges the caller with the document that it was given."
# schemas:
#   - input: schema.access.input
package mirror

default allow := false

# METADATA
# title: The document
# description: As policies see it.
obligations contains input
