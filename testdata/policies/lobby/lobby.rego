# METADATA
# title: Lobby
# description: "Odd: it lets in people who have not signed in."
# schemas:
#   - input: schema.access.input
package lobby

default allow := false

# METADATA
# title: The lobby
# description: For everybody.
allow if input.resource.id == "/lobby"

# METADATA
# title: The office
# description: For those who have signed in.
allow if {
	input.resource.id == "/office"
	"normal" in input.assurance.levels
}

# METADATA
# title: The front door
# description: "A trap: there is no token to be of the wrong kind, so it opens for nobody's token."
allow if {
	input.resource.id == "/door"
	not input.token.kind == "id_token"
}
