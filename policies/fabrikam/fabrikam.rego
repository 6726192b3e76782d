# METADATA
# title: Fabrikam Intranet
# description: Who may see what, and how strongly they must have signed in.
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
	"read:customers" in input.token.scopes
	"normal" in input.assurance.levels
}

# METADATA
# title: Employees
# description: Salaries inside, so a second factor within the last hour.
allow if {
	input.resource.id == "/employees"
	"read:employees" in input.token.scopes
	"mfa" in input.assurance.levels
	input.assurance.age <= 3600
}

# METADATA
# title: Payroll transfers
# description: Money leaves, so a login that cannot be phished within the last five minutes.
allow if {
	input.resource.id == "/payroll/transfers"
	input.action.name == "POST"
	"write:payroll" in input.token.scopes
	"phr" in input.assurance.levels
	input.assurance.age <= 300
}
