# METADATA
# title: Fabrikam Intranet, by ID tokens
# description: |
#   The demonstration's policy for an application that reads the level from the ID token of
#   its web session. ID tokens have no scopes, so no rule asks for one.
# schemas:
#   - input: schema.access.input
package fabrikam

# METADATA
# title: Access to the intranet
# description: One way in per page. What no rule opens stays shut.
# entrypoint: true
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
# description: Salaries inside, so a second factor within the last hour.
allow if {
	input.resource.id == "/employees"
	"mfa" in input.assurance.levels
	input.assurance.age <= 3600
}

# METADATA
# title: Payroll transfers
# description: Money leaves, so a login that cannot be phished within the last five minutes.
allow if {
	input.resource.id == "/payroll/transfers"
	input.action.name == "POST"
	"phr" in input.assurance.levels
	input.assurance.age <= 300
}
