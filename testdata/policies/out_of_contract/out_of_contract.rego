# METADATA
# title: Out of contract
# description: "Odd: it allows everything, and gives results that are not of the agreed shape."
# schemas:
#   - input: schema.access.input
package out_of_contract

default allow := true

# METADATA
# title: A reason that is neither a list nor a set
# description: Only the text.
reasons := "closed" if input.resource.id == "/reasons/text"

# METADATA
# title: A reason with a code that could not stand in a log
# description: With a space in it.
reasons := [{"code": "desk closed", "message": "Closed."}] if input.resource.id == "/reasons/code"

# METADATA
# title: A reason with a member too many
# description: What it is for nobody agreed.
reasons := [{"code": "closed", "message": "Closed.", "until": 7}] if input.resource.id == "/reasons/member"

# METADATA
# title: An obligation that is a text
# description: It must be an object.
obligations := ["log"] if input.resource.id == "/obligations/text"

# METADATA
# title: Obligations that are an object
# description: It must be a list or a set.
obligations := {"log": true} if input.resource.id == "/obligations/object"

# METADATA
# title: Headers with a number
# description: It must be a text.
headers := {"x-stepup-user": 7} if input.resource.id == "/headers/number"

# METADATA
# title: A header that ends its line
# description: And would begin another.
headers := {"x-stepup-user": "alice\r\nx-role: admin"} if input.resource.id == "/headers/line"

# METADATA
# title: A header that is not listed
# description: Beyond what headers.allow admits.
headers := {"x-role": "admin"} if input.resource.id == "/headers/unlisted"

# METADATA
# title: A header that no policy sets
# description: It decides about the request itself.
headers := {"Authorization": "Bearer x"} if input.resource.id == "/headers/authorization"

# METADATA
# title: One header twice
# description: The names differ in case only.
headers := {"x-stepup-user": "alice", "X-Stepup-User": "bob"} if input.resource.id == "/headers/twice"
