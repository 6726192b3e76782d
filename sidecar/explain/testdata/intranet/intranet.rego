# METADATA
# title: Intranet
package intranet

default allow := false

# METADATA
# title: Customers
# description: Anyone who has signed in.
allow if {
	input.resource.id == "/customers"
	"normal" in input.assurance.levels
}

# METADATA
# title: Employees
allow if {
	input.resource.id == "/employees"
	"read:employees" in input.token.scopes
	strong
}

allow if to_number(input.context.ticket) > 0

strong if "phr" in input.assurance.levels

strong if {
	"mfa" in input.assurance.levels
	fresh(3600)
}

fresh(seconds) if input.assurance.age <= seconds

reasons contains {"code": "office_hours", "message": "Come back in the morning."} if input.context.night
