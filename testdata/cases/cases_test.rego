# METADATA
# title: The corpus, read by the stock tools
# description: >-
#   opa test policies/ cases:testdata/cases. What each verified token's login is worth,
#   and whether the demonstration policy lets it in, must be what the case expects. The
#   rest of a case (refused tokens, faults, other policies, how an answer is told) is
#   tested with the program in sidecar/corpus_test.go.
package cases_test

# The three steps of verification that change what the library reads are done here
# once more: who is a machine is the case's own word (expect.subject).

test_some_cases_were_loaded if {
	count(data.cases) > 0
	count(_readable) > 0
	count(_demonstrations) > 0
	count(_misread) > 0
}

# A file named by its case, and all that the tests below look at.
test_case_is_complete[name] if {
	some name, case in data.cases
	case.description != ""
	case.now > 0
	case.issuer.issuer
	case.issuer.vocabulary
	case.expect.outcome in {"allow", "deny", "step_up", "fault"}
	is_array(case.expect.reasons)
}

test_verified_case_is_complete[name] if {
	some name, case in _verified
	is_object(case.token.claims)
	is_string(case.token.claims.iss)
	is_string(case.token.claims.sub)
	is_string(case.request.action.name)
	is_string(case.request.resource.id)
	case.expect.outcome in {"allow", "deny", "step_up"}
	case.expect.subject in {"user", "client"}
	object.keys(case.expect.assurance) == {"level", "levels", "methods", "auth_time"}
}

# A vocabulary that is not shipped is the policy's own, which then is not read here.
test_vocabulary_is_known[name] if {
	some name, case in data.cases
	_known(case)
}

test_reading[name] if {
	some name, case in _readable
	reading := data.stepup.assurance.reading with input as _reading_input(case)
	object.union(case.expect.assurance, {"invalid": []}) == object.remove(reading, {"told"})
}

test_claim_of_wrong_type[name] if {
	some name, case in _misread
	reading := data.stepup.assurance.reading with input as _reading_input(case)
	reading.invalid == sort(case.expect.invalid)
	reading.levels == []
}

test_demonstration[name] if {
	some name, case in _demonstrations
	allowed := data.fabrikam.allow with input as _document(case)
	allowed == _opens(case)
}

_verified[name] := case if {
	some name, case in data.cases
	case.expect.assurance
}

_readable[name] := case if {
	some name, case in _verified
	_shipped(case)
}

_misread[name] := case if {
	some name, case in data.cases
	case.expect.invalid
}

_demonstrations[name] := case if {
	some name, case in _verified
	_package(case) == "fabrikam"
}

_opens(case) := case.expect.outcome == "allow"

_package(case) := object.get(case, ["policy", "package"], "fabrikam")

_shipped(case) if data.stepup.vocabularies[case.issuer.vocabulary]

_known(case) if _shipped(case)

_known(case) if case.policy.folder

_reading_input(case) := {
	"token": {"vocabulary": _vocabulary(case.issuer), "claims": _claims(case)},
	"machine": object.get(case, ["expect", "subject"], "user") == "client",
}

_vocabulary(issuer) := {
	"name": issuer.vocabulary,
	"levels": object.get(issuer, "levels", {}),
	"max_level": object.get(issuer, "max_level", ""),
}

# The claims under the vocabulary's names: the renamed one alone counts.
_claims(case) := object.union(
	object.remove(case.token.claims, object.keys(renames) | {source | some source in renames}),
	{name: case.token.claims[source] | some name, source in renames},
) if {
	renames := object.get(case.issuer, "claims", {})
}

# Providers tell scopes as a text, some by another name, and one as a list.
_scopes(claims) := claims.scp if is_array(claims.scp)

else := split(claims.scp, " ") if is_string(claims.scp)

else := split(object.get(claims, "scope", ""), " ")

_document(case) := {
	"subject": {
		"type": case.expect.subject,
		"id": case.token.claims.sub,
		"properties": {"issuer": case.token.claims.iss},
	},
	"action": object.union({"properties": {}}, case.request.action),
	"resource": object.union({"properties": {}}, case.request.resource),
	"context": object.get(case.request, "context", {}),
	"token": {
		"issuer": case.token.claims.iss,
		"subject": case.token.claims.sub,
		"scopes": _scopes(case.token.claims),
		"vocabulary": _vocabulary(case.issuer),
		"claims": _claims(case),
	},
	"assurance": {
		"levels": case.expect.assurance.levels,
		"methods": case.expect.assurance.methods,
		"auth_time": case.expect.assurance.auth_time,
		"age": max([0, case.now - case.expect.assurance.auth_time]),
	},
	"now": case.now,
}
