# METADATA
# title: Bank
# description: "Odd: its provider grants the scope that the rule asks for after a second factor only."
# schemas:
#   - input: schema.access.input
package bank

default allow := false

# METADATA
# title: Transfers
# description: Whoever has the scope.
allow if {
	input.resource.id == "/transfers"
	"transfer:funds" in input.token.scopes
}

# METADATA
# title: Limits
# description: With the second factor and the scope, lately.
allow if {
	input.resource.id == "/limits"
	"mfa" in input.assurance.levels
	"transfer:funds" in input.token.scopes
	input.assurance.age <= 900
}

# METADATA
# title: Why not
# description: Told on a refusal, and not with a step-up.
reasons contains {"code": "no_transfers", "message": "Transfers are closed to you."}
