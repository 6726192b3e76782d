package stepup.samples_test

import data.stepup.samples

test_document_of_nobody if {
	samples.document([]) == {
		"subject": {"type": "user", "id": "", "properties": {}},
		"action": {"name": "", "properties": {}},
		"resource": {"type": "", "id": "", "properties": {}},
		"context": {},
		"assurance": {"levels": [], "methods": [], "auth_time": 0, "age": 1795428120},
		"now": 1795428120,
	}
}

test_document_of_a_person if {
	samples.document([
		samples.person("alice"),
		samples.token(["openid", "read:employees"], {"department": "hr"}),
		samples.login("mfa", 120),
		samples.request("GET", "/employees/7"),
	]) == {
		"subject": {"type": "user", "id": "alice", "properties": {"issuer": "https://dev.stepup.invalid/"}},
		"action": {"name": "GET", "properties": {}},
		"resource": {"type": "route", "id": "/employees/7", "properties": {}},
		"context": {},
		"request": {
			"method": "GET",
			"scheme": "https",
			"host": "intranet.fabrikam.example",
			"path": "/employees/7",
			"segments": ["employees", "7"],
			"query": {},
			"headers": {},
			"client_ip": "203.0.113.7",
		},
		"token": {
			"issuer": "https://dev.stepup.invalid/",
			"subject": "alice",
			"client_id": "intranet",
			"audiences": ["https://intranet.fabrikam.example/api"],
			"scopes": ["openid", "read:employees"],
			"kind": "access_token",
			"binding": "none",
			"expires_at": 1795431720,
			"vocabulary": {"name": "stepup-demo", "levels": {}, "max_level": ""},
			"claims": {
				"iss": "https://dev.stepup.invalid/",
				"sub": "alice",
				"department": "hr",
				"authentication_level": "mfa",
				"acr": "mfa",
				"amr": ["pwd", "otp", "mfa"],
				"auth_time": 1795428000,
			},
		},
		"assurance": {"levels": ["normal", "mfa"], "methods": ["pwd", "otp", "mfa"], "auth_time": 1795428000, "age": 120},
		"now": 1795428120,
	}
}

test_document_of_a_machine if {
	document := samples.document([samples.machine("billing")])
	document.subject == {"type": "client", "id": "billing", "properties": {"issuer": "https://dev.stepup.invalid/"}}
	document.token.client_id == "billing"
	document.assurance == {"levels": [], "methods": [], "auth_time": 0, "age": 1795428120}
}

# What a sample says of a login is what the library reads from its claims.
test_login_agrees_with_the_reading if {
	every level in ["normal", "mfa", "phr"] {
		document := samples.document([samples.person("alice"), samples.login(level, 60)])
		reading := data.stepup.assurance.reading with input as {"token": document.token, "machine": false}
		reading == {
			"level": level,
			"levels": document.assurance.levels,
			"methods": document.assurance.methods,
			"auth_time": document.assurance.auth_time,
			"told": true,
			"invalid": [],
		}
	}
}
