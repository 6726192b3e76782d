package fabrikam_test

import data.fabrikam
import data.stepup.samples

test_customers_are_for_everyone_who_signed_in if {
	fabrikam.allow with input as _asked("GET", "/customers", ["read:customers"], samples.login("normal", 86400))
}

test_customers_need_a_login if {
	not fabrikam.allow with input as _asked("GET", "/customers", ["read:customers"], {})
}

test_customers_need_their_scope if {
	not fabrikam.allow with input as _asked("GET", "/customers", ["read:employees"], samples.login("phr", 0))
}

test_employees_need_a_second_factor if {
	fabrikam.allow with input as _asked("GET", "/employees", ["read:employees"], samples.login("mfa", 60))
	not fabrikam.allow with input as _asked("GET", "/employees", ["read:employees"], samples.login("normal", 60))
}

test_employees_need_it_within_the_hour if {
	fabrikam.allow with input as _asked("GET", "/employees", ["read:employees"], samples.login("mfa", 3600))
	not fabrikam.allow with input as _asked("GET", "/employees", ["read:employees"], samples.login("mfa", 3601))
}

test_employees_need_their_scope if {
	not fabrikam.allow with input as _asked("GET", "/employees", ["read:customers"], samples.login("mfa", 60))
}

test_transfers_need_a_login_that_cannot_be_phished if {
	fabrikam.allow with input as _asked("POST", "/payroll/transfers", ["write:payroll"], samples.login("phr", 60))
	not fabrikam.allow with input as _asked("POST", "/payroll/transfers", ["write:payroll"], samples.login("mfa", 60))
}

test_transfers_need_it_within_five_minutes if {
	fabrikam.allow with input as _asked("POST", "/payroll/transfers", ["write:payroll"], samples.login("phr", 300))
	not fabrikam.allow with input as _asked("POST", "/payroll/transfers", ["write:payroll"], samples.login("phr", 301))
}

test_transfers_are_posted if {
	not fabrikam.allow with input as _asked("GET", "/payroll/transfers", ["write:payroll"], samples.login("phr", 60))
}

test_transfers_need_their_scope if {
	not fabrikam.allow with input as _asked("POST", "/payroll/transfers", ["read:payroll"], samples.login("phr", 60))
}

test_other_pages_stay_shut if {
	every path in ["/", "/customers/", "/Customers", "/employees/7", "/payroll"] {
		not fabrikam.allow with input as _asked("GET", path, ["read:customers", "read:employees", "write:payroll"], samples.login("phr", 0))
	}
}

test_machines_stay_outside if {
	not fabrikam.allow with input as samples.document([
		samples.machine("billing"),
		samples.token(["read:customers"], {}),
		samples.request("GET", "/customers"),
	])
}

test_nobody_stays_outside if {
	fabrikam.allow == false with input as samples.document([samples.request("GET", "/customers")])
	fabrikam.allow == false with input as {}
}

_asked(method, path, scopes, login) := samples.document([
	samples.person("alice"),
	samples.token(scopes, {}),
	login,
	samples.request(method, path),
])
